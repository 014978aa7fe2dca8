"""Metrics in the format of Prometheus, also while the store fails."""

from __future__ import annotations

from datetime import timedelta

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tekana import Settings, Unavailable
from tekana.testing.clock import FrozenClock
from tekana_litestar import create_app
from tekana_memory import MemoryStore
from tests.integration.http_support import app, client, client_of, register, started_app, store_url

__all__ = ["app", "client", "store_url"]

PUBLISHING = {"tekana_outbox_lag_seconds", "tekana_outbox_unpublished", "tekana_outbox_parked", "tekana_relay_working"}
NO_BUS_THERE = "kafka://127.0.0.1:1"


async def read(client: httpx.AsyncClient) -> dict[str, float]:
    """Return tekana's metrics by name."""
    answer = await client.get("/metrics?debug=1")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert families["process_resident_memory_bytes"].samples[0].value > 1_000_000
    ours = {name: family for name, family in families.items() if name.startswith("tekana_")}
    assert all(family.documentation for family in ours.values())
    return {name: family.samples[0].value for name, family in ours.items()}


async def test_without_a_bus_there_are_no_relay_metrics(client: httpx.AsyncClient) -> None:
    assert await read(client) == {"tekana_ready": 1}


async def test_the_lag_of_the_relay_is_exported() -> None:
    clock = FrozenClock()
    store = MemoryStore(clock=clock)
    settings = Settings(database_url="memory://", bus_url=NO_BUS_THERE)
    async with started_app(create_app(settings, store=store, clock=clock)) as app, client_of(app) as client:
        nothing_waits = await read(client)
        assert nothing_waits.keys() == PUBLISHING | {"tekana_ready"}
        assert (nothing_waits["tekana_outbox_lag_seconds"], nothing_waits["tekana_outbox_unpublished"]) == (0, 0)
        await register(client)
        clock.advance(timedelta(seconds=90))
        waiting = await read(client)
        assert waiting["tekana_outbox_lag_seconds"] == 90
        assert waiting["tekana_outbox_unpublished"] > 0
        assert (waiting["tekana_outbox_parked"], waiting["tekana_ready"]) == (0, 1)


async def test_metrics_are_served_while_the_store_is_down() -> None:
    class Down(MemoryStore):
        async def check_ready(self) -> None:
            raise Unavailable("the database is down")

    settings = Settings(database_url="memory://", bus_url=NO_BUS_THERE)
    async with started_app(create_app(settings, store=Down())) as app, client_of(app) as client:
        assert await read(client) == {"tekana_ready": 0}
