"""Which addresses webhooks may be sent to. Whoever names a URL must not reach what only this machine can."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

# The last 32 bits of these are an IPv4 address that a gateway sends on to.
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")


# Special as well, which `ipaddress` does not say of all of them in every version of Python.
_SPECIAL: Final[tuple[IPv4Network | IPv6Network, ...]] = (
    *map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24")),
    *map(IPv6Network, ("64:ff9b:1::/48", "100::/64", "2001::/23", "3fff::/20", "fec0::/10")),
)


def is_public(address: str) -> bool:
    """Whether the address is anybody's on the internet: no loopback, link-local, private, multicast or special one.

    An IPv6 address that stands for an IPv4 one (mapped, 6to4, NAT64) is no better than that.
    """
    parsed = ip_address(address.partition("%")[0])  # without the zone of a link-local one
    inner = _inner(parsed) if isinstance(parsed, IPv6Address) else None
    if inner is not None:
        return _is_public(inner)
    return _is_public(parsed)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    special = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not special and not any(address in network for network in _SPECIAL)


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour
