"""The log of requests: for each one that has ended, its metrics, and its line of the access log if it gets one.

The access log has one line of JSON for each request, also for those that the parser of the server refuses. A line names
the request, the route and the caller, and holds nothing that is personal: no path, query, body or address.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
from bisect import bisect_left
from collections import Counter
from datetime import UTC, datetime
from time import perf_counter
from typing import Final

import msgspec
from prometheus_client import Histogram

from tekana_litestar.shared_metrics import KEPT

COUNT_INTERVAL_SECONDS: Final = 1.0
_UNCOUNTED_MAX: Final = 10_000

_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)

_Labels = tuple[str | None, str | None, int | None]

# One metric for their number and their duration: each one more would cost as much again for every request.
_SECONDS: Final = Histogram(
    "tekana_http_request_seconds",
    "From the headers of a request to the end of its response.",
    ["method", "route", "status"],
    registry=KEPT,
    buckets=_BOUNDS,
)

_log = logging.getLogger("tekana.access")

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


class RequestLog:
    """Records each request of an app when it has ended.

    Args:
        access_log: the share of the requests that get a line in the access log, from 0 to 1; above 0, all that are
            refused, fail or get no answer have one.
    """

    def __init__(self, access_log: float = 0.0) -> None:
        self._access_log = access_log

    @staticmethod
    def begin() -> float:
        """Return the moment from which the duration of a request counts."""
        return perf_counter()

    def end(
        self,
        request_id: str,
        *,
        method: str | None,
        route: str | None,
        status: int | None,
        begun: float,
        caller: str | None,
    ) -> None:
        """Record a request. `route` is the template of its path; what is not known is None."""
        seconds = perf_counter() - begun
        # What no route answers has no method either, as clients choose it.
        _durations.add((method if route else None, route, status), seconds)
        if not self._access_log:
            return
        is_usual = status is not None and status < 400
        if is_usual and self._access_log < 1 and random.random() >= self._access_log:  # noqa: S311
            return
        line = AccessLogLine(
            time=datetime.now(UTC),
            level="warning" if status is not None and status >= 500 else "info",
            request_id=request_id,
            method=method,
            route=route,
            status=status,
            duration_ms=round(seconds * 1000, 3),
            caller=caller,
        )
        _log.info(_encode(line).decode())


def print_access_log() -> None:
    """Print the lines of the access log on standard output, and nowhere else."""
    _log.setLevel(logging.INFO)
    _log.propagate = False
    if not _log.handlers:
        _log.addHandler(logging.StreamHandler(sys.stdout))


class _Durations:
    """Durations that are yet to be counted: to count each one at once takes ten times as long."""

    def __init__(self) -> None:
        self._seconds: dict[_Labels, list[float]] = {}

    def add(self, labels: _Labels, seconds: float) -> None:
        """Add the duration of a request; it is counted within COUNT_INTERVAL_SECONDS."""
        durations = self._seconds.get(labels)
        if durations is None:
            if not self._seconds:
                asyncio.get_running_loop().call_later(COUNT_INTERVAL_SECONDS, self.count)
            durations = self._seconds[labels] = []
        durations.append(seconds)
        if len(durations) >= _UNCOUNTED_MAX:
            self.count()

    def count(self) -> None:
        """Count all in the metrics."""
        counted, self._seconds = self._seconds, {}
        for (method, route, status), durations in counted.items():
            histogram = _SECONDS.labels(method or "", route or "", status or "none")
            histogram._sum.inc(sum(durations))  # noqa: SLF001 - as Histogram.observe does for one of them
            for bucket, number in Counter(bisect_left(_BOUNDS, one) for one in durations).items():
                histogram._buckets[bucket].inc(number)  # noqa: SLF001


_durations: Final = _Durations()


def count_requests() -> None:
    """Count the last requests of this process in the metrics, which takes up to COUNT_INTERVAL_SECONDS otherwise.

    Done before metrics are read, and when an app stops. A process that is killed does not count its last requests.
    """
    _durations.count()
