"""The sender: one POST for each delivery, over connections to checked addresses."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import httpcore

from tekana.domain.errors import invalid
from tekana.ports.webhook_sender import Undeliverable, WebhookResponse
from tekana_httpcore.addresses import is_public
from tekana_httpcore.network import NOT_PUBLIC, AddressRefused, CheckedNetwork, HostNotFound, Resolve
from tekana_httpcore.resolver import Resolver

_CHECK_SECONDS: Final = 10.0
_BODY_SECONDS: Final = 1.0
_BODY_MAX_BYTES: Final = 1024
_KEEP_ALIVE_SECONDS: Final = 15.0
_IDLE_POOLS_MAX: Final = 64
_PORTS: Final = {"https": 443, "http": 80}
_LOST: Final = (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError)


class HttpSender:
    """Implements tekana.ports.webhook_sender.WebhookSender.

    Each URL has a connection pool of its own: httpcore's pool iterates over all of its connections and requests
    whenever one of them begins or ends, so the cost of a common pool would be quadratic in the requests in flight. Only
    the most recently used pools are kept.

    Proxies of the environment are not used: they would connect to addresses that are not allowed.

    Args:
        allow_private: whether to send to http:// and to any address too.
        resolver: resolves host names; a Resolver by default.
        tls: the TLS configuration; by default, the certificate authorities of the system are trusted.
    """

    def __init__(
        self, *, allow_private: bool = False, resolver: Resolve | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._allow_private = allow_private
        self._resolver = Resolver()
        self._resolve = resolver or self._resolver.resolve
        self._tls = tls
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}
        self._in_use: dict[str, int] = {}

    async def check(self, url: str) -> None:
        """Check that all present addresses of the URL's host are public. Raise InvalidRequest otherwise."""
        parts = urlsplit(url)
        if self._allow_private:
            return
        if parts.scheme != "https":
            raise invalid("url", "must be https://")
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                addresses = await self._resolve(str(parts.hostname), parts.port or _PORTS[parts.scheme])
        except (OSError, UnicodeError):  # a TimeoutError is an OSError
            raise invalid("url", "names a host that cannot be found") from None
        if not all(map(is_public, addresses)):
            raise invalid("url", NOT_PUBLIC)

    async def send(
        self, url: str, headers: Mapping[str, str], body: bytes, *, timeout_seconds: float
    ) -> WebhookResponse:
        """POST a body. Return the status, the first KiB of the response, and its Retry-After."""
        if (
            not url.startswith("https:") and not self._allow_private
        ):  # may have been allowed when the endpoint was created
            raise Undeliverable("http:// is not allowed")
        try:
            async with self._pool(url) as pool:
                async with asyncio.timeout(timeout_seconds):
                    response = await _post(pool, url, headers, body)
                try:
                    return WebhookResponse(response.status, await _start_of_body(response), _retry_after(response))
                finally:
                    await response.aclose()
        except httpcore.TimeoutException:
            raise TimeoutError from None
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError, UnicodeError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise Undeliverable(_describe(error)) from error

    async def stop(self) -> None:
        """Close all connections, and end all lookups."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            await pool.aclose()
        await self._resolver.stop()

    @asynccontextmanager
    async def _pool(self, url: str) -> AsyncIterator[httpcore.AsyncConnectionPool]:
        pool = self._pools.pop(url, None) or self._new_pool(url)
        self._pools[url] = pool  # the most recently used is the last
        self._in_use[url] = self._in_use.get(url, 0) + 1
        try:
            yield pool
        finally:
            self._in_use[url] -= 1
            if not self._in_use[url]:
                del self._in_use[url]
            await self._close_idle()

    async def _close_idle(self) -> None:
        idle = [url for url in self._pools if url not in self._in_use]
        for url in idle[: max(0, len(idle) - _IDLE_POOLS_MAX)]:
            await self._pools.pop(url).aclose()

    def _new_pool(self, url: str) -> httpcore.AsyncConnectionPool:
        if self._tls is None and url.startswith("https:"):
            self._tls = ssl.create_default_context()  # reads all certificate authorities: 30 ms of processor time
        return httpcore.AsyncConnectionPool(
            ssl_context=self._tls,
            max_connections=None,  # the caller limits the requests to each endpoint
            keepalive_expiry=_KEEP_ALIVE_SECONDS,
            network_backend=CheckedNetwork(self._resolve, self._allow_private),
        )


async def _post(
    pool: httpcore.AsyncConnectionPool, url: str, headers: Mapping[str, str], body: bytes
) -> httpcore.Response:
    """Send a request; retry it if it fails on a reused connection, which the receiver may have closed."""
    parts = urlsplit(url)
    target = httpcore.URL(
        scheme=parts.scheme,
        host=str(parts.hostname),
        port=parts.port,
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )
    every = {"host": parts.netloc, "content-length": str(len(body)), **headers}
    while True:
        connected = False

        async def trace(event: str, _: object) -> None:
            nonlocal connected
            connected = connected or event == "connection.connect_tcp.started"

        request = httpcore.Request(
            "POST", target, headers=list(every.items()), content=body, extensions={"trace": trace}
        )
        try:
            return await pool.handle_async_request(request)
        except _LOST:
            if connected:
                raise


async def _start_of_body(response: httpcore.Response) -> bytes:
    """Read the first KiB that is available at once. If there is more, the connection is closed."""
    found = b""
    with suppress(TimeoutError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in response.aiter_stream():
                found += chunk
                if len(found) >= _BODY_MAX_BYTES:
                    break
    return found[:_BODY_MAX_BYTES]


def _retry_after(response: httpcore.Response) -> timedelta | None:
    """Return the delay of `Retry-After`, which is a number of seconds or a date."""
    headers: dict[bytes, bytes] = {name.lower(): value for name, value in response.headers}
    value = headers.get(b"retry-after", b"").decode("ascii", "replace").strip()
    try:
        if value.isdecimal():
            return timedelta(seconds=int(value))
        until = parsedate_to_datetime(value)
        now = parsedate_to_datetime(headers[b"date"].decode()) if b"date" in headers else datetime.now(UTC)
        return max(timedelta(0), until - now)
    except (ValueError, TypeError, OverflowError):  # missing or invalid
        return None


def _describe(error: Exception) -> str:
    """Describe an error for the owner of the endpoint, without details of this machine or its network."""
    if any(isinstance(one, ssl.SSLError) for one in _causes(error)):
        return "the certificate or the TLS of the host is not in order"
    if isinstance(error, AddressRefused):
        return f"the URL {NOT_PUBLIC}"
    if isinstance(error, HostNotFound | UnicodeError):
        return "the host cannot be found"
    if isinstance(error, httpcore.ConnectError):
        return "the host does not take connections"
    return "the connection ended without an answer"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
