"""The reader of the published keys of outside issuers."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class Unreadable(Exception):
    """The document cannot be read; the message gives the reason without details of this machine."""


@runtime_checkable
class KeySetReader(Protocol):
    """Reads small JSON documents over https, or http from the loopback addresses. Safe for many tasks at once."""

    async def read(self, url: str) -> bytes:
        """Return the body of a document of a bounded size, within a bounded time. Redirects are not followed.

        Raises:
            Unreadable: it cannot be read.
        """
        ...

    async def stop(self) -> None:
        """Close all connections."""
        ...
