"""Limits of a connection, and the timer that enforces its deadlines."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from tekana_litestar.protocol.responding import RespondingProtocol

HEAD_SIZE_MAX: Final = 64 * 1024
"""Bytes of a request line and its headers together; the same for what surrounds a body: chunk sizes and trailers."""

HEADER_COUNT_MAX: Final = 128

HEAD_TIMEOUT_SECONDS: Final = 10.0
"""From the first byte of a request to the end of its headers."""

BODY_TIMEOUT_SECONDS: Final = 20.0
"""From the end of the headers to the end of the body. Less than the deadline of the whole request."""

IDLE_TIMEOUT_SECONDS: Final = 75.0
"""Without a request. Longer than clients' pools keep a connection, so that they hang up first."""

WRITE_TIMEOUT_SECONDS: Final = 30.0
"""While the client reads none of what was sent."""

LINGER_SECONDS: Final = 2.0
"""Between the answer to a request that was not read to its end and the close: to close at once would reset the
connection, and the client would lose the answer."""

CLOSE_TIMEOUT_SECONDS: Final = 10.0
"""For the rest of an answer to be sent on a connection that is being closed."""

CHECK_INTERVAL_SECONDS: Final = 1.0

LARGE_HEAD: Final = f"the headers must be at most {HEADER_COUNT_MAX}, and {HEAD_SIZE_MAX // 1024} KiB together"
LATE_HEAD: Final = "the headers did not come in time"
LATE_BODY: Final = "the body did not come in time"


class DeadlineTimer:
    """Checks the deadlines of all connections of one event loop, once a second: a timer for each would cost more.

    `now` is the time of the last check, so deadlines that are set from it are met within a second. A check that comes
    late is left out: the process did not run, and what clients sent meanwhile is still unread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, connections: Collection[RespondingProtocol]) -> None:
        self._loop = loop
        self._connections = connections
        self._running = False
        self.now = loop.time()

    def start(self) -> None:
        """Check from now on, for as long as there are connections."""
        if not self._running:
            self._running = True
            self.now = self._loop.time()
            self._schedule()

    def _schedule(self) -> None:
        self._loop.call_later(CHECK_INTERVAL_SECONDS, self._check)

    def _check(self) -> None:
        before, self.now = self.now, self._loop.time()
        if self.now - before < 3 * CHECK_INTERVAL_SECONDS:
            for connection in tuple(self._connections):
                connection.check_deadlines(self.now)
        self._running = bool(self._connections)
        if self._running:
            self._schedule()
