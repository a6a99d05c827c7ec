"""What schemathesis cannot know of Portcullis: how to authenticate, what an address is, and which things there are.

Hooks make requests good; none makes an answer look good. What is passed over is in schemathesis.toml.
"""

import ipaddress
import itertools
import os
import re
import threading

import requests
import schemathesis
from hypothesis import strategies as st
from requests.auth import HTTPDigestAuth

BASE = os.environ["INTEROP_ADMIN_URL"]
ORG = os.environ["INTEROP_ORG"]
OWN_KEY = os.environ["INTEROP_KEY_ID"]
VERSION = "application/vnd.atlas.2023-01-01+json"

auth = HTTPDigestAuth(os.environ["INTEROP_PUBLIC_KEY"], os.environ["INTEROP_PRIVATE_KEY"])
schemathesis.auth.set_from_requests(auth).skip_for(path_regex="^/api/openapi")

# --- formats ---


def addresses():
    """Any spelling of an address that a request can come from."""
    v4 = st.integers(1, 2**32 - 1).map(ipaddress.IPv4Address).map(str)
    v6 = st.integers(1, 2**128 - 1).map(ipaddress.IPv6Address).filter(lambda ip: ip.ipv4_mapped is None)
    spellings = st.sampled_from([str, lambda ip: ip.exploded, lambda ip: ip.exploded.upper()])
    return v4 | st.builds(lambda ip, spell: spell(ip), v6, spellings)


def ranges():
    """Any range without host bits."""

    def network(bits, kind):
        def cut(address, length):
            return kind((address >> (bits - length) << (bits - length), length))

        return st.builds(cut, st.integers(1, 2**bits - 1), st.integers(0, bits))

    def usable(net):
        mapped = net.version == 6 and net.prefixlen >= 96 and net.network_address.ipv4_mapped is not None
        return not mapped and not (net.num_addresses == 1 and int(net.network_address) == 0)

    networks = (network(32, ipaddress.IPv4Network) | network(128, ipaddress.IPv6Network)).filter(usable)
    return st.builds(lambda net, slash: str(net).replace("/", slash), networks, st.sampled_from(["/", "%2F"]))


schemathesis.openapi.format("ip-address", addresses())
schemathesis.openapi.format("ip-range", ranges())
schemathesis.openapi.format("ip-address-or-range", addresses() | ranges().map(lambda text: text.replace("%2F", "/")))

# --- what there is ---

# Identifiers that there are, or were: requests made of answers keep them.
real = {"orgId": {ORG}, "apiUserId": {OWN_KEY}}
calls = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes a well-formed identifier that nothing has mean something, but in one call of twenty."""
    case.headers.setdefault("Accept", VERSION)
    stays = next(calls) % 20 == 0
    for name, make in [("orgId", lambda: ORG), ("apiUserId", fresh_key)]:
        value = str(case.path_parameters.get(name))
        made_up = re.fullmatch("[0-9a-f]{24}", value) and value not in real[name] and not stays
        # Whatever happens to the key that all requests are made with would happen to the run.
        if made_up or (value == OWN_KEY and case.method != "GET"):
            case.path_parameters[name] = make()


@schemathesis.hook
def after_call(context, case, response):
    if "/apiKeys" in case.path:
        real["apiUserId"].update(re.findall('"id":"([0-9a-f]{24})"', response.text))


session = threading.local()


def call(method, path, body):
    if not hasattr(session, "http"):
        session.http = requests.Session()
        session.http.auth = HTTPDigestAuth(auth.username, auth.password)
        session.http.headers["Accept"] = VERSION
    answer = session.http.request(method, f"{BASE}/api/atlas/v2/orgs/{ORG}/{path}", json=body)
    answer.raise_for_status()
    return answer.json()


def fresh_key():
    """A key that nobody has used, with one entry on its list."""
    key = call("POST", "apiKeys", {"desc": "fresh", "roles": ["ORG_MEMBER"]})["id"]
    call("POST", f"apiKeys/{key}/accessList", [{"ipAddress": "203.0.113.10"}])
    return key
