"""`atlasapi`: v1.0, HTTP Digest by `requests`, base URL by the variable BASE_URL.

It has no class for access lists of keys; their addresses are in its `Settings.api_resources`, with the old name
`whitelist`, and are called through its own `Network`. Its class `Whitelist` is for project lists, at
`/groups/{group}/whitelist`; with `../orgs/...` for a group, `requests` makes a key's list of it.

Known faults of the client:
- `Organizations.count` reads `TotalCount`, and is always 0;
- `Whitelist.create_whitelist_entry` sends a `comment`, which keys' lists do not have;
- `WhitelistEntry` understands IPv4 only: an IPv6 entry has its text and no network;
- 403 is `ErrAtlasForbidden` alone: the class for lists waits for the older code ORG_REQUIRES_WHITELIST;
- it imports `awspublicranges` and `distutils`, which the package does not name as dependencies.
"""

import ipaddress
from urllib.parse import quote

import pytest
from atlasapi.api_keys import ApiKey
from atlasapi.atlas import Atlas
from atlasapi.errors import (
    ErrAtlasBadRequest,
    ErrAtlasForbidden,
    ErrAtlasMethodNotAllowed,
    ErrAtlasNotFound,
    ErrAtlasUnauthorized,
)
from atlasapi.settings import Settings
from atlasapi.whitelist import WhitelistEntry

ALL_KEYS = "Get all Organization API Keys associated with org"
ONE_KEY = "Get one Organization API Key"
LIST = "Get Whitelists for API Key"
ADD = "Create one or more whitelist entries for APi Key"
ENTRY = "Get a single whitelist entry"


@pytest.fixture
def owner(site):
    return Atlas(site.public_key, site.private_key)


@pytest.fixture
def key(site, owner):
    """A key with an empty list; it is deleted afterwards."""
    made = owner.network.post(at(site, ALL_KEYS), {"desc": "atlasapi", "roles": ["ORG_READ_ONLY"]})
    yield ApiKey.fill_from_dict(made)
    assert owner.network.delete(at(site, ONE_KEY, made["id"])) == {"deleted": True}


def at(site, resource, key="", address=""):
    path = Settings.api_resources["Organization API Keys"][resource]
    # The client's templates call the organization a group in some places.
    return Settings.BASE_URL + path.format(
        ORG_ID=site.org, GROUP_ID=site.org, API_KEY_ID=key, IP_ADDRESS=quote(address, safe="")
    )


def lists_of(site, key):
    """The client whose project lists are this key's list."""
    return Atlas(site.public_key, site.private_key, group=f"../orgs/{site.org}/apiKeys/{key.id}").Whitelist


def told(raised):
    code, body = raised.value.getAtlasResponse()
    assert body["error"] == code
    return body["errorCode"]


def test_organizations_are_listed_and_found_by_name_and_by_id(site, owner):
    orgs = owner.Organizations
    assert [(org.id, org.name) for org in orgs.organizations] == [(site.org, "Interop")]
    assert orgs.organization_by_name("interop").id == site.org
    assert orgs.organization_by_id(site.org).name == "Interop"
    assert orgs.count == 0, "a known fault: it reads a member that nobody sends"


def test_keys_are_listed_and_found(site, owner, key):
    assert len(key.private_key) == 36
    assert [(role.org_id, role.role_name) for role in key.roles] == [(site.org, "ORG_READ_ONLY")]
    page = owner.network.get_big(at(site, ALL_KEYS))
    assert {site.key_id, key.id} <= {each["id"] for each in page["results"]}
    found = ApiKey.fill_from_dict(owner.network.get(at(site, ONE_KEY, key.id)))
    assert (found.public_key, found.private_key[-12:]) == (key.public_key, key.private_key[-12:])
    changed = owner.network.patch(at(site, ONE_KEY, key.id), {"desc": "other words"})
    assert ApiKey.fill_from_dict(changed).desc == "other words"


def test_entries_are_added_by_address_by_range_and_by_ipv6(site, owner, key):
    body = [{"ipAddress": "203.0.113.10"}, {"cidrBlock": "198.51.100.0/24"}, {"ipAddress": "2001:db8::a"}]
    page = owner.network.post(at(site, ADD, key.id), body)
    assert page["totalCount"] == 3
    single, block, six = [WhitelistEntry.fill_from_dict(entry) for entry in page["results"]]
    assert (single.ipAddressObj, single.count) == (ipaddress.IPv4Address("203.0.113.10"), 0)
    assert (block.cidrBlockObj, block.ipAddress) == (ipaddress.IPv4Network("198.51.100.0/24"), None)
    assert six.cidrBlock == "2001:db8::a/128"
    assert (six.cidrBlockObj, six.ipAddressObj) == (None, None), "a known fault: IPv4 only"

    for name in ["203.0.113.10", "203.0.113.10/32", "198.51.100.0/24", "2001:db8::a"]:
        found = owner.network.get(at(site, ENTRY, key.id, name))
        assert ipaddress.ip_network(found["cidrBlock"]) == ipaddress.ip_network(name)
        assert "/whitelist/" in found["links"][0]["href"], "links keep the name of the list that was asked for"
    for name in ["203.0.113.10", "198.51.100.0/24", "2001:db8::a"]:
        owner.network.delete(at(site, ENTRY, key.id, name))
    assert owner.network.get(at(site, LIST, key.id))["results"] == []


def test_the_class_for_lists_reads_pages_and_deletes(site, owner, key):
    entries = [{"ipAddress": f"203.0.113.{n}"} for n in range(5)]
    owner.network.post(at(site, ADD, key.id), entries)
    lists = lists_of(site, key)
    pages = [[entry.ipAddress for entry in lists.get_all_whitelist_entries(page, 2)] for page in (1, 2, 3)]
    assert sum(pages, []) == [entry["ipAddress"] for entry in entries]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert len(list(lists.get_all_whitelist_entries())) == 5, "500 to a page, as the client asks by default"
    assert lists.get_whitelist_entry("203.0.113.3").ipAddressObj == ipaddress.IPv4Address("203.0.113.3")
    assert lists.delete_a_whitelist_entry("203.0.113.3") == {"deleted": True}
    with pytest.raises(ErrAtlasNotFound) as raised:
        lists.get_whitelist_entry("203.0.113.3")
    assert told(raised) == "API_KEY_ACCESS_LIST_ENTRY_NOT_FOUND"


def test_a_comment_is_refused_and_named(site, key):
    """Known fault: the client always sends one. Nothing of it is dropped in silence."""
    with pytest.raises(ErrAtlasBadRequest) as raised:
        list(lists_of(site, key).create_whitelist_entry("203.0.113.10", "mine"))
    assert told(raised) == "INVALID_ATTRIBUTE"
    assert "comment" in raised.value.details["detail"]


def test_a_use_shows_in_its_entry(site, owner, key):
    owner.network.post(at(site, ADD, key.id), [{"ipAddress": "127.0.0.1"}])
    reader = Atlas(key.public_key, key.private_key)
    assert [org.id for org in reader.Organizations.organizations] == [site.org]
    [entry] = lists_of(site, key).get_all_whitelist_entries()
    assert (entry.count, entry.last_used_address) == (1, ipaddress.IPv4Address("127.0.0.1"))
    assert entry.last_used is not None


def test_each_refusal_has_its_class(site, owner, key):
    reader = Atlas(key.public_key, key.private_key)
    with pytest.raises(ErrAtlasForbidden) as raised:
        list(reader.Organizations.organizations)
    assert told(raised) == "ORG_REQUIRES_ACCESS_LIST"
    owner.network.post(at(site, ADD, key.id), [{"cidrBlock": "203.0.113.0/24"}])
    with pytest.raises(ErrAtlasForbidden) as raised:
        list(reader.Organizations.organizations)
    assert told(raised) == "IP_ADDRESS_NOT_ON_ACCESS_LIST"
    with pytest.raises(ErrAtlasBadRequest) as raised:
        owner.network.post(at(site, ADD, key.id), [{"cidrBlock": "10.0.0.1/8"}])
    assert told(raised) == "ATLAS_NON_CANONICAL_CIDR_BLOCK"
    with pytest.raises(ErrAtlasBadRequest) as raised:
        list(lists_of(site, key).get_all_whitelist_entries(1, 2000))
    assert told(raised) == "INVALID_QUERY_PARAMETER", "the client allows more to a page than the contract"
    with pytest.raises(ErrAtlasNotFound) as raised:
        owner.Organizations.organization_by_id("0" * 24)
    assert told(raised) == "ORG_NOT_FOUND"
    with pytest.raises(ErrAtlasMethodNotAllowed):
        owner.network.patch(at(site, ALL_KEYS), {})
    with pytest.raises(ErrAtlasUnauthorized):
        list(Atlas(site.public_key, "wrong").Organizations.organizations)
