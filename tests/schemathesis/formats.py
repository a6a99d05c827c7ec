"""The string formats of the document: what fits them, in every spelling."""

import ipaddress

import schemathesis
from hypothesis import strategies as st


def register():
    either = addresses() | ranges().map(lambda text: text.replace("%2F", "/"))
    schemathesis.openapi.format("ip-address", addresses())
    schemathesis.openapi.format("ip-range", ranges())
    schemathesis.openapi.format("ip-address-or-range", either)


def addresses():
    """Addresses that a request can come from."""
    v4 = st.integers(1, 2**32 - 1).map(ipaddress.IPv4Address).map(str)
    v6 = st.integers(1, 2**128 - 1).map(ipaddress.IPv6Address).filter(lambda ip: ip.ipv4_mapped is None)
    spellings = st.sampled_from([str, lambda ip: ip.exploded, lambda ip: ip.exploded.upper()])
    return v4 | st.builds(lambda ip, spell: spell(ip), v6, spellings)


def ranges():
    """Ranges without host bits."""

    def networks(bits, kind):
        def cut(address, length):
            return kind((address >> (bits - length) << (bits - length), length))

        return st.builds(cut, st.integers(1, 2**bits - 1), st.integers(0, bits))

    def fits(network):
        mapped = network.version == 6 and network.prefixlen >= 96 and network.network_address.ipv4_mapped is not None
        return not mapped and not (network.num_addresses == 1 and int(network.network_address) == 0)

    either = networks(32, ipaddress.IPv4Network) | networks(128, ipaddress.IPv6Network)
    slashes = st.sampled_from(["/", "%2F"])
    return st.builds(lambda network, slash: str(network).replace("/", slash), either.filter(fits), slashes)
