"""The sender: one POST a delivery, over connections whose address was looked at before they were made."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore

from tekana.domain.errors import invalid
from tekana.ports.webhooks import Undeliverable
from tekana_httpcore.addresses import is_public

_LONGEST_WAIT: Final = 10.0
_MOST_CONNECTIONS: Final = 200
_LARGEST_ANSWER: Final = 1024
_NOT_PUBLIC: Final = "leads to an address that is not on the public internet"
_PORTS: Final = {"https": 443, "http": 80}

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, for a port. Raises OSError if there are none."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses as the system's resolver tells them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class HttpSender:
    """Implements tekana.ports.webhooks.WebhookSender. `allow_private` also lets it use http:// and any address.

    Proxies that the environment names are not used: they would connect to what is refused here.
    """

    def __init__(
        self, *, allow_private: bool = False, resolver: Resolve = resolve, tls: ssl.SSLContext | None = None
    ) -> None:
        self._allow_private = allow_private
        self._resolve = resolver
        self._tls = tls
        self._pool: httpcore.AsyncConnectionPool | None = None

    async def check(self, url: str) -> None:
        """Raises InvalidRequest unless all addresses of the URL's host are public, now."""
        parts = urlsplit(url)
        if self._allow_private:
            return
        if parts.scheme != "https":
            raise invalid("url", "must be https://")
        try:
            async with asyncio.timeout(_LONGEST_WAIT):
                addresses = await self._resolve(str(parts.hostname), parts.port or _PORTS[parts.scheme])
        except (OSError, UnicodeError):  # a TimeoutError is an OSError
            raise invalid("url", "names a host that cannot be found") from None
        if not all(map(is_public, addresses)):
            raise invalid("url", _NOT_PUBLIC)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """POST the body; gives the status and the first KiB of the answer."""
        parts = urlsplit(url)
        if parts.scheme != "https" and not self._allow_private:  # it was allowed when the endpoint was created
            raise Undeliverable("http:// is not allowed")
        target = httpcore.URL(
            scheme=parts.scheme,
            host=str(parts.hostname),
            port=parts.port,
            target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        )
        everything = {"host": parts.netloc, "content-length": str(len(body)), **headers}
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), _LONGEST_WAIT)
        try:
            async with self._connections().stream(
                "POST", target, headers=list(everything.items()), content=body, extensions={"timeout": timeouts}
            ) as answer:
                return answer.status, await _beginning(answer)
        except httpcore.TimeoutException:
            raise TimeoutError from None
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError, UnicodeError) as error:
            raise Undeliverable(_in_words(error)) from error

    async def stop(self) -> None:
        """Close all connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    def _connections(self) -> httpcore.AsyncConnectionPool:
        if self._pool is None:
            self._pool = httpcore.AsyncConnectionPool(
                ssl_context=self._tls or ssl.create_default_context(),
                max_connections=_MOST_CONNECTIONS,
                max_keepalive_connections=_MOST_CONNECTIONS // 4,
                keepalive_expiry=15.0,
                network_backend=_LookingFirst(self._resolve, self._allow_private),
            )
        return self._pool


class _LookingFirst(httpcore.AsyncNetworkBackend):
    """Resolves a host by itself and connects to the very addresses that it has looked at.

    A name that leads somewhere else the next time it is asked for (DNS rebinding) gains nothing by that.
    """

    def __init__(self, resolver: Resolve, allow_private: bool) -> None:
        self._resolve = resolver
        self._allow_private = allow_private
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the shape of httpcore's backends
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._resolve(host, port)
        if not self._allow_private and not all(map(is_public, addresses)):
            raise httpcore.ConnectError(f"the URL {_NOT_PUBLIC}")
        for address in addresses[:-1]:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
        return await self._network.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


async def _beginning(answer: httpcore.Response) -> bytes:
    """The first KiB. What comes after it is not waited for: the connection is closed instead."""
    found = b""
    async for chunk in answer.aiter_stream():
        found += chunk
        if len(found) >= _LARGEST_ANSWER:
            break
    return found[:_LARGEST_ANSWER]


def _in_words(error: Exception) -> str:
    """What went wrong, for the endpoint's owner: nothing about this machine or its network."""
    if any(isinstance(one, ssl.SSLError) for one in _causes(error)):
        return "the certificate or the TLS of the host is not in order"
    if isinstance(error, httpcore.ConnectError) and _NOT_PUBLIC in str(error):
        return str(error)
    if isinstance(error, socket.gaierror | UnicodeError):
        return "the host cannot be found"
    if isinstance(error, httpcore.ConnectError):
        return "the host does not take connections"
    return "the connection ended without an answer"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
