"""The reader of the keys of outside issuers: small JSON documents, over https."""

from __future__ import annotations

import asyncio
from typing import Final

import httpcore

from tekana.ports.key_set_reader import Unreadable

_TIMEOUT_SECONDS: Final = 5.0
_BYTES_MAX: Final = 256 * 1024
_KEEP_ALIVE_SECONDS: Final = 5.0


class HttpKeySetReader:
    """Implements tekana.ports.key_set_reader.KeySetReader.

    The operator names the URLs, so addresses of private networks are allowed, unlike those of webhooks.
    """

    def __init__(self) -> None:
        self._pool = httpcore.AsyncConnectionPool(keepalive_expiry=_KEEP_ALIVE_SECONDS, max_connections=4)

    async def read(self, url: str) -> bytes:
        """GET a document of at most 256 KiB within five seconds."""
        try:
            async with (
                asyncio.timeout(_TIMEOUT_SECONDS),
                self._pool.stream("GET", url, headers={"Accept": "application/json"}) as response,
            ):
                if response.status != 200:
                    raise Unreadable(f"the answer was {response.status}")
                body = b""
                async for chunk in response.aiter_stream():
                    body += chunk
                    if len(body) > _BYTES_MAX:
                        raise Unreadable("the answer is too large")
        except (httpcore.TimeoutException, TimeoutError):
            raise Unreadable("there was no answer in time") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError, UnicodeError):
            raise Unreadable("the host cannot be reached") from None
        return body

    async def stop(self) -> None:
        """Close all connections."""
        await self._pool.aclose()
