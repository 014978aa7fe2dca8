"""Metrics in the format of Prometheus, also while the store fails."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
from prometheus_client import Gauge
from prometheus_client.parser import text_string_to_metric_families

from tekana import Settings, Unavailable
from tekana.testing.clock import FrozenClock
from tekana_litestar import create_app
from tekana_litestar.shared_metrics import KEPT
from tekana_memory import MemoryStore
from tekana_postgres.store import PostgresStore
from tests.integration.http_support import (
    app,
    client,
    client_of,
    move,
    register,
    registration,
    started_app,
    store_url,
    wallet_with,
)
from tests.integration.test_http_server import _served, port
from tests.integration.test_supervisor import QUICK, _wait_until_all_served, _workers
from tests.serving import http

__all__ = ["app", "client", "port", "store_url"]

PUBLISHING = {"tekana_outbox_lag_seconds", "tekana_outbox_unpublished", "tekana_outbox_parked", "tekana_relay_working"}
NO_BUS_THERE = "kafka://127.0.0.1:1"


async def read(client: httpx.AsyncClient) -> dict[str, float]:
    """Return the metrics of readiness and of publishing by name."""
    answer = await client.get("/metrics?debug=1")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert all(family.documentation for name, family in families.items() if name.startswith("tekana_"))
    assert families["process_resident_memory_bytes"].samples[0].value > 1_000_000
    ours = {name: family for name, family in families.items() if re.match("tekana_(ready|outbox|relay)", name)}
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


async def test_no_series_says_when_another_was_created(client: httpx.AsyncClient) -> None:
    """They would double the number of series, and workers that share their metrics have none."""
    born = Gauge("tekana_test_created", "A metric of its own that has such a name.", registry=KEPT)
    try:
        await wallet_with(client, "100")
        text = (await client.get("/metrics")).text
    finally:
        KEPT.unregister(born)
    names = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    assert {name for name in names if name.endswith("_created")} == {"tekana_test_created"}
    assert names > {"tekana_commands_total", "tekana_http_request_seconds_bucket", "python_gc_collections_total"}


Labels = tuple[str, ...]


def samples_of(text: str, name: str, *labels: str) -> dict[Labels, float]:
    """Return the values of a metric by the values of these labels."""
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def commands_in(text: str) -> Counter[Labels]:
    """Return how many commands have ended, by type, outcome and code."""
    counts = samples_of(text, "tekana_commands_total", "command", "outcome", "code")
    return Counter({labels: int(value) for labels, value in counts.items()})


async def test_commands_are_counted_by_type_and_outcome(client: httpx.AsyncClient) -> None:
    before = commands_in((await client.get("/metrics")).text)
    wallet = await wallet_with(client, "100")
    withdrawal = {"type": "withdrawal", "wallet_id": wallet, "amount": "200", "currency": "RWF"}
    for _ in range(2):
        assert (await move(client, withdrawal, "metrics-1")).status_code == 422
    text = (await client.get("/metrics")).text
    assert commands_in(text) - before == {
        ("RegisterCustomer", "succeeded", ""): 1,
        ("DepositFunds", "succeeded", ""): 1,
        ("WithdrawFunds", "refused", "insufficient_funds"): 1,
        ("WithdrawFunds", "replayed", ""): 1,
    }
    assert samples_of(text, "tekana_commands_waiting") == {(): 0}
    assert samples_of(text, "tekana_groups_in_flight")[()] in (0, 1)  # the last group may be about to end
    levels = samples_of(text, "tekana_house_wallet_level", "role", "currency")
    assert 0 < levels["settlement", "RWF"] < 0.001


async def test_the_state_of_connection_pools_is_reported(postgres_url: str) -> None:
    async with started_app(create_app(postgres_url)) as app, client_of(app) as client:
        idle = (await client.get("/metrics")).text
        sizes = samples_of(idle, "tekana_pool_connections_max", "pool")
        assert sizes.keys() == {("commands",), ("reads",), ("wallet_reads",), ("background",), ("leases",)}
        assert all(sizes.values())
        in_use = samples_of(idle, "tekana_pool_connections_in_use", "pool")
        assert in_use["commands",] == 0
        async with PostgresStore.begin(app.state.tekana._store):
            busy = (await client.get("/metrics")).text
        assert samples_of(busy, "tekana_pool_connections_in_use", "pool")["commands",] == 1


def requests_in(text: str) -> Counter[tuple[str, str, str]]:
    """How many requests have ended, by method, route and status."""
    [histogram] = [one for one in text_string_to_metric_families(text) if one.name == "tekana_http_request_seconds"]
    assert histogram.type == "histogram"
    counts: Counter[tuple[str, str, str]] = Counter()
    for sample in histogram.samples:
        if sample.name.endswith("_count"):
            counts[sample.labels["method"], sample.labels["route"], sample.labels["status"]] = int(sample.value)
    return counts


async def test_requests_are_counted_by_route(client: httpx.AsyncClient) -> None:
    before = requests_in((await client.get("/metrics")).text)
    wallet = (await register(client))["wallets"][0]["id"]
    for path in (f"/v1/wallets/{wallet}", f"/v1/wallets/{wallet}", "/v1/wallets/x", "/v1/x@example.com"):
        await client.get(path)
    await client.request("PROPFIND", "/v1/nothing")
    text = (await client.get("/metrics")).text
    assert "@" not in text
    assert wallet not in text
    assert requests_in(text) - before == {
        ("GET", "/metrics", "200"): 1,
        ("POST", "/v1/customers", "201"): 1,
        ("GET", "/v1/wallets/{wallet_id}", "200"): 2,
        ("GET", "/v1/wallets/{wallet_id}", "400"): 1,
        ("", "", "404"): 2,
    }


def test_each_worker_reports_the_requests_of_all(tmp_path: Path, port: int, postgres_url: str) -> None:
    url = f"http://127.0.0.1:{port}"
    with _served(tmp_path, port, 3, postgres_url) as process:
        _wait_until_all_served(port, process)
        for _ in range(60):  # each on a new connection, which any of the workers gets
            assert http.get(f"{url}/v1/wallets?limit=1").status_code == 200
        end = time.monotonic() + 60
        complete = 0
        while complete < 20:  # in a row, so that all workers are among those that answered
            assert time.monotonic() < end, "some worker does not report the requests of all"
            number = requests_in(http.get(f"{url}/metrics").text)["GET", "/v1/wallets", "200"]
            assert number <= 60
            complete = complete + 1 if number == 60 else 0
        process.terminate()
        process.communicate(timeout=120)


def test_the_last_requests_of_workers_that_stop_are_counted(tmp_path: Path, port: int, postgres_url: str) -> None:
    url = f"http://127.0.0.1:{port}"
    with _served(tmp_path, port, 2, postgres_url, QUICK) as process:
        _wait_until_all_served(port, process)
        for _ in range(30):
            assert http.get(f"{url}/v1/wallets?limit=1").status_code == 200
        for worker in _workers(process):
            os.kill(worker, signal.SIGTERM)
        wait_for(url, lambda text: "tekana_http_request_seconds" in text)
        assert requests_in(http.get(f"{url}/metrics").text)["GET", "/v1/wallets", "200"] == 30
        process.terminate()
        process.communicate(timeout=120)


def test_each_worker_reports_the_commands_of_all(tmp_path: Path, port: int, postgres_url: str) -> None:
    url = f"http://127.0.0.1:{port}"
    ended = ("RegisterCustomer", "succeeded", "")
    with _served(tmp_path, port, 2, postgres_url, QUICK) as process:
        _wait_until_all_served(port, process)
        for _ in range(30):  # each on a new connection, which any of the workers gets
            assert http.post(f"{url}/v1/customers", json=registration()).status_code == 201
        wait_for(url, lambda text: commands_in(text)[ended] == 30)
        both = samples_of(http.get(f"{url}/metrics").text, "tekana_pool_connections_max", "pool")
        os.kill(_workers(process)[0], signal.SIGKILL)
        wait_for(url, lambda text: "tekana_commands_total" in text)
        _wait_until_all_served(port, process)
        # The counters of the killed worker stay; its gauges go, and those of the new one are added.
        wait_for(url, lambda text: samples_of(text, "tekana_pool_connections_max", "pool") == both)
        text = http.get(f"{url}/metrics").text
        assert commands_in(text)[ended] == 30
        assert samples_of(text, "tekana_pool_connections_max", "pool") == both
        process.terminate()
        process.communicate(timeout=120)


def wait_for(url: str, holds: Callable[[str], bool]) -> None:
    """Wait until ten reads of the metrics in turn, of any worker, fulfil a condition."""
    end = time.monotonic() + 60
    times = 0
    while times < 10:
        try:
            text = http.get(f"{url}/metrics").text
        except httpx.TransportError:  # of a worker that was killed
            text = ""
        times = times + 1 if holds(text) else 0
        assert time.monotonic() < end, text
        time.sleep(0.05)
