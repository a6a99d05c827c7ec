"""curl with service accounts: a token by client credentials, with Basic as Go's OAuth library writes it (both halves
percent-encoded before base64), and `Authorization: Bearer` on the admin API and through the proxy.
"""

import base64
import json
import urllib.parse

import pytest

from curl_program import curl
from test_curl import Caller, refused

VERSION = "application/vnd.atlas.2024-08-05+json"


class Account:
    """A service account, the tokens it gets, and what it calls with them."""

    def __init__(self, site, made):
        self._site = site
        self.client_id = made["clientId"]
        self.secret = made["secrets"][0]["secret"]
        self.secret_id = made["secrets"][0]["id"]

    def oauth(self, name, form, secret=None):
        halves = (self.client_id, secret or self.secret)
        # `_` needs no encoding; encoded all the same, it shows whether the server decodes.
        pair = ":".join(urllib.parse.quote(half, safe="").replace("_", "%5F") for half in halves)
        basic = base64.b64encode(pair.encode()).decode()
        return curl("--header", f"Authorization: Basic {basic}", "--data", form, f"{self._site.admin_url}/api/oauth/{name}")

    def token(self):
        answer = self.oauth("token", "grant_type=client_credentials")
        assert answer.status == 200, answer.text
        return answer.json()["access_token"]

    def revoke(self, token):
        return self.oauth("revoke", f"token={token}&token_type_hint=access_token")

    def orgs(self, token, *options):
        url = f"{self._site.admin_url}/api/atlas/v2/orgs"
        return bearer(token, "--header", "Accept: application/vnd.atlas.2023-01-01+json", *options, url)


def bearer(token, *arguments):
    return curl("--header", f"Authorization: Bearer {token}", *arguments)


@pytest.fixture
def owner(site):
    return Caller(site, site.public_key, site.private_key)


@pytest.fixture
def accounts(site, owner):
    return f"{owner.orgs}/{site.org}/serviceAccounts"


@pytest.fixture
def account(site, owner, accounts):
    """An account that may read, from 127.0.0.1."""
    body = {"name": "curl", "description": "curl", "roles": ["ORG_READ_ONLY"], "secretExpiresAfterHours": 8}
    made = owner.call("POST", accounts, body, accept=VERSION)
    assert made.status == 201, made.text
    assert made.header("content-type") == f"{VERSION};charset=utf-8"
    account = Account(site, made.json())
    entries = f"{accounts}/{account.client_id}/accessList"
    added = owner.call("POST", entries, [{"ipAddress": "127.0.0.1"}], accept=VERSION)
    assert added.status == 200, added.text
    return account


def test_a_token_is_told_as_the_documentation_has_it(account):
    answer = account.oauth("token", "grant_type=client_credentials&scope=anything")
    assert answer.status == 200, answer.text
    assert answer.header("content-type").startswith("application/json")
    assert answer.header("cache-control") == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert "refresh_token" not in body


def test_a_token_is_got_by_the_form_and_by_curl_s_own_basic_as_well(site, account):
    url = f"{site.admin_url}/api/oauth/token"
    grant = ["--data", "grant_type=client_credentials"]
    form = ["--data-urlencode", f"client_id={account.client_id}", "--data-urlencode", f"client_secret={account.secret}"]
    basic = ["--user", f"{account.client_id}:{account.secret}"]
    for options in (form, basic):
        answer = curl(*grant, *options, url)
        assert answer.status == 200, answer.text
        assert account.orgs(answer.json()["access_token"]).status == 200


def test_a_token_is_good_on_the_admin_api_from_addresses_on_the_account_s_list(site, account):
    token = account.token()
    answer = account.orgs(token)
    assert [org["id"] for org in answer.json()["results"]] == [site.org]
    told = refused(account.orgs(token, "--interface", "127.0.0.2"), 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST")
    assert "127.0.0.2" in told


def test_a_token_is_good_on_proxied_routes_from_addresses_on_the_account_s_list(site, account):
    token = account.token()
    answer = bearer(token, f"{site.proxy_url}/orders")
    assert answer.status == 200, answer.text
    seen = answer.json()["headers"]
    assert (seen["x-portcullis-org"], seen["x-portcullis-entry"]) == (site.org, "127.0.0.1/32")
    assert "authorization" not in seen
    elsewhere = bearer(token, "--interface", "127.0.0.2", f"{site.proxy_url}/orders")
    refused(elsewhere, 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST")


def test_a_use_shows_in_the_entry_and_in_the_secret(owner, accounts, account):
    token = account.token()
    account.orgs(token)
    page = owner.call("GET", f"{accounts}/{account.client_id}/accessList", accept=VERSION).json()
    [entry] = page["results"]
    assert (entry["cidrBlock"], entry["requestCount"], entry["lastUsedAddress"]) == ("127.0.0.1/32", 1, "127.0.0.1")
    [secret] = owner.call("GET", f"{accounts}/{account.client_id}", accept=VERSION).json()["secrets"]
    assert "lastUsedAt" in secret and "secret" not in secret


def test_a_revoked_token_is_good_nowhere(site, account):
    token, other = account.token(), account.token()
    for _ in range(2):
        answer = account.revoke(token)
        assert (answer.status, answer.text) == (200, "")
    for answer in (account.orgs(token), bearer(token, f"{site.proxy_url}/orders")):
        assert answer.status == 401
        [challenge] = answer.headers["www-authenticate"]
        assert challenge.startswith("Bearer ") and 'error="invalid_token"' in challenge
    assert account.orgs(other).status == 200


def test_a_token_ends_with_its_secret(owner, accounts, account):
    token = account.token()
    url = f"{accounts}/{account.client_id}/secrets/{account.secret_id}"
    assert owner.call("DELETE", url, accept=VERSION).status == 204
    assert account.orgs(token).status == 401


def test_a_changed_token_is_refused(account):
    head, claims, signature = account.token().split(".")
    padded = claims + "=" * (-len(claims) % 4)
    forged = json.loads(base64.urlsafe_b64decode(padded))
    forged["exp"] += 3600
    claims = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")
    assert account.orgs(f"{head}.{claims}.{signature}").status == 401
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    assert account.orgs(f"{none}.{claims}.").status == 401


def test_each_refusal_of_a_token_has_its_error(site, account):
    def error(answer, status):
        body = answer.json()
        assert (answer.status, set(body) <= {"error", "error_description"}) == (status, True), answer.text
        assert account.secret not in answer.text
        return body["error"]

    grant = "grant_type=client_credentials"
    assert error(account.oauth("token", grant, secret="mdb_sa_sk_" + "x" * 40), 401) == "invalid_client"
    assert error(curl("--data", grant, f"{site.admin_url}/api/oauth/token"), 401) == "invalid_client"
    assert error(account.oauth("token", "grant_type=password"), 400) == "unsupported_grant_type"
    assert error(account.oauth("token", "scope=x"), 400) == "invalid_request"
