"""Connections to checked addresses only, so that a URL cannot reach internal networks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

import httpcore

from tekana_httpcore.addresses import is_public

NOT_PUBLIC: Final = "leads to an address that is not on the public internet"

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host, for a port. Raises OSError if there are none."""


class HostNotFound(httpcore.ConnectError):
    """The host has no address."""


class AddressRefused(httpcore.ConnectError):
    """The host has an address that is not allowed."""


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Resolves a host, checks its addresses, and connects to the checked ones only.

    A second lookup with another result (DNS rebinding) has no effect.
    """

    def __init__(self, resolve: Resolve, allow_private: bool) -> None:
        self._resolve = resolve
        self._allow_private = allow_private
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of httpcore's backends
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that accepts a connection."""
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise HostNotFound(host) from error
        if not self._allow_private and not all(map(is_public, addresses)):
            raise AddressRefused(host)
        for address in addresses[:-1]:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
        return await self._network.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        await self._network.sleep(seconds)
