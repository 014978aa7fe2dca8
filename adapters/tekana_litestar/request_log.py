"""What is kept of a request that has ended: its metrics, and its line of the access log if there is one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from tekana_litestar.access_log import AccessLog

SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder in which workers keep their metrics, so that each can report those of all."""

_BUCKETS_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)

# One metric for their number and their duration: each one more would cost as much again for every request.
_SECONDS: Final = Histogram(
    "tekana_http_request_seconds",
    "From the headers of a request to the end of its response.",
    ["method", "route", "status"],
    registry=None,
    buckets=_BUCKETS_SECONDS,
)


class RequestLog:
    """Takes down each request of an app when it has ended."""

    def __init__(self, access_log: AccessLog | None = None) -> None:
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
        """Take down a request. `route` is the template of its path; what is not known is None."""
        seconds = perf_counter() - begun
        # What no route answers has no method either, as clients choose it.
        _child(method or "" if route else "", route or "", status or 0).observe(seconds)
        if self._access_log is not None:
            self._access_log.write(
                request_id, method=method, route=route, status=status, seconds=seconds, caller=caller
            )


@cache
def _child(method: str, route: str, status: int) -> Histogram:
    return _SECONDS.labels(method, route, status or "none")


def request_metrics() -> Iterable[Metric]:
    """Return the metrics of all requests: of all workers together, if they share them."""
    if SHARED_FOLDER not in os.environ:
        return _SECONDS.collect()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry.collect()
