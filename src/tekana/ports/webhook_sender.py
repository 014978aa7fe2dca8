"""The webhook sender: makes the HTTP request of an attempt."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple, Protocol


class WebhookResponse(NamedTuple):
    """A receiver's response: its status, the first KiB of its body, and how long its `Retry-After` asks to wait."""

    status_code: int
    body: bytes
    retry_after: timedelta | None = None


class WebhookSender(Protocol):
    """Sends over HTTP. Building one does no I/O. For many tasks of one event loop."""

    async def check(self, url: str) -> None:
        """Check that a URL may be sent to, as far as can be known now. Raises InvalidRequest, about `url`."""
        ...

    async def send(
        self, url: str, headers: Mapping[str, str], body: bytes, *, timeout_seconds: float
    ) -> WebhookResponse:
        """POST a body. Follow no redirect.

        The status is the response: a body that comes late, broken or not at all does not make it a failure. A request
        that fails because the receiver closed a connection kept from an earlier one is sent again on a new connection.

        Raises:
            Undeliverable: no response came, or the URL leads to an address that may not be sent to.
            TimeoutError: no response came in time.
        """
        ...

    async def stop(self) -> None:
        """Close all connections. May be called twice."""
        ...


class Undeliverable(Exception):
    """There was no response. The text says why, in words for the endpoint's owner."""
