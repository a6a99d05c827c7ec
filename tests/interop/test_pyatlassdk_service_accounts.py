"""`pyatlassdk` with service accounts: managed by an owner's key, and as the credential itself, by OAuth 2.0 client
credentials sent in the form.

Known fault of the client: as in `test_pyatlassdk`, a delete raises after its success.
"""

import re

import pytest
from pyatlassdk.admin import AtlasAdminClient, AtlasApiError
from pyatlassdk.admin.models.org_service_account_request import OrgServiceAccountRequest
from pyatlassdk.admin.models.org_service_account_update_request import OrgServiceAccountUpdateRequest
from pyatlassdk.admin.models.service_account_ip_access_list_entry import ServiceAccountIPAccessListEntry
from pyatlassdk.admin.models.service_account_secret_request import ServiceAccountSecretRequest

from test_pyatlassdk import client_of, gone, refusal


@pytest.fixture
def accounts(site):
    with client_of(site, site.public_key, site.private_key) as client:
        yield client.service_accounts


@pytest.fixture
def account(site, accounts):
    """An account with one secret and an empty list."""
    return create(site, accounts, secret_expires_after_hours=8)


def create(site, accounts, **options):
    body = OrgServiceAccountRequest(name="ci", description="runs the checks", roles=["ORG_READ_ONLY"], **options)
    return accounts.create_org_service_account(site.org, body)


def as_itself(site, account, secret=None):
    return AtlasAdminClient(
        client_id=account.client_id,
        client_secret=secret or account.secrets[0].secret,
        base_url=f"{site.admin_url}/api/atlas/v2",
        oauth_token_url=f"{site.admin_url}/api/oauth/token",
    )


def allow(site, accounts, account, *entries):
    body = [ServiceAccountIPAccessListEntry(**entry) for entry in entries]
    return accounts.create_org_service_account_access_list(account.client_id, site.org, body)


def test_an_account_is_made_shown_masked_changed_and_deleted(site, accounts):
    made = create(site, accounts, secret_expires_after_hours=8)
    assert re.fullmatch("mdb_sa_id_[0-9a-f]{24}", made.client_id)
    assert (made.name, made.description, made.roles) == ("ci", "runs the checks", ["ORG_READ_ONLY"])
    assert made.system_managed is False
    [secret] = made.secrets
    assert re.fullmatch("mdb_sa_sk_[A-Za-z0-9_-]{40}", secret.secret)
    assert (secret.expires_at - secret.created_at).total_seconds() == 8 * 3600

    found = accounts.get_org_service_account(made.client_id, site.org)
    [masked] = found.secrets
    assert (masked.id, masked.secret) == (secret.id, None)
    assert masked.masked_secret_value.startswith("mdb_sa_sk_")
    assert masked.masked_secret_value.endswith(secret.secret[-4:])
    assert secret.secret not in masked.masked_secret_value
    page = accounts.list_org_service_accounts(site.org, include_system_managed=True)
    assert made.client_id in [account.client_id for account in page.results]
    assert page.total_count == len(page.results)

    changed = accounts.update_org_service_account(
        made.client_id, site.org, OrgServiceAccountUpdateRequest(name="nightly", roles=["ORG_MEMBER"])
    )
    assert (changed.name, changed.description, changed.roles) == ("nightly", "runs the checks", ["ORG_MEMBER"])

    gone(accounts.delete_org_service_account, made.client_id, site.org)
    assert refusal(accounts.get_org_service_account, made.client_id, site.org)[0] == 404


def test_an_account_has_two_secrets_at_most(site, accounts):
    made = create(site, accounts, without_initial_secret=True)
    assert not made.secrets
    ask = ServiceAccountSecretRequest(secret_expires_after_hours=24)
    first = accounts.create_org_service_account_secret(made.client_id, site.org, ask)
    second = accounts.create_org_service_account_secret(made.client_id, site.org, ask)
    assert first.secret != second.secret
    assert 400 <= refusal(accounts.create_org_service_account_secret, made.client_id, site.org, ask)[0] < 500
    gone(accounts.delete_org_service_account_secret, made.client_id, site.org, first.id)
    left = accounts.get_org_service_account(made.client_id, site.org).secrets
    assert [secret.id for secret in left] == [second.id]
    with as_itself(site, made, first.secret) as client:
        assert oauth_error(client) == "invalid_client"
    too_short = ServiceAccountSecretRequest(secret_expires_after_hours=7)
    assert refusal(accounts.create_org_service_account_secret, made.client_id, site.org, too_short)[0] == 400


def test_an_account_s_list_takes_addresses_ranges_and_ipv6_and_is_read_by_pages(site, accounts, account):
    page = allow(
        site,
        accounts,
        account,
        {"ip_address": "203.0.113.10"},
        {"cidr_block": "198.51.100.0/24"},
        {"ip_address": "2001:db8::a"},
        {"cidr_block": "2001:db8:1::/48"},
    )
    blocks = ["203.0.113.10/32", "198.51.100.0/24", "2001:db8::a/128", "2001:db8:1::/48"]
    assert [entry.cidr_block for entry in page.results] == blocks
    assert page.results[0].ip_address == "203.0.113.10"
    assert {(entry.request_count, entry.last_used_at) for entry in page.results} == {(0, None)}
    assert all(entry.created_at for entry in page.results)

    seen = []
    for number in (1, 2):
        page = accounts.list_org_service_account_access_list(
            account.client_id, site.org, items_per_page=3, page_num=number
        )
        assert page.total_count == 4
        seen += [entry.cidr_block for entry in page.results]
    assert seen == blocks

    for name in ["203.0.113.10", "198.51.100.0/24", "2001:db8::a", "2001:db8:1::/48"]:
        gone(accounts.delete_org_service_account_access_list_entry, account.client_id, name, site.org)
    assert accounts.list_org_service_account_access_list(account.client_id, site.org).results == []
    told = refusal(accounts.delete_org_service_account_access_list_entry, account.client_id, "203.0.113.10", site.org)
    assert told[0] == 404


def test_an_account_calls_with_a_token_from_addresses_on_its_list(site, accounts, account):
    with as_itself(site, account) as client:
        assert refusal(client.organizations.list_orgs)[:2] == (403, "ORG_REQUIRES_ACCESS_LIST")
        allow(site, accounts, account, {"ip_address": "203.0.113.10"})
        assert refusal(client.organizations.list_orgs)[:2] == (403, "IP_ADDRESS_NOT_ON_ACCESS_LIST")
        allow(site, accounts, account, {"ip_address": "127.0.0.1"})
        assert [org.id for org in client.organizations.list_orgs().results] == [site.org]
        assert refusal(client.service_accounts.delete_org_service_account, account.client_id, site.org)[0] == 403
        entries = client.service_accounts.list_org_service_account_access_list(account.client_id, site.org).results
        assert [(entry.request_count, entry.last_used_address) for entry in entries] == [(0, None), (3, "127.0.0.1")]
        assert entries[1].last_used_at is not None
    [secret] = accounts.get_org_service_account(account.client_id, site.org).secrets
    assert secret.last_used_at is not None


def test_a_token_ends_with_the_secret_it_came_from(site, accounts, account):
    allow(site, accounts, account, {"cidr_block": "127.0.0.0/8"})
    with as_itself(site, account) as client:
        client.organizations.list_orgs()
        secret = account.secrets[0].id
        gone(accounts.delete_org_service_account_secret, account.client_id, site.org, secret)
        # Told 401, the client asks for another token, once.
        assert oauth_error(client) == "invalid_client"


def test_a_token_ends_with_its_account(site, accounts, account):
    allow(site, accounts, account, {"cidr_block": "127.0.0.0/8"})
    with as_itself(site, account) as client:
        client.organizations.list_orgs()
        gone(accounts.delete_org_service_account, account.client_id, site.org)
        assert oauth_error(client) == "invalid_client"


def test_a_wrong_secret_gets_no_token(site, account):
    with as_itself(site, account, "mdb_sa_sk_" + "x" * 40) as client:
        assert oauth_error(client) == "invalid_client"


def test_what_an_account_may_not_be_is_refused(site, accounts):
    for options in [
        {},
        {"secret_expires_after_hours": 7},
        {"secret_expires_after_hours": 8761},
        {"secret_expires_after_hours": 8, "without_initial_secret": True},
    ]:
        body = OrgServiceAccountRequest(name="ci", description="words", roles=["ORG_MEMBER"], **options)
        assert refusal(accounts.create_org_service_account, site.org, body)[0] == 400, options
    told = refusal(accounts.get_org_service_account, "mdb_sa_id_" + "0" * 24, site.org)
    assert told[:2] == (404, "RESOURCE_NOT_FOUND")


def oauth_error(client):
    """The error of RFC 6749 that the client was told when it asked for a token."""
    with pytest.raises(AtlasApiError) as raised:
        client.organizations.list_orgs()
    assert raised.value.status_code == 401
    return raised.value.payload["error"]
