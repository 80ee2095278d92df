"""Says to which addresses no receipt may ever be posted, so that nobody's URL makes us knock at our own doors (SSRF).

The table is our own: `ipaddress.is_global` calls NAT64 to the metadata service, 6to4 to loopback, multicast and
192.0.0.192 global. Sources: the IANA special-purpose registries for IPv4 and IPv6, and what clouds answer on. An
operator's own NAT64 prefix (RFC 6052, 2.2) looks like any other and cannot be known here.
"""

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# From narrow to wide within a family, because the first that fits gives the name.
DENIED: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), name)
    for network, name in (
        ("255.255.255.255/32", "broadcast"),
        ("168.63.129.16/32", "a cloud's own service"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "AMT"),
        ("192.88.99.0/24", "6to4 relays"),
        ("192.175.48.0/24", "AS112"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("169.254.0.0/16", "link-local"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("172.16.0.0/12", "private"),
        ("100.64.0.0/10", "shared by carriers"),
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("127.0.0.0/8", "loopback"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::/96", "IPv4-compatible"),
        ("::ffff:0:0:0/96", "IPv4-translated"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "local NAT64"),
        ("2620:4f:8000::/48", "AS112"),
        ("2001::/32", "Teredo"),
        ("2001:db8::/32", "documentation"),
        ("2001::/23", "protocol assignments"),
        ("3fff::/20", "documentation"),
        ("2002::/16", "6to4"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
        ("fc00::/7", "private"),
        # What remains outside 2000::/3 is not global unicast.
        ("::/3", "reserved"),
        ("4000::/2", "reserved"),
        ("8000::/1", "reserved"),
    )
)
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


def forbidden(address: Address, listed: Sequence[Network] = (), *, only_listed: bool = False) -> str | None:
    """Why nothing may connect there, or None. `listed` networks are allowed whatever the table says; an IPv4 address
    that an allowed one carries must pass for itself. With `only_listed` all others are forbidden."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped  # the system connects by IPv4
    if any(address in network for network in listed):
        inner = carried(address)
        return None if inner is None else forbidden(inner, listed)
    for network, name in DENIED:
        if address in network:
            return name
    return "not one of the networks listed" if only_listed else None


def carried(address: Address) -> IPv4Address | None:
    """The IPv4 address to which a gateway of the network translates an IPv6 address (NAT64, 6to4, Teredo)."""
    if isinstance(address, IPv4Address):
        return None
    if any(address in network for network in _NAT64):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.sixtofour:
        return address.sixtofour
    return address.teredo[1] if address.teredo else None


def literal(host: str) -> Address | None:
    """The address that a host's text means to the system without a look-up, or None: also `0x7f.1`, `2130706433`,
    `0177.0.0.1` (inet_aton), with brackets, with a scope, with a dot at its end."""
    text = host.strip("[]").partition("%")[0].rstrip(".")
    try:
        return ip_address(text)
    except ValueError:
        pass
    try:
        # inet_aton stops reading at white space; no host name holds any.
        return None if " " in text else IPv4Address(socket.inet_aton(text))
    except (OSError, ValueError):
        return None
