"""The table of forbidden addresses, against the standard library's, against the system's reading, and by hand."""

import ipaddress
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.endpoints.guard import forbidden, literal

V4 = st.integers(0, 2**32 - 1).map(IPv4Address)
V6 = st.integers(0, 2**128 - 1).map(IPv6Address)
BAD = (
    # what `is_global` lets through
    "64:ff9b::169.254.169.254", "2002:7f00:1::", "224.0.0.1", "192.0.0.192",
    # every family of private, shared, own and reserved
    "127.0.0.1", "127.255.255.255", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254",
    "100.64.0.1", "100.100.100.200", "0.0.0.0", "0.1.2.3", "255.255.255.255", "240.0.0.1", "239.1.1.1",
    "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "192.88.99.1", "168.63.129.16",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::ffff:0:127.0.0.1", "fe80::1", "fe80::1%eth0",
    "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "64:ff9b::8.8.8.8", "64:ff9b:1::7f00:1", "2001::1", "2001:db8::1",
    "2001:2::1", "2001:10::1", "2002:808:808::", "3fff::1", "100::1", "5f00::1", "4000::1", "fe00::1",
)  # fmt: skip
GOOD = (
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0",
    "223.255.255.255", "::ffff:8.8.8.8", "2606:4700:4700::1111", "2a00:1450:4001:830::200e", "2001:4860:4860::8888",
    "2001:200::1", "2003::1",
)  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_nobody_gets_a_receipt_there(text: str) -> None:
    assert forbidden(ip_address(text))


@pytest.mark.parametrize("text", GOOD)
def test_the_public_internet_is_open(text: str) -> None:
    assert forbidden(ip_address(text)) is None


@given(st.one_of(V4, V6))
def test_whatever_the_standard_library_calls_not_global_is_forbidden_too(address: IPv4Address | IPv6Address) -> None:
    known_better = isinstance(address, IPv6Address) and address.ipv4_mapped
    if not address.is_global and not known_better:
        assert forbidden(address)


@given(V4)
def test_an_address_in_the_coat_of_another_family_passes_never_more_easily(inner: IPv4Address) -> None:
    number = int(inner)
    assert forbidden(IPv6Address(0xFFFF << 32 | number)) == forbidden(inner)
    coats = (
        IPv6Address(number), IPv6Address(0xFFFF << 48 | number), IPv6Address((0x64FF9B << 96) | number),
        IPv6Address(int(IPv6Address("64:ff9b:1::")) | number), IPv6Address((0x2002 << 112) | (number << 80)),
        IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF)),
    )  # fmt: skip
    for coat in coats:
        assert forbidden(coat), coat


@given(V6)
def test_of_ipv6_only_global_unicast_is_open(address: IPv6Address) -> None:
    if address not in ip_network("2000::/3") and not address.ipv4_mapped:
        assert forbidden(address)


def test_a_listed_network_is_open_and_no_other_and_what_it_carries_must_be_open_too() -> None:
    listed = (ip_network("10.1.0.0/16"), ip_network("64:ff9b::/96"), ip_network("fd00::/8"))
    assert forbidden(ip_address("10.1.2.3"), listed) is None
    assert forbidden(ip_address("::ffff:10.1.2.3"), listed) is None
    assert forbidden(ip_address("fd00::1"), listed) is None
    assert forbidden(ip_address("10.2.0.1"), listed) == "private"
    assert forbidden(ip_address("64:ff9b::8.8.8.8"), listed) is None
    assert forbidden(ip_address("64:ff9b::10.1.2.3"), listed) is None
    assert forbidden(ip_address("64:ff9b::169.254.169.254"), listed) == "link-local"
    assert forbidden(ip_address("8.8.8.8"), listed) is None
    assert forbidden(ip_address("8.8.8.8"), listed, only_listed=True)
    assert forbidden(ip_address("10.1.2.3"), listed, only_listed=True) is None


NUMBER = st.one_of(st.integers(0, 300), st.integers(0, 2**32 - 1)).flatmap(
    lambda number: st.sampled_from([str(number), hex(number), f"0{number:o}", hex(number).upper().replace("X", "x")])
)


@given(st.lists(NUMBER, min_size=1, max_size=4).map(".".join))
def test_an_address_is_read_as_the_system_reads_it_however_it_is_written(text: str) -> None:
    try:
        rows = socket.getaddrinfo(text, None, family=socket.AF_INET, flags=socket.AI_NUMERICHOST)
        system = {row[4][0] for row in rows}
    except OSError:
        system = set()
    found = literal(text)
    assert ({str(found)} if found else set()) == system


@pytest.mark.parametrize("text", ["example.com", "0x7f.1.example", "localhost", "", "a.b.c.d", "1.2.3.4.5", "-1"])
def test_a_name_is_no_address(text: str) -> None:
    assert literal(text) is None


@pytest.mark.parametrize("text", ["[::1]", "127.0.0.1.", "0x7f.1", "2130706433", "0177.1", "fe80::1%25eth0", "127.1"])
def test_odd_forms_of_forbidden_addresses_are_seen_through(text: str) -> None:
    found = literal(text)
    assert found is not None
    assert forbidden(found)


def test_the_table_is_ours_because_the_library_calls_these_global() -> None:
    """If this fails, Python has learned, and our table is still needed for what it says beyond that."""
    assert any(ipaddress.ip_address(text).is_global for text in BAD)
