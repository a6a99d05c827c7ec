"""`pyatlassdk`: generated from the published document, v2, HTTP Digest by `httpx`, every answer validated by pydantic.

Known fault of the client: every `delete_...` reads the empty body of a 204 as JSON and raises, though the call did what
it should. The tests name it in `gone`.
"""

import datetime
import json

import pytest
from pyatlassdk.admin import AtlasAdminClient, AtlasApiError
from pyatlassdk.admin.models.create_atlas_organization_api_key import CreateAtlasOrganizationApiKey
from pyatlassdk.admin.models.organization_settings import OrganizationSettings
from pyatlassdk.admin.models.update_atlas_organization_api_key import UpdateAtlasOrganizationApiKey
from pyatlassdk.admin.models.user_access_list_request import UserAccessListRequest


def client_of(site, public_key, private_key):
    return AtlasAdminClient(public_key, private_key, base_url=f"{site.admin_url}/api/atlas/v2")


@pytest.fixture
def owner(site):
    with client_of(site, site.public_key, site.private_key) as client:
        yield client


@pytest.fixture
def key(site, owner):
    """A key that may read and has an empty list; it is deleted afterwards."""
    body = CreateAtlasOrganizationApiKey(desc="pyatlassdk", roles=["ORG_READ_ONLY"])
    made = owner.programmatic_api_keys.create_org_api_key(site.org, body)
    yield made
    with pytest.raises((json.JSONDecodeError, AtlasApiError)):
        owner.programmatic_api_keys.delete_org_api_key(made.id, site.org)


def address(text):
    return UserAccessListRequest(ip_address=text)


def block(text):
    return UserAccessListRequest(cidr_block=text)


def gone(call, *arguments):
    """Known fault: the client takes an answer without a body for JSON. Only a success gets it that far."""
    with pytest.raises(json.JSONDecodeError):
        call(*arguments)


def refusal(call, *arguments, **options):
    with pytest.raises(AtlasApiError) as raised:
        call(*arguments, **options)
    body = raised.value.payload
    assert body["error"] == raised.value.status_code
    return raised.value.status_code, body["errorCode"], body["detail"]


def test_organizations_are_listed_filtered_and_found(site, owner):
    page = owner.organizations.list_orgs()
    assert [(org.id, org.name) for org in page.results] == [(site.org, "Interop")]
    assert page.total_count == 1
    assert [org.id for org in owner.organizations.list_orgs(name="INTER").results] == [site.org]
    assert owner.organizations.list_orgs(name="terop").results == []
    found = owner.organizations.get_org(site.org)
    assert (found.name, found.is_deleted) == ("Interop", False)


def test_the_version_that_the_client_asks_for_by_default_is_served(owner):
    """A date later than that of every operation here."""
    assert owner.request("GET", "/orgs", response_model=dict)["totalCount"] == 1


def test_a_key_is_made_shown_masked_changed_and_deleted(site, owner):
    keys = owner.programmatic_api_keys
    made = keys.create_org_api_key(
        site.org, CreateAtlasOrganizationApiKey(desc="first words", roles=["org_read_only", "org_member"])
    )
    assert len(made.private_key) == 36 and "*" not in made.private_key
    assert {(role.org_id, role.role_name) for role in made.roles} == {
        (site.org, "ORG_READ_ONLY"),
        (site.org, "ORG_MEMBER"),
    }

    found = keys.get_org_api_key(made.id, site.org)
    assert found.private_key == "********-****-****-" + made.private_key[-12:]
    assert (found.public_key, found.desc) == (made.public_key, "first words")
    assert {site.key_id, made.id} <= {key.id for key in keys.list_org_api_keys(site.org).results}

    changed = keys.update_org_api_key(made.id, site.org, UpdateAtlasOrganizationApiKey(desc="other words"))
    assert (changed.desc, len(changed.roles)) == ("other words", 2)
    changed = keys.update_org_api_key(made.id, site.org, UpdateAtlasOrganizationApiKey(roles=["ORG_MEMBER"]))
    assert [role.role_name for role in changed.roles] == ["ORG_MEMBER"]

    gone(keys.delete_org_api_key, made.id, site.org)
    assert refusal(keys.get_org_api_key, made.id, site.org)[:2] == (404, "API_KEY_NOT_FOUND")


def test_entries_are_added_by_address_by_range_and_by_ipv6(site, owner, key):
    keys = owner.programmatic_api_keys
    page = keys.create_org_api_key_access_list_entry(
        key.id,
        site.org,
        [
            address("203.0.113.10"),
            block("198.51.100.0/24"),
            address("2001:db8::a"),
            block("2001:db8:1::/48"),
        ],
    )
    assert page.total_count == 4
    assert [(entry.cidr_block, entry.ip_address) for entry in page.results] == [
        ("203.0.113.10/32", "203.0.113.10"),
        ("198.51.100.0/24", None),
        ("2001:db8::a/128", "2001:db8::a"),
        ("2001:db8:1::/48", None),
    ]
    for entry in page.results:
        assert (entry.count, entry.last_used, entry.last_used_address) == (0, None, None)
        assert entry.created.utcoffset() == datetime.timedelta(0)

    for name, cidr in [
        ("203.0.113.10", "203.0.113.10/32"),
        ("203.0.113.10/32", "203.0.113.10/32"),
        ("198.51.100.0/24", "198.51.100.0/24"),
        ("2001:db8::a", "2001:db8::a/128"),
        ("2001:db8:1::/48", "2001:db8:1::/48"),
    ]:
        assert keys.get_org_api_key_access_list_entry(key.id, name, site.org).cidr_block == cidr

    again = keys.create_org_api_key_access_list_entry(key.id, site.org, [block("203.0.113.10/32")])
    assert again.total_count == 4

    for name in ["203.0.113.10", "198.51.100.0/24", "2001:db8::a", "2001:db8:1::/48"]:
        gone(keys.delete_org_api_key_access_list_entry, key.id, name, site.org)
        told = refusal(keys.get_org_api_key_access_list_entry, key.id, name, site.org)
        assert told[:2] == (404, "API_KEY_ACCESS_LIST_ENTRY_NOT_FOUND")
    assert keys.list_org_api_key_access_list_entries(key.id, site.org).results == []


def test_a_list_is_read_page_by_page(site, owner, key):
    keys = owner.programmatic_api_keys
    entries = [address(f"203.0.113.{n}") for n in range(7)]
    keys.create_org_api_key_access_list_entry(key.id, site.org, entries)
    seen, number = [], 0
    more = True
    while more:
        number += 1
        page = keys.list_org_api_key_access_list_entries(
            key.id, site.org, items_per_page=3, page_num=number, include_count=True
        )
        assert page.total_count == 7
        seen += [entry.ip_address for entry in page.results]
        more = any(link.rel == "next" for link in page.links)
    assert (number, seen) == (3, [entry.ip_address for entry in entries])
    beyond = keys.list_org_api_key_access_list_entries(key.id, site.org, items_per_page=3, page_num=4)
    assert beyond.results == []
    uncounted = keys.list_org_api_key_access_list_entries(key.id, site.org, include_count=False)
    assert (uncounted.total_count, len(uncounted.results)) == (None, 7)
    assert len(keys.list_org_api_key_access_list_entries(key.id, site.org, pretty=True, envelope=True).results) == 7


def test_a_use_shows_in_the_entry_that_admitted_it(site, owner, key):
    keys = owner.programmatic_api_keys
    keys.create_org_api_key_access_list_entry(key.id, site.org, [address("127.0.0.1"), block("127.0.0.0/8")])
    with client_of(site, key.public_key, key.private_key) as reader:
        for _ in range(3):
            reader.organizations.get_org(site.org)
    narrow, wide = keys.list_org_api_key_access_list_entries(key.id, site.org).results
    assert (narrow.count, narrow.last_used_address, wide.count) == (3, "127.0.0.1", 0)
    assert narrow.last_used >= narrow.created


def test_each_refusal_has_its_status_and_code(site, owner, key):
    keys = owner.programmatic_api_keys
    with client_of(site, key.public_key, key.private_key) as reader:
        told = refusal(reader.organizations.list_orgs)
        assert told[:2] == (403, "ORG_REQUIRES_ACCESS_LIST")
        keys.create_org_api_key_access_list_entry(key.id, site.org, [address("203.0.113.10")])
        told = refusal(reader.organizations.list_orgs)
        assert told[:2] == (403, "IP_ADDRESS_NOT_ON_ACCESS_LIST") and "127.0.0.1" in told[2]
        keys.create_org_api_key_access_list_entry(key.id, site.org, [address("127.0.0.1")])
        body = CreateAtlasOrganizationApiKey(desc="more", roles=["ORG_OWNER"])
        told = refusal(reader.programmatic_api_keys.create_org_api_key, site.org, body)
        assert told[:2] == (403, "USER_UNAUTHORIZED")

    def add(entry):
        return refusal(keys.create_org_api_key_access_list_entry, key.id, site.org, [entry])

    assert add(block("10.0.0.1/8"))[:2] == (400, "ATLAS_NON_CANONICAL_CIDR_BLOCK")
    status, code, detail = add(address("nowhere"))
    assert (status, code) == (400, "INVALID_IP_ADDRESS_OR_CIDR_NOTATION") and "nowhere" in detail
    assert add(UserAccessListRequest())[:2] == (400, "MISSING_ONE_OF_ATTRIBUTES")
    told = refusal(keys.delete_org_api_key_access_list_entry, site.key_id, "203.0.113.99", site.org)
    assert told[:2] == (404, "API_KEY_ACCESS_LIST_ENTRY_NOT_FOUND")
    told = refusal(keys.get_org_api_key, site.public_key, site.org)
    assert told[:2] == (400, "PATH_PARAM_PARSE_ERROR")
    assert refusal(owner.organizations.get_org, "0" * 24)[:2] == (404, "ORG_NOT_FOUND")
    told = refusal(keys.list_org_api_keys, site.org, items_per_page=501)
    assert told[:2] == (400, "INVALID_QUERY_PARAMETER")
    told = refusal(owner.request, "GET", "/orgs", accept="application/json")
    assert told[:2] == (406, "INVALID_VERSION_DATE")
    assert refusal(owner.request, "GET", "/groups")[:2] == (404, "RESOURCE_NOT_FOUND")
    assert refusal(owner.request, "PUT", "/orgs")[0] == 405


def test_the_entry_that_the_caller_stands_on_stays(site, owner, key):
    keys = owner.programmatic_api_keys
    owner_s = keys.list_org_api_key_access_list_entries(site.key_id, site.org).results
    assert "127.0.0.1" in [entry.ip_address for entry in owner_s]
    told = refusal(keys.delete_org_api_key_access_list_entry, site.key_id, "127.0.0.1", site.org)
    assert told[:2] == (400, "CANNOT_REMOVE_CALLER_FROM_ACCESS_LIST")


@pytest.mark.parametrize("private_key", ["wrong", None])
def test_a_wrong_or_missing_credential_is_unauthorized(site, private_key):
    public_key = site.public_key if private_key else None
    with client_of(site, public_key, private_key) as client:
        assert refusal(client.organizations.list_orgs)[0] == 401


def test_the_settings_of_an_organization_are_read_and_changed(site, owner):
    orgs = owner.organizations
    assert orgs.get_org_settings(site.org).api_access_list_required is True
    changed = orgs.update_org_settings(
        site.org, OrganizationSettings(max_service_account_secret_validity_in_hours=24)
    )
    assert changed.max_service_account_secret_validity_in_hours == 24
    assert changed.api_access_list_required is True
    orgs.update_org_settings(site.org, OrganizationSettings(max_service_account_secret_validity_in_hours=8760))
    assert orgs.get_org_settings(site.org).max_service_account_secret_validity_in_hours == 8760


def test_the_status_of_the_system_names_the_caller_and_its_address(site, owner):
    """The client takes no other name of the service than the published one, and insists on each entry's `ipAddress`."""
    owner.programmatic_api_keys.create_org_api_key_access_list_entry(
        site.key_id, site.org, [block("198.51.100.0/24")]
    )
    status = owner.root.get_system_status()
    assert (status.ip_address, status.api_key.id) == ("127.0.0.1", site.key_id)
    assert [(entry.cidr_block, entry.ip_address) for entry in status.api_key.access_list] == [
        ("127.0.0.1/32", "127.0.0.1"),
        ("::1/128", "::1"),
        ("198.51.100.0/24", None),
    ]
