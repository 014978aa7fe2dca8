"""The access log: one line of JSON for each request, also for those that the parser of the server refuses.

A line names the request, the route and the caller, and holds nothing that is personal: no path, query, body or address.
"""

from __future__ import annotations

import logging
import random
import sys
from datetime import UTC, datetime

import msgspec

log = logging.getLogger("tekana.access")

_encode = msgspec.json.Encoder().encode


class AccessLogLine(msgspec.Struct, frozen=True, kw_only=True):
    """A request that has ended.

    Attributes:
        time: when it ended.
        level: "info", or "warning" if the server could not answer it (5xx).
        request_id: as in the response, in problems and in records.
        method: null if it could not be read.
        route: the template of the path, such as `/v1/wallets/{wallet_id}`; null if no route answers.
        status: null if the client was gone before an answer began.
        duration_ms: from the headers of the request to the end of the response.
        caller: the subject of the caller; null if it was refused before that was known.
    """

    time: datetime
    level: str
    request_id: str
    method: str | None
    route: str | None
    status: int | None
    duration_ms: float
    caller: str | None


class AccessLog:
    """Writes the lines of a share of the requests, and of all that are refused, fail or get no answer."""

    def __init__(self, share: float) -> None:
        self._share = share

    def write(self, request_id: str, seconds: float, status: int | None, **known: str | None) -> None:
        """Write the line of a request that took so long, if it is one of the share. `known` are fields of the line."""
        if status is not None and status < 400 and self._share < 1 and random.random() >= self._share:  # noqa: S311
            return
        line = AccessLogLine(
            time=datetime.now(UTC),
            level="warning" if status is not None and status >= 500 else "info",
            request_id=request_id,
            status=status,
            duration_ms=round(seconds * 1000, 3),
            **known,
        )
        log.info(_encode(line).decode())


def access_log(share: float) -> AccessLog | None:
    """Return the access log for a share of the requests; None if that is 0."""
    return AccessLog(share) if share else None


def print_lines() -> None:
    """Print the lines on standard output, and nowhere else."""
    log.setLevel(logging.INFO)
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.StreamHandler(sys.stdout))
