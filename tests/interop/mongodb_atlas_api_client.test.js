"use strict";

/*
 * `mongodb-atlas-api-client` of npm: v1.0, HTTP Digest by `urllib`, base URL by its option.
 *
 * It knows organizations, and access lists of projects only, at `/groups/{projectId}/accessList`; with `../orgs/...` for
 * a project, `urllib` makes a key's list of it. It makes no keys: the list is that of the owner, who makes the calls.
 *
 * Known faults of the client:
 * - an error is no exception: the error's body is the value, and `delete` says true whatever the answer;
 * - it does not encode what it puts into paths: who names a range writes %2F.
 */

const assert = require("node:assert/strict");
const { after, test } = require("node:test");

const clientOf = require("mongodb-atlas-api-client");

const site = process.env;
const org = site.INTEROP_ORG;

function as(privateKey, prefix = "/api/atlas/v1.0") {
  return clientOf({
    publicKey: site.INTEROP_PUBLIC_KEY,
    privateKey,
    baseUrl: site.INTEROP_ADMIN_URL + prefix,
    projectId: `../orgs/${org}/apiKeys/${site.INTEROP_KEY_ID}`,
  });
}

const owner = as(site.INTEROP_PRIVATE_KEY);
const list = owner.projectAccesslist;
// Made by `portcullis init`, and stood on by every call here.
const FIRST = ["127.0.0.1/32", "::1/128"];

function blocks(page) {
  return page.results.map((entry) => entry.cidrBlock);
}

async function forget(...names) {
  for (const name of names) {
    await list.delete(encodeURIComponent(name));
  }
  assert.deepEqual(blocks(await list.getAll()), FIRST);
}

test("organizations are listed, filtered and found", async () => {
  const page = await owner.organization.getAll();
  assert.deepEqual(page.results.map(({ id, name }) => [id, name]), [[org, "Interop"]]);
  assert.equal((await owner.organization.getAll({ name: "INTER" })).totalCount, 1);
  assert.equal((await owner.organization.getAll({ name: "other" })).totalCount, 0);
  assert.equal((await owner.organization.getById(org)).name, "Interop");
});

test("an envelope and a pretty body say the same", async () => {
  const { status, content } = await owner.organization.getById(org, { envelope: true, pretty: true });
  assert.equal(status, 200);
  assert.equal(content.id, org);
});

test("the older prefix of Cloud Manager answers as well", async () => {
  const cloudManager = as(site.INTEROP_PRIVATE_KEY, "/api/public/v1.0");
  const page = await cloudManager.organization.getAll();
  assert.equal(page.results[0].links[0].href, `${site.INTEROP_ADMIN_URL}/api/public/v1.0/orgs/${org}`);
});

test("entries are added by address, by range and by IPv6, found and deleted", async () => {
  const page = await list.create([
    { ipAddress: "203.0.113.10" },
    { cidrBlock: "198.51.100.0/24" },
    { ipAddress: "2001:db8::a" },
  ]);
  assert.deepEqual(blocks(page), [...FIRST, "203.0.113.10/32", "198.51.100.0/24", "2001:db8::a/128"]);
  assert.equal((await list.update([{ ipAddress: "203.0.113.10" }])).totalCount, 5, "added again: nothing changes");
  assert.equal((await list.get("203.0.113.10")).ipAddress, "203.0.113.10");
  assert.equal((await list.get("198.51.100.0%2F24")).cidrBlock, "198.51.100.0/24");
  assert.equal((await list.get("198.51.100.0/24")).cidrBlock, "198.51.100.0/24", "with a real slash as well");
  assert.equal((await list.get("2001:db8::a")).count, 0);
  await forget("203.0.113.10", "198.51.100.0/24", "2001:db8::a");
  assert.equal((await list.get("203.0.113.10")).errorCode, "API_KEY_ACCESS_LIST_ENTRY_NOT_FOUND");
});

test("the older name of the list is the same list", async () => {
  const old = owner.projectWhitelist;
  await old.create([{ ipAddress: "203.0.113.20" }]);
  assert.deepEqual(blocks(await list.getAll()), [...FIRST, "203.0.113.20/32"]);
  assert.equal((await old.get("203.0.113.20")).ipAddress, "203.0.113.20");
  await old.delete("203.0.113.20");
  await forget();
});

test("a list is read page by page", async () => {
  const added = Array.from({ length: 5 }, (_, n) => `203.0.113.${n}`);
  await list.create(added.map((ipAddress) => ({ ipAddress })));
  const seen = [];
  for (let pageNum = 1, more = true; more; pageNum += 1) {
    const page = await list.getAll({ itemsPerPage: 3, pageNum });
    assert.equal(page.totalCount, 7);
    seen.push(...blocks(page));
    more = page.links.some(({ rel }) => rel === "next");
  }
  assert.deepEqual(seen, [...FIRST, ...added.map((address) => `${address}/32`)]);
  assert.equal("totalCount" in (await list.getAll({ includeCount: false })), false);
  await forget(...added);
});

test("a use shows in its entry", async () => {
  const before = await list.get("127.0.0.1");
  const now = await list.get("127.0.0.1");
  assert.equal(now.count, before.count + 1);
  assert.equal(now.lastUsedAddress, "127.0.0.1");
});

test("each refusal is the body that the contract has for it", async () => {
  async function refused(call, error, errorCode) {
    const body = await call;
    assert.deepEqual([body.error, body.errorCode], [error, errorCode]);
    return body.detail;
  }
  const entry = (body) => list.create([body]);
  await refused(entry({ cidrBlock: "10.0.0.1/8" }), 400, "ATLAS_NON_CANONICAL_CIDR_BLOCK");
  await refused(entry({}), 400, "MISSING_ONE_OF_ATTRIBUTES");
  assert.match(await refused(entry({ ipAddress: "10.0.0.1", comment: "mine" }), 400, "INVALID_ATTRIBUTE"), /comment/);
  await refused(list.getAll({ itemsPerPage: 501 }), 400, "INVALID_QUERY_PARAMETER");
  await refused(owner.organization.getById("0".repeat(24)), 404, "ORG_NOT_FOUND");
  await refused(owner.organization.getAllProjectsForOrganization(org), 404, "RESOURCE_NOT_FOUND");
  const stranger = as("wrong");
  assert.equal((await stranger.organization.getAll()).error, 401);
});

test("what may not be deleted stays, though the client says true", async () => {
  assert.equal(await list.delete("127.0.0.1"), true);
  assert.equal(await list.delete("203.0.113.99"), true);
  assert.equal(await owner.organization.delete(org), true);
  assert.deepEqual(blocks(await list.getAll()), FIRST);
  assert.equal((await owner.organization.getById(org)).isDeleted, false);
});

after(() => forget());
