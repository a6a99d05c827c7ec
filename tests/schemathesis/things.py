"""Who asks, and the things that there are to be asked for."""

import itertools
import os
import threading
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth

BASE = os.environ["INTEROP_ADMIN_URL"]
ORG = os.environ["INTEROP_ORG"]
OWN_KEY = os.environ["INTEROP_KEY_ID"]
OWN_ACCOUNT = os.environ["INTEROP_CLIENT_ID"]
# What is set there changes what is right elsewhere in the same organization, so settings have one of their own.
SETTINGS_ORG = os.environ["INTEROP_SETTINGS_ORG"]

# The newest there is: of what has an older one only, the answer is in that.
VERSION = "application/vnd.atlas.2024-08-05+json"


class Credentials(AuthBase):
    """Digest and bearer by turns; a client's secret where tokens are given."""

    def __init__(self):
        self._turns = itertools.count()
        self._digest = HTTPDigestAuth(os.environ["INTEROP_PUBLIC_KEY"], os.environ["INTEROP_PRIVATE_KEY"])
        self._settings = HTTPDigestAuth(
            os.environ["INTEROP_SETTINGS_PUBLIC_KEY"], os.environ["INTEROP_SETTINGS_PRIVATE_KEY"]
        )
        self._token = token(OWN_ACCOUNT, os.environ["INTEROP_CLIENT_SECRET"])

    def __call__(self, request):
        path = urlsplit(request.url).path
        if path.startswith("/api/oauth/"):
            return self._client()(request)
        if SETTINGS_ORG in path:
            return self._settings(request)
        if next(self._turns) % 2 == 0:
            return self._digest(request)
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _client(self):
        """Of an account that has few tokens: there is a limit to how many one may have."""
        account = fresh_account()
        return HTTPBasicAuth(account["clientId"], account["secrets"][0]["secret"])


def token(client, secret):
    answer = requests.post(
        f"{BASE}/api/oauth/token", data={"grant_type": "client_credentials"}, auth=(client, secret)
    )
    answer.raise_for_status()
    return answer.json()["access_token"]


def fresh_key():
    """The id of a key that nobody has used, with a list."""
    key = _post("apiKeys", {"desc": "fresh", "roles": ["ORG_MEMBER"]})
    _post(f"apiKeys/{key['id']}/accessList", ENTRIES)
    return key["id"]


def fresh_account():
    """A service account that nobody has used, with one secret and a list."""
    wanted = {"name": "fresh", "description": "fresh", "roles": ["ORG_MEMBER"], "secretExpiresAfterHours": 8}
    account = _post("serviceAccounts", wanted)
    _post(f"serviceAccounts/{account['clientId']}/accessList", ENTRIES)
    return account


# As the document's examples have them.
ENTRIES = [{"ipAddress": "203.0.113.10"}, {"cidrBlock": "198.51.100.0/24"}]

_local = threading.local()


def _post(path, body):
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.auth = HTTPDigestAuth(os.environ["INTEROP_PUBLIC_KEY"], os.environ["INTEROP_PRIVATE_KEY"])
        _local.session.headers["Accept"] = VERSION
    answer = _local.session.post(f"{BASE}/api/atlas/v2/orgs/{ORG}/{path}", json=body)
    answer.raise_for_status()
    return answer.json()
