"""Metrics, for Prometheus and whatever else reads its text format."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from tekana import Tekana, Unavailable
from tekana.ports.outbox import Outbox
from tekana_litestar.operation import Operation, reads
from tekana_litestar.request import Request
from tekana_litestar.responses import Answer

_LONGEST_LOOK: Final = 5.0

_EXAMPLE: Final = """\
# HELP tekana_ready Whether money can be moved now, as /health/ready says.
# TYPE tekana_ready gauge
tekana_ready 1.0
# HELP tekana_outbox_lag_seconds For how long the first of what is not published yet has waited.
# TYPE tekana_outbox_lag_seconds gauge
tekana_outbox_lag_seconds 0.25
"""


class _Found(Collector):
    """What one look found."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


@reads(
    "/metrics",
    Operation(
        tag="Health",
        summary="Read metrics",
        description="In the text format of Prometheus: whether money can be moved; where this process knows the bus, "
        "how far the relay is behind; and memory and processor time of the process that answers, one of the workers.",
        answers={200: str},
        text=_EXAMPLE,
        strict_query=False,
    ),
)
async def get_metrics(request: Request) -> Answer:
    """Read metrics."""
    found = _Found([*REGISTRY.collect(), *await _look(request.tekana)])
    return Answer(200, generate_latest(found), media_type=CONTENT_TYPE_LATEST)


async def _look(tekana: Tekana) -> list[Metric]:
    """What cannot be read now is left out."""
    families: list[Metric] = []
    ready = False
    try:
        async with asyncio.timeout(_LONGEST_LOOK):
            await tekana.check_ready()
            ready = True
            if tekana.outbox is not None:
                families += await _publishing(tekana.outbox)
    except (TimeoutError, Unavailable):
        pass
    return [_gauge("tekana_ready", "Whether money can be moved now, as /health/ready says.", ready), *families]


async def _publishing(outbox: Outbox) -> list[Metric]:
    state, lag = await outbox.state(), await outbox.lag()
    return [
        _gauge("tekana_outbox_lag_seconds", "For how long the first of what is not published yet has waited.", lag),
        _gauge("tekana_outbox_unpublished", "Places in the outbox that are not published yet.", state.unpublished),
        _gauge("tekana_outbox_parked", "Events that the bus refused, and what waits behind them.", state.parked),
        _gauge("tekana_relay_working", "Whether a relay holds the lease.", state.holder is not None),
    ]


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(name, meaning, value=value)


HANDLERS = [get_metrics]
