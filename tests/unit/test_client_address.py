"""The address of a client: which headers are believed, from which proxies."""

from __future__ import annotations

import time
from ipaddress import ip_network

import pytest

from tekana import InvalidRequest, Settings
from tekana_litestar.client_address import UNKNOWN, ClientAddresses, site_of

PROXY = ("10.0.0.1", 4000)
CLIENT = "198.51.100.7"
ADDRESSES = ClientAddresses((ip_network("10.0.0.0/8"), ip_network("2001:db8:ff::/48")))


def found(*headers: tuple[str, str], peer: tuple[str, int] | None = PROXY) -> str:
    given = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return ADDRESSES.find(peer, given)


@pytest.mark.parametrize(
    ("value", "client"),
    [
        (CLIENT, CLIENT),
        (f"{CLIENT}:5050", CLIENT),
        (f"192.0.2.66, {CLIENT}", CLIENT),  # what the client wrote itself is not read
        (f"{CLIENT}, 10.0.0.2, 10.9.9.9", CLIENT),  # a chain of proxies
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),  # a client in the network of the proxies
        (f"{CLIENT}, garbage", PROXY[0]),
        (f"{CLIENT}, garbage, 10.0.0.2", "10.0.0.2"),
        (f"{CLIENT},", PROXY[0]),
        ("", PROXY[0]),
        ("1" * 5_000, PROXY[0]),
        ("2001:db8::7", "2001:db8::7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("2001:db8::7, 2001:db8:ff::1", "2001:db8::7"),
        (f"::ffff:{CLIENT}", CLIENT),
        (f"{CLIENT}:port", PROXY[0]),
        ("[]", PROXY[0]),
    ],
)
def test_x_forwarded_for_is_read_from_the_right_up_to_the_first_untrusted_address(value: str, client: str) -> None:
    assert found(("X-Forwarded-For", value)) == client


@pytest.mark.parametrize(
    ("value", "client"),
    [
        (f"for={CLIENT}", CLIENT),
        (f"For={CLIENT};proto=https;by=10.0.0.1", CLIENT),
        (f"proto=https;for={CLIENT} , for=10.0.0.2", CLIENT),
        ('for="[2001:db8::7]:4711"', "2001:db8::7"),
        (f'for="{CLIENT}:80"', CLIENT),
        (f'for="a,for=192.0.2.66", for={CLIENT}', CLIENT),
        (f'host="for=192.0.2.66;";for={CLIENT}', CLIENT),
        ("for=unknown", PROXY[0]),
        ("for=_hidden", PROXY[0]),
        ("proto=https", PROXY[0]),
        (f"for=192.0.2.66;for={CLIENT}", PROXY[0]),
        (f'for=", for={CLIENT}', PROXY[0]),  # the quote hides what follows it
        (f"for={CLIENT}; ; =", PROXY[0]),
    ],
)
def test_forwarded_is_read_likewise(value: str, client: str) -> None:
    assert found(("Forwarded", value)) == client


def test_headers_of_an_untrusted_peer_are_ignored() -> None:
    for name, value in (("X-Forwarded-For", CLIENT), ("Forwarded", f"for={CLIENT}")):
        assert found((name, value), peer=("203.0.113.9", 1)) == "203.0.113.9"
        assert ClientAddresses().find(PROXY, [(name.lower().encode(), value.encode())]) == PROXY[0]


def test_several_lines_are_one_list() -> None:
    assert found(("X-Forwarded-For", "192.0.2.66"), ("X-Forwarded-For", CLIENT)) == CLIENT


def test_two_headers_have_to_agree() -> None:
    assert found(("X-Forwarded-For", CLIENT), ("Forwarded", f"for={CLIENT}")) == CLIENT
    assert found(("X-Forwarded-For", CLIENT), ("Forwarded", "for=192.0.2.66")) == PROXY[0]
    assert found(("X-Forwarded-For", "192.0.2.66"), ("Forwarded", f"for={CLIENT}")) == PROXY[0]


def test_a_connection_without_an_address_has_no_known_one() -> None:
    assert found(("X-Forwarded-For", CLIENT), peer=None) == UNKNOWN
    assert found(("X-Forwarded-For", CLIENT), peer=("testclient", 1)) == UNKNOWN


def test_a_malformed_header_takes_no_long_time() -> None:
    begun = time.process_time()
    for value in ("for=" + ";" * 60_000 + "!", 'for="' + "\\" * 60_001, " " * 60_000, "10.0.0.1," * 7_000 + "x"):
        found(("Forwarded", value))
        found(("X-Forwarded-For", value))
    assert time.process_time() - begun < 1


def test_the_64_network_of_an_ipv6_address_counts_as_one_client() -> None:
    assert site_of("2001:db8:1:2::1") == site_of("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert site_of("2001:db8:1:3::1") != site_of("2001:db8:1:2::1")
    assert site_of(CLIENT) == CLIENT
    assert site_of(UNKNOWN) == UNKNOWN


def test_trusted_proxies_are_networks_in_the_settings() -> None:
    settings = Settings(trusted_proxies="10.0.0.0/8, 192.0.2.1,2001:db8::/32")
    assert [str(one) for one in settings.proxy_networks] == ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"]
    assert Settings().proxy_networks == ()


@pytest.mark.parametrize("networks", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33", "0.0.0.0/0", "::/0", "10/8"])
def test_other_values_of_trusted_proxies_are_refused(networks: str) -> None:
    with pytest.raises(InvalidRequest, match="trusted_proxies: must be networks"):
        Settings(trusted_proxies=networks)
