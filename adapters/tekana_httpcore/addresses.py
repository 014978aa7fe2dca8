"""The check of addresses, so that webhooks cannot reach internal networks (server-side request forgery)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

# NAT64: a gateway forwards to the IPv4 address in the last 32 bits.
_NAT64: Final = IPv6Network("64:ff9b::/96")

# Not public either, although `is_global` is true for them in some supported versions of Python.
_SPECIAL: Final[tuple[IPv4Network | IPv6Network, ...]] = (
    IPv4Network("192.0.0.0/24"),  # IETF protocol assignments: Python before 3.12.4 has only two parts of it
    IPv4Network("192.88.99.0/24"),  # relays of 6to4, deprecated
    IPv6Network("3fff::/20"),  # documentation: in Python from 3.14
    IPv6Network("fec0::/10"),  # site-local, deprecated
)


def is_public(address: str) -> bool:
    """Return whether an address belongs to the public internet.

    An IPv6 address that contains an IPv4 address (mapped, 6to4, NAT64) is public if the IPv4 address is.
    """
    parsed = ip_address(address.partition("%")[0])  # without the zone of a link-local address
    inner = _embedded_ipv4(parsed) if isinstance(parsed, IPv6Address) else None
    return _is_public(inner or parsed)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    # `is_global` is true for some multicast and reserved addresses.
    special = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not special and not any(address in network for network in _SPECIAL)


def _embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour
