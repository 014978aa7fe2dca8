"""Metrics, for Prometheus and other programs that read its text format."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterable
from typing import Final

from litestar import Router
from litestar.di import NamedDependency
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from tekana import Tekana, Unavailable
from tekana.ports.outbox import Outbox
from tekana_litestar.core_metrics import CoreMetrics
from tekana_litestar.operation import Call, Returns, query
from tekana_litestar.problems import problem
from tekana_litestar.request_log import count_requests
from tekana_litestar.responses import PROBLEM_JSON, TEXT, HttpResponse, Response, encode
from tekana_litestar.shared_metrics import collect_metrics

_READ_SECONDS: Final = 5.0

_EXAMPLE: Final = """\
# HELP tekana_ready Whether money can be moved now, as /health/ready says.
# TYPE tekana_ready gauge
tekana_ready 1.0
# HELP tekana_commands_total Commands that have ended, by type, outcome, and the code of the refusal or error.
# TYPE tekana_commands_total counter
tekana_commands_total{code="",command="TransferFunds",outcome="succeeded"} 4711.0
# HELP tekana_outbox_lag_seconds For how long the first of what is not published yet has waited.
# TYPE tekana_outbox_lag_seconds gauge
tekana_outbox_lag_seconds 0.25
"""


class _Reading(Collector):
    """A Prometheus collector over one reading, without the series that say when others were created.

    prometheus_client's `disable_created_metrics` would omit them too, but for everything in the process.
    """

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return map(_without_created, self._families)


def _without_created(family: Metric) -> Metric:
    created = f"{family.name}_created"  # of a counter, histogram or summary
    kept = Metric(family.name, family.documentation, family.type, family.unit)
    kept.samples = [one for one in family.samples if one.name != created]
    return kept


@query("/", Returns(200, texts={TEXT: _EXAMPLE}), query=None, public=True)
async def get_metrics(call: NamedDependency[Call[None, None]]) -> Response:
    """Read metrics.

    In the text format of Prometheus: whether money can be moved; where this process knows the bus, how far the relay is
    behind; of all workers together, the requests by route and status and how long they took, the commands by type and
    outcome, what waits, and the connections to the database; and memory and processor time of the process that answers,
    one of the workers. With the setting `metrics_token`, it requires that token as a bearer token. In production it is
    served only with that setting.
    """
    state = call.scope["litestar_app"].state
    if state.metrics_token is not None and not _has_token(call, state.metrics_token):
        refusal = problem("unauthenticated", 401, "metrics need the token of the settings", call.request_id)
        return HttpResponse(401, encode(refusal), [("WWW-Authenticate", "Bearer")], media_type=PROBLEM_JSON)
    core_metrics: CoreMetrics = state.metrics
    core_metrics.update()
    count_requests()
    reading = _Reading([*REGISTRY.collect(), *collect_metrics(), *await _read(call.tekana)])
    return HttpResponse(200, generate_latest(reading), media_type=CONTENT_TYPE_LATEST)


def _has_token(call: Call[None, None], token: str) -> bool:
    """Return whether the request has the token, comparing in constant time."""
    given = [value for name, value in call.headers if name == b"authorization"]
    return len(given) == 1 and hmac.compare_digest(given[0], f"Bearer {token}".encode())


async def _read(tekana: Tekana) -> list[Metric]:
    """Return the metrics of tekana; what cannot be read now is left out."""
    families: list[Metric] = []
    ready = False
    try:
        async with asyncio.timeout(_READ_SECONDS):
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


ROUTER: Final = Router("/metrics", tags=["Health"], route_handlers=[get_metrics])
