"""`mongodb-atlas-api-sdk`: v1.0, HTTP Digest by `requests`, https only, so nginx terminates TLS in front.

The client takes another host by an argument of `Atlas` and by the attribute `base_url` of `ApiKey`. It follows the
links of answers literally, so they have to be those of the front (`admin.public_url`).

Known faults of the client:
- a key made from its id alone has no address: only the public key is looked up, in the first page of keys;
- addresses are IPv4 only;
- it cannot read one entry, has no paging, and makes no keys: these go through its own `get_raw` and `post_raw`.
"""

import ipaddress

import pytest
from mongodb_atlas_api_sdk.api_key import ApiKey
from mongodb_atlas_api_sdk.atlas_api_sdk import Atlas
from mongodb_atlas_api_sdk.errors import (
    ApiKeyIpAddressNotInAccessList,
    AtlasGenericException,
    DatabaseUserInvalidAttribute,
    GenericForbidden,
    GenericNotFound,
    GenericUnauthorized,
    IpAddressNotOnAccessList,
)


@pytest.fixture(scope="session")
def keys(site):
    """The client's class for keys, at this host."""

    class Key(ApiKey):
        base_url = f"{site.front_url}/api/atlas/v1.0"

    return Key


def atlas(site, public_key, private_key):
    return Atlas(public_key, private_key, hostname=site.front_url.removeprefix("https://"))


@pytest.fixture
def owner(site):
    return atlas(site, site.public_key, site.private_key)


@pytest.fixture
def made(site, owner):
    """A key as the API tells it, with its private half; it is deleted afterwards."""
    url = f"{owner.url}/orgs/{site.org}/apiKeys"
    key = owner.post_raw(url, json={"desc": "sdk", "roles": ["ORG_READ_ONLY"]}).json()
    yield key
    assert owner.delete_raw(f"{url}/{key['id']}").status_code == 204


@pytest.fixture
def key(site, owner, keys, made):
    return keys(owner, site.org, public_id=made["publicKey"])


def blocks(key):
    return [entry["cidrBlock"] for entry in key.access_list]


def test_organizations_are_listed_and_found(site, owner):
    page = owner.get_raw(f"{owner.url}/orgs").json()
    assert [(org["id"], org["name"]) for org in page["results"]] == [(site.org, "Interop")]
    [link] = page["results"][0]["links"]
    assert link["href"] == f"{owner.url}/orgs/{site.org}"
    assert owner.get_raw(link["href"]).json()["id"] == site.org


def test_a_key_is_found_by_its_public_key_and_by_its_link(site, owner, keys, made, key):
    assert key.href == f"{owner.url}/orgs/{site.org}/apiKeys/{made['id']}"
    assert key.exists
    with pytest.raises(LookupError):
        keys(owner, site.org, public_id="nobody")
    by_id = keys(owner, site.org, key_id=made["id"])
    assert by_id.href is None and not by_id.exists, "a known fault: an id alone leads nowhere"


def test_a_deleted_key_exists_no_longer(site, owner, keys):
    url = f"{owner.url}/orgs/{site.org}/apiKeys"
    made = owner.post_raw(url, json={"desc": "soon gone", "roles": ["ORG_MEMBER"]}).json()
    key = keys(owner, site.org, public_id=made["publicKey"])
    assert key.exists
    owner.delete_raw(key.href)
    assert not key.exists


def test_entries_are_added_by_address_by_range_and_in_bulk_and_deleted(key):
    key.add_ip_address("203.0.113.10")
    key.add_ip_address("198.51.100.0/24")
    key.bulk_add_ip_address_blocks(["192.0.2.0/25", "203.0.113.10"])
    assert blocks(key) == ["203.0.113.10/32", "198.51.100.0/24", "192.0.2.0/25"]
    assert key.get_all_access_list()["totalCount"] == 3
    assert key.access_list[0]["ipAddress"] == "203.0.113.10"
    key.delete_ip_address("203.0.113.10")
    key.delete_ip_address("198.51.100.0/24")
    assert blocks(key) == ["192.0.2.0/25"]


def test_an_ipv6_entry_is_shown_and_cannot_be_named(owner, key):
    for act in (key.add_ip_address, key.delete_ip_address):
        with pytest.raises(ipaddress.AddressValueError):
            act("2001:db8::a")
    owner.post_raw(f"{key.href}/accessList", json=[{"ipAddress": "2001:db8::a"}])
    [entry] = key.access_list
    assert (entry["cidrBlock"], entry["ipAddress"]) == ("2001:db8::a/128", "2001:db8::a")
    href = entry["links"][0]["href"]
    assert owner.get_raw(href).json() == entry
    assert owner.delete_raw(href).status_code == 204


def test_links_lead_through_the_pages_of_the_front(site, owner, key):
    key.bulk_add_ip_address_blocks([f"203.0.113.{n}" for n in range(5)])
    url, seen = f"{key.href}/accessList?itemsPerPage=2", []
    while url:
        assert url.startswith(site.front_url)
        page = owner.get_raw(url).json()
        seen += [entry["ipAddress"] for entry in page["results"]]
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert seen == [f"203.0.113.{n}" for n in range(5)]


def test_the_address_that_is_judged_and_counted_is_the_one_that_the_front_tells(site, made, key):
    key.add_ip_address("127.0.0.1")
    reader = atlas(site, made["publicKey"], made["privateKey"])
    reader.get_raw(f"{reader.url}/orgs")
    reader.headers = {**reader.headers, "X-Forwarded-For": "203.0.113.77"}
    reader.get_raw(f"{reader.url}/orgs")
    [entry] = key.access_list
    assert (entry["count"], entry["lastUsedAddress"]) == (2, "127.0.0.1")


def test_each_refusal_has_its_class(site, owner, made, key):
    reader = atlas(site, made["publicKey"], made["privateKey"])
    with pytest.raises(GenericForbidden) as raised:
        reader.get_raw(f"{reader.url}/orgs")
    assert raised.value.details["errorCode"] == "ORG_REQUIRES_ACCESS_LIST"
    key.add_ip_address("203.0.113.0/24")
    with pytest.raises(IpAddressNotOnAccessList) as raised:
        reader.get_raw(f"{reader.url}/orgs")
    assert "127.0.0.1" in str(raised.value)
    with pytest.raises(ApiKeyIpAddressNotInAccessList) as raised:
        key.delete_ip_address("203.0.113.99")
    assert raised.value.code == 404
    with pytest.raises(DatabaseUserInvalidAttribute):
        owner.post_raw(f"{key.href}/accessList", json=[{"ipAddress": "203.0.113.1", "comment": "mine"}])
    with pytest.raises(AtlasGenericException) as raised:
        owner.post_raw(f"{key.href}/accessList", json=[{"cidrBlock": "10.0.0.1/8"}])
    assert raised.value.details["errorCode"] == "ATLAS_NON_CANONICAL_CIDR_BLOCK"
    with pytest.raises(GenericNotFound):
        owner.get_raw(f"{owner.url}/orgs/{'0' * 24}")
    with pytest.raises(GenericUnauthorized):
        nobody = atlas(site, site.public_key, "wrong")
        nobody.get_raw(f"{nobody.url}/orgs")
