"""The address of a client: that of its connection or, behind trusted proxies, the one that they forward.

Rate limits and logs that need an address get it here, so that they mean the same client.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

UNKNOWN: Final = "unknown"
"""The address of a client whose connection has none, such as that of a Unix socket."""

_SITE_PREFIX_BITS: Final = 64
_ADDRESSES_MAX: Final = 10_000
_LENGTH_MAX: Final = 64  # of a text that can be an address, so that longer ones do not fill the cache
_CACHED_LENGTH_MAX: Final = 200  # of both headers, which clients can choose

_X_FORWARDED_FOR: Final = b"x-forwarded-for"
_FORWARDED: Final = b"forwarded"
_BOTH: Final = (_X_FORWARDED_FOR, _FORWARDED)
_TOKEN: Final = r"[\w!#$%&'*+.^`|~-]+"  # noqa: S105 - the token of RFC 9110, 5.6.2
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_PAIR: Final = rf"{_TOKEN}={_TOKEN}|{_TOKEN}={_QUOTED}"
_ELEMENT: Final = re.compile(rf"[ \t]*((?:{_PAIR})?(?:;(?:{_PAIR})?)*)[ \t]*(?:,|$)", re.ASCII)
_FOR: Final = re.compile(rf"(?:^|;)for=({_TOKEN}|{_QUOTED})", re.ASCII | re.IGNORECASE)
_WITH_PORT: Final = re.compile(r"\[([^\[\]]*)\](?::\d{1,5})?|(\d+\.\d+\.\d+\.\d+):\d{1,5}", re.ASCII)


class ClientAddresses:
    """Finds the address of the client of a request.

    Args:
        trusted_proxies: the networks of the proxies whose headers are believed; without any, none is.
    """

    def __init__(self, trusted_proxies: Sequence[Network] = ()) -> None:
        self._trusted_proxies = tuple(trusted_proxies)
        # With texts as arguments, as the hash of an address takes long.
        self._is_proxy = lru_cache(maxsize=_ADDRESSES_MAX)(self._is_trusted_text)
        self._client_of = lru_cache(maxsize=_ADDRESSES_MAX)(self._find_client)

    def find(self, peer: tuple[str, int] | None, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the address of the client, in its canonical form.

        From the right of the forwarded addresses, the first that is no trusted proxy is the client. What is to the left
        of it was written by the client, and is not read. Where an address is malformed, the proxy that sent it counts
        as the client. So it does if `Forwarded` and `X-Forwarded-For` name different clients: which of the two
        the proxy wrote is not known.

        Args:
            peer: the address and the port at the other end of the connection.
            headers: those of the request, with names in lower case.
        """
        if peer is None:
            return UNKNOWN
        if not self._trusted_proxies or not self._is_proxy(peer[0]):
            return _canonical(peer[0])
        # Several lines of one header are one list (RFC 9110, 5.3).
        given = [header for header in headers if header[0] in _BOTH]
        x_forwarded_for = b",".join([value for name, value in given if name == _X_FORWARDED_FOR])
        forwarded = b",".join([value for name, value in given if name == _FORWARDED])
        is_short = len(x_forwarded_for) + len(forwarded) <= _CACHED_LENGTH_MAX
        return (self._client_of if is_short else self._find_client)(peer[0], x_forwarded_for, forwarded)

    def _find_client(self, peer: str, x_forwarded_for: bytes, forwarded: bytes) -> str:
        chains = (_x_forwarded_for(x_forwarded_for.decode("latin-1")), _forwarded(forwarded.decode("latin-1")))
        clients = {self._follow(ip_address(_canonical(peer)), chain) for chain in chains if chain}
        return str(clients.pop()) if len(clients) == 1 else _canonical(peer)

    def _follow(self, proxy: Address, chain: Sequence[str]) -> Address:
        """Return the client at the end of a chain of forwarded addresses, of which the last is what `proxy` wrote."""
        for text in reversed(chain):
            address = _parse_with_port(text)
            if address is None:
                return proxy
            if not self._is_trusted(address):
                return address
            proxy = address
        return proxy

    def _is_trusted_text(self, text: str) -> bool:
        address = _parse(text)
        return address is not None and self._is_trusted(address)

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted_proxies)


@lru_cache(maxsize=_ADDRESSES_MAX)
def site_of(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 network of an IPv6 address, which one site has."""
    parsed = _parse(address)
    if not isinstance(parsed, IPv6Address):
        return address
    return str(IPv6Network((parsed.packed, _SITE_PREFIX_BITS), strict=False))


@lru_cache(maxsize=_ADDRESSES_MAX)
def _canonical(text: str) -> str:
    return str(_parse(text) or UNKNOWN)


@lru_cache(maxsize=_ADDRESSES_MAX)
def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _parse_with_port(text: str) -> Address | None:
    """Parse `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`."""
    if len(text) > _LENGTH_MAX:
        return None
    found = _WITH_PORT.fullmatch(text)
    return _parse(text if found is None else found[1] or found[2] or "")


def _x_forwarded_for(value: str) -> list[str]:
    return [one.strip() for one in value.split(",")] if value else []


def _forwarded(value: str) -> list[str]:
    """Return the `for` of each element (RFC 7239, 4), "" for an element without; one "" if the value is malformed."""
    return list(_forwarded_elements(value)) if value else []


def _forwarded_elements(value: str) -> Iterator[str]:
    position = 0
    found: list[str] = []
    while position < len(value):
        element = _ELEMENT.match(value, position)
        if element is None:
            yield ""
            return
        position = element.end()
        named = _FOR.findall(element[1])
        text = named[0] if len(named) == 1 else ""
        found.append(re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] == '"' else text)
    yield from found
