"""The metrics that a process keeps, and how workers share theirs, so that each can report those of all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

SHARED_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names the folder in which workers keep their metrics."""

KEPT: Final = CollectorRegistry()
"""The metrics of this process; of all workers together, if they share a folder."""


def is_shared() -> bool:
    """Return whether this process is a worker that shares its metrics with others."""
    return SHARED_FOLDER in os.environ


def collect_metrics() -> Iterable[Metric]:
    """Return the kept metrics, of all workers together if they share them."""
    if not is_shared():
        return KEPT.collect()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry.collect()


def forget_worker(pid: int) -> None:
    """Remove the gauges of a worker that has ended. Its counters stay."""
    if is_shared():
        with suppress(OSError):  # the supervisor goes on without
            mark_process_dead(pid)  # type: ignore[no-untyped-call]
