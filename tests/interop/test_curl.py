"""curl with `--digest`, over v2. It reads the first challenge only: MD5 where both algorithms are offered; against a
Portcullis that offers SHA-256 alone, the same tests run by that.
"""

import itertools
import json

import pytest

from curl_program import curl

VERSION = "application/vnd.atlas.2023-01-01+json"


class Caller:
    """Who signs by Digest, from where."""

    def __init__(self, site, public_key, private_key, *options):
        self.orgs = f"{site.admin_url}/api/atlas/v2/orgs"
        self.keys = f"{self.orgs}/{site.org}/apiKeys"
        self._options = ["--digest", "--user", f"{public_key}:{private_key}", *options]

    def call(self, method, url, body=None, accept=VERSION):
        options = [*self._options, "--request", method, "--header", f"Accept: {accept}"]
        if body is not None:
            options += ["--header", "Content-Type: application/json", "--data", json.dumps(body)]
        return curl(*options, url)

    def get(self, url, **options):
        return self.call("GET", url, **options)

    def read(self, url):
        return succeeded(self.get(url)).json()


@pytest.fixture
def owner(site):
    return Caller(site, site.public_key, site.private_key)


@pytest.fixture
def key(owner):
    """A key with an empty list; it is deleted afterwards."""
    body = {"desc": "curl", "roles": ["ORG_READ_ONLY"]}
    made = succeeded(owner.call("POST", owner.keys, body)).json()
    yield made
    assert owner.call("DELETE", f"{owner.keys}/{made['id']}").status == 204


@pytest.fixture
def entries(owner, key):
    """The address of the key's list."""
    return f"{owner.keys}/{key['id']}/accessList"


def reader(site, key, *options):
    return Caller(site, key["publicKey"], key["privateKey"], *options)


def succeeded(answer):
    assert answer.status == 200, answer.text
    assert answer.header("content-type") == f"{VERSION};charset=utf-8"
    return answer


def refused(answer, status, code):
    assert answer.status == status, answer.text
    assert answer.header("content-type").startswith("application/json")
    assert answer.header("x-error-code") == code
    body = answer.json()
    assert (body["error"], body["errorCode"]) == (status, code)
    return body["detail"]


def blocks(page):
    return [entry["cidrBlock"] for entry in page["results"]]


def test_the_algorithm_is_the_one_that_is_offered_first(site, owner):
    answer = succeeded(owner.get(owner.orgs))
    algorithm = "SHA-256" if site.suite == "curl-sha-256" else "MD5"
    signed = answer.sent("authorization")[-1]
    assert f"algorithm={algorithm}" in signed and "qop=auth" in signed


def test_the_challenge_is_the_published_one(site, owner):
    answer = curl("--header", f"Accept: {VERSION}", owner.orgs)
    refused(answer, 401, answer.header("x-error-code"))
    first = answer.headers["www-authenticate"][0]
    algorithm = "SHA-256" if site.suite == "curl-sha-256" else "MD5"
    assert first.startswith('Digest realm="MMS Public API", domain="", nonce="')
    assert first.endswith(f'", algorithm={algorithm}, qop="auth", stale=false')


def test_organizations_are_listed_and_found(site, owner):
    page = owner.read(owner.orgs)
    assert [(org["id"], org["name"]) for org in page["results"]] == [(site.org, "Interop")]
    assert owner.read(page["results"][0]["links"][0]["href"])["id"] == site.org


def test_a_head_tells_what_a_get_would(owner):
    got = succeeded(owner.get(owner.orgs))
    head = curl(*owner._options, "--head", "--header", f"Accept: {VERSION}", owner.orgs)
    assert head.status == 200
    for name in ("content-type", "content-length"):
        assert head.header(name) == got.header(name)


def test_a_key_is_made_found_changed_and_deleted(site, owner):
    made = succeeded(owner.call("POST", owner.keys, {"desc": "curl", "roles": ["ORG_MEMBER"]})).json()
    at = made["links"][0]["href"]
    assert at == f"{owner.keys}/{made['id']}"
    assert owner.read(at)["privateKey"] == "********-****-****-" + made["privateKey"][-12:]
    assert made["id"] in [key["id"] for key in owner.read(owner.keys)["results"]]
    changed = succeeded(owner.call("PATCH", at, {"roles": ["ORG_READ_ONLY"]})).json()
    assert changed["roles"] == [{"orgId": site.org, "roleName": "ORG_READ_ONLY"}]
    deleted = owner.call("DELETE", at)
    assert (deleted.status, deleted.text, deleted.header("content-length")) == (204, "", None)
    refused(owner.get(at), 404, "API_KEY_NOT_FOUND")


def test_entries_are_added_by_address_by_range_and_by_ipv6_found_and_deleted(owner, entries):
    body = [{"ipAddress": "203.0.113.10"}, {"cidrBlock": "198.51.100.0/24"}, {"ipAddress": "2001:db8::a"}]
    page = succeeded(owner.call("POST", entries, body)).json()
    assert blocks(page) == ["203.0.113.10/32", "198.51.100.0/24", "2001:db8::a/128"]
    for segment, block in [
        ("203.0.113.10", "203.0.113.10/32"),
        ("203.0.113.10%2F32", "203.0.113.10/32"),
        ("198.51.100.0%2F24", "198.51.100.0/24"),
        ("198.51.100.0/24", "198.51.100.0/24"),
        ("2001:db8::a", "2001:db8::a/128"),
        ("2001%3Adb8%3A%3Aa%2F128", "2001:db8::a/128"),
    ]:
        assert owner.read(f"{entries}/{segment}")["cidrBlock"] == block, segment
    for segment in ["203.0.113.10", "198.51.100.0%2F24", "2001:db8::a"]:
        assert owner.call("DELETE", f"{entries}/{segment}").status == 204
        code = "API_KEY_ACCESS_LIST_ENTRY_NOT_FOUND"
        refused(owner.call("DELETE", f"{entries}/{segment}"), 404, code)
    assert blocks(owner.read(entries)) == []


def test_links_lead_through_the_pages(owner, entries):
    added = [f"203.0.113.{n}" for n in range(7)]
    owner.call("POST", entries, [{"ipAddress": address} for address in added])
    url, seen = f"{entries}?itemsPerPage=3&pretty=true", []
    for number in itertools.count(1):
        page = owner.read(url)
        assert page["totalCount"] == 7
        seen += [entry["ipAddress"] for entry in page["results"]]
        links = {link["rel"]: link["href"] for link in page["links"]}
        assert ("previous" in links) == (number > 1)
        if "next" not in links:
            break
        url = links["next"]
    assert (number, seen) == (3, added)


def test_an_entry_is_in_force_for_the_next_request_and_counts_it(site, owner, key, entries):
    here, elsewhere = reader(site, key), reader(site, key, "--interface", "127.0.0.2")
    refused(here.get(here.orgs), 403, "ORG_REQUIRES_ACCESS_LIST")
    owner.call("POST", entries, [{"ipAddress": "127.0.0.2"}])
    assert "127.0.0.1" in refused(here.get(here.orgs), 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST")
    succeeded(elsewhere.get(elsewhere.orgs))
    entry = owner.read(f"{entries}/127.0.0.2")
    assert (entry["count"], entry["lastUsedAddress"]) == (1, "127.0.0.2")
    owner.call("DELETE", f"{entries}/127.0.0.2")
    refused(elsewhere.get(elsewhere.orgs), 403, "ORG_REQUIRES_ACCESS_LIST")


def test_a_request_through_the_proxy_is_judged_alike(site, owner, key, entries):
    here = reader(site, key)
    url = f"{site.proxy_url}/orders?a=b"
    assert curl("--request", "GET", url).status == 401
    refused(here.get(url), 403, "ORG_REQUIRES_ACCESS_LIST")
    owner.call("POST", entries, [{"cidrBlock": "127.0.0.0/31"}])
    seen = here.get(url).json()
    assert seen["target"] == "/orders?a=b"
    assert seen["headers"]["x-portcullis-org"] == site.org
    assert seen["headers"]["x-portcullis-entry"] == "127.0.0.0/31"
    assert "authorization" not in seen["headers"]
    elsewhere = reader(site, key, "--interface", "127.0.0.2")
    assert "127.0.0.2" in refused(elsewhere.get(url), 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST")


def test_each_refusal_has_its_status_and_code(site, owner, entries):
    def add(body):
        return owner.call("POST", entries, body)

    refused(add([{"cidrBlock": "10.0.0.1/8"}]), 400, "ATLAS_NON_CANONICAL_CIDR_BLOCK")
    refused(add([{"ipAddress": "nowhere"}]), 400, "INVALID_IP_ADDRESS_OR_CIDR_NOTATION")
    refused(add([{}]), 400, "MISSING_ONE_OF_ATTRIBUTES")
    assert "comment" in refused(add([{"ipAddress": "10.0.0.1", "comment": "mine"}]), 400, "INVALID_ATTRIBUTE")
    refused(owner.get(f"{entries}/198.51.100.0%252F24"), 400, "PATH_PARAM_PARSE_ERROR")
    refused(owner.get(f"{entries}?pageNum=0"), 400, "INVALID_QUERY_PARAMETER")
    refused(owner.get(f"{owner.orgs}/{'0' * 24}"), 404, "ORG_NOT_FOUND")
    refused(owner.get(f"{owner.orgs}/{site.org}/nothing"), 404, "RESOURCE_NOT_FOUND")
    refused(owner.get(owner.orgs, accept="application/json"), 406, "INVALID_VERSION_DATE")
    other = owner.call("PUT", owner.orgs, {})
    assert (other.status, other.header("allow")) == (405, "GET, HEAD")
    text = curl(*owner._options, "--header", f"Accept: {VERSION}", "--header", "Content-Type: text/plain",
                "--data", "[]", entries)
    assert text.status == 415
    on_itself = f"{owner.keys}/{site.key_id}/accessList/127.0.0.1"
    refused(owner.call("DELETE", on_itself), 400, "CANNOT_REMOVE_CALLER_FROM_ACCESS_LIST")
    assert blocks(owner.read(entries)) == []


def test_a_script_asks_for_its_own_address(site, owner):
    answer = owner.get(f"{site.admin_url}/api/private/ipinfo", accept="*/*")
    assert (answer.status, answer.json()) == (200, {"currentIpv4Address": "127.0.0.1"})


def test_what_is_left_of_the_rate_is_told(owner):
    first, second = succeeded(owner.get(owner.keys)), succeeded(owner.get(owner.keys))
    assert first.header("ratelimit-limit") == second.header("ratelimit-limit") == "500"
    assert 0 < int(second.header("ratelimit-remaining")) < 500
    assert int(second.header("ratelimit-remaining")) <= int(first.header("ratelimit-remaining"))


def test_a_wrong_credential_is_unauthorized_whatever_else_is_wrong(site):
    for public_key, private_key in [(site.public_key, "wrong"), ("nobody", site.private_key)]:
        caller = Caller(site, public_key, private_key)
        assert caller.get(f"{caller.orgs}?pageNum=0", accept="text/html").status == 401


def test_a_list_may_be_asked_for_by_the_newest_date_that_people_know(owner):
    answer = succeeded(owner.get(owner.orgs, accept="application/vnd.atlas.2025-03-12+json"))
    assert answer.json()["totalCount"] == 1
