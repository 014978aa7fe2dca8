"""The benchmark: its ledgers pass the audit, failed requests are detected, and results have the documented form."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

import tekana
from benchmarks import engine, growth, http_load, terms, variants
from benchmarks.bench import LEDGER, QUICK, Bench
from benchmarks.client import LoadReport
from benchmarks.data import START_BALANCE, fill, wallet_id, write_details
from benchmarks.engine import Load
from benchmarks.fairness import fairness_table
from benchmarks.http_load import NotAnswered
from benchmarks.overload import Phase, overload_table
from benchmarks.processes import ROOT, Service, bare_serving, get_status
from benchmarks.results import Goal, Measured, Run, result_of, table, write
from benchmarks.rows import ROWS
from benchmarks.server import Server
from benchmarks.tables import TABLES
from tekana.ports.customers import CustomerFilter
from tekana.testing import builders
from tekana.testing.session import session
from tekana_postgres.embedded import EmbeddedPostgres
from tests.integration.postgres_support import superuser

WALLETS = 200


@pytest.mark.parametrize("rounds", [0, 3])
async def test_a_filled_ledger_passes_the_audit_and_accepts_commands(postgres_url: str, rounds: int) -> None:
    async with superuser(postgres_url) as connection:
        await fill(connection, WALLETS, rounds=rounds)
        await write_details(connection, postgres_url, WALLETS)
    async with session(postgres_url) as app:
        await app.execute(builders.transfer(wallet_id(0), wallet_id(WALLETS - 1), "100"), key="after")
        assert [finding.breaches async for finding in app.audit() if not finding.ok] == []
        [named] = (await app.customers.list(CustomerFilter(email="c7@example.com"), tekana.PageRequest())).items
        assert named.customer.full_name == "Customer 7"
        payer = await app.wallets.get(wallet_id(0))
        assert payer.ledger_balance == START_BALANCE - 100
        assert payer.version == 2 + 2 * rounds
        first, second = (await app.events.list(tekana.PageRequest(limit=2))).items
        assert [type(one.event).__name__ for one in (first, second)] == ["CustomerRegistered", "WalletOpened"]


def test_wrk_script_uses_the_wallet_ids_of_the_ledger() -> None:
    template = "019a0000-0000-7000-8000-%012x"
    assert f'"{template}"' in (ROOT / "benchmarks" / "requests.lua").read_text("utf-8")
    assert str(wallet_id(987_654)) == template % 987_654


# ---------------------------------------------------------------------- load


@pytest.fixture(scope="module")
def bare() -> Iterator[Service]:
    """A server that returns 200 for every request."""
    with bare_serving(workers=1) as service:
        yield service


@pytest.fixture(params=["wrk", "benchmarks/client.py"])
def generator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "wrk" and shutil.which("wrk") is None:
        pytest.skip("not here: wrk")
    monkeypatch.setattr(http_load, "GENERATOR", request.param)
    return str(request.param)


def test_an_answered_load_reports_latency_and_cpu_share(bare: Service, generator: str) -> None:
    load = http_load.run(bare.port, "wallet", WALLETS, seconds=1)
    assert load.answered > 0
    assert 0 < load.p50_ms <= load.p99_ms
    assert 0 < load.generator_share <= 1.1  # one thread; the clocks are not exact


def test_a_response_with_another_status_fails_the_load(bare: Service, generator: str) -> None:
    with pytest.raises(NotAnswered, match="failed"):
        http_load.run(bare.port, "batch", WALLETS, seconds=1)  # the response is 200, where 201 is expected for a batch


def test_a_load_without_a_server_fails(generator: str) -> None:
    with pytest.raises(NotAnswered):
        http_load.run(9, "random", WALLETS, seconds=1)  # the discard port, which is closed


OVERLOADED = (
    b"HTTP/1.1 503 Service Unavailable\r\n%bcontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}",
)


async def _refuse_first_of_each_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Return 503 and 201 in turn, and close the connection when a retry differs from the refused request."""
    refused = b""
    with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        for number in itertools.count():
            head = await reader.readuntil(b"\r\n\r\n")
            request = head + await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
            if number % 2 and request != refused:
                break
            refused = request
            answer = OVERLOADED[number % 2]
            writer.write(answer if number % 2 else answer % (b"retry-after: 1\r\n" if number % 4 else b""))


async def test_refused_requests_are_retried_and_counted_separately() -> None:
    async with await asyncio.start_server(_refuse_first_of_each_request, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with http_load.start(port, "random", WALLETS, 2, connections=3, generator=http_load.OURS) as load:
            report = await asyncio.to_thread(load.report)
    assert report.failed == 0
    assert 0 <= report.refused - report.answered <= 6  # the last one of each connection may be too late to be counted
    assert 0 < report.without_retry_after < report.refused  # every second one
    assert 0 < report.refused_p50_ms <= report.refused_p99_ms
    assert sum(report.each_second) == report.answered
    assert len(report.each_second) == 2


async def test_a_refused_load_gives_no_figures() -> None:
    async with await asyncio.start_server(_refuse_first_of_each_request, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with (
            http_load.start(port, "random", WALLETS, 1, generator=http_load.OURS) as load,
            pytest.raises(NotAnswered, match="requests failed"),
        ):
            await asyncio.to_thread(load.finish)


KILLED = """
import time
from benchmarks.processes import bare_serving
with bare_serving(workers=2) as service:
    print(service.port, flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="not here: Linux")
def test_the_server_stops_when_the_benchmark_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        process.kill()
    end = time.monotonic() + 30
    while not _port_is_closed(port):
        assert time.monotonic() < end
        time.sleep(0.05)


def _port_is_closed(port: int) -> bool:
    try:
        get_status(port, "/")
    except ConnectionRefusedError:
        return True
    except (OSError, HTTPException):  # the server is stopping
        return False
    return False


# ---------------------------------------------------------------------- results


def report_of(rate: int, **other: Any) -> LoadReport:
    return LoadReport(answered=5 * rate, seconds=5, p50_ms=1, p99_ms=2, failed=0, **other)


def text_of(drawn: Table) -> str:
    console = Console(width=200, file=io.StringIO())
    console.print(drawn)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_the_overload_table_compares_with_the_normal_load() -> None:
    phases = [
        Phase("normal", 256, report_of(1000, each_second=[1000] * 5)),
        Phase(
            "ten times", 2560, report_of(900, refused=500, refused_p50_ms=7, refused_p99_ms=77, without_retry_after=3)
        ),
        Phase("normal again", 256, report_of(1250, each_second=[0, 899, 900, 1100, 1101])),
    ]
    text = re.sub(r" +", " ", text_of(overload_table(phases)))
    for words in ("2,560 │ 900 │ 0.80", "10.0% │ 7 │ 77 │ 3 of 503 without Retry-After", "recovered after 3 s"):
        assert words in text
    phases[2] = Phase("normal again", 256, report_of(800, each_second=[899] * 5))
    assert "not recovered within 5 s" in text_of(overload_table(phases))
    assert "100" in text_of(fairness_table(report_of(300), report_of(100), report_of(9)))


def test_the_median_of_the_pairs_is_compared_with_the_goal(tmp_path: Path) -> None:
    runs = [
        Run(value=value, reference=reference, p50_ms=10, p99_ms=40)
        for value, reference in ((900, 300), (600, 300), (1000, 400))
    ]
    goal = Goal(at_least=2.5, p99_ms=50)
    good = result_of("http_random", "transfers/s", goal, Measured(runs, ""))
    slow = result_of("http_random", "transfers/s", Goal(at_least=2.5, p99_ms=40), Measured(runs, ""))
    none = result_of("batch", "transfers/s", goal, Measured([], "not measured: 404"))
    assert (good.value, good.reference, good.ratio, good.met) == (900, 300, 2.5, True)
    assert (slow.met, none.met, none.value) == (False, None, None)
    assert table([good, slow, none]).row_count == 3
    write([good, none], tmp_path / "bench.json")
    measured, unmeasured = json.loads((tmp_path / "bench.json").read_bytes())
    wanted = {"name", "value", "unit", "reference", "ratio", "goal", "met", "p50_ms", "p99_ms", "runs", "note"}
    assert measured.keys() == unmeasured.keys() == wanted
    assert measured["runs"][1] == {"value": 600.0, "reference": 300.0, "p50_ms": 10.0, "p99_ms": 40.0}


def test_an_upper_goal_is_met_by_less_and_memory_must_be_flat() -> None:
    goal = Goal(at_most=150)
    met = [
        result_of("worker_memory", "MB", goal, Measured([Run(value=value)], "", flat)).met
        for value, flat in ((150, True), (151, True), (150, False))
    ]
    assert met == [True, False, False]


def test_the_list_option_prints_rows_and_tables() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--list"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    listed = [line.removeprefix("--table ").split()[0] for line in done.stdout.splitlines()]
    assert listed == [*ROWS, *TABLES]
    assert set(ROWS) == {
        *("http_random", "http_hot", "engine_random", "engine_hot", "batch", "read_wallet", "growth"),
        *("latency_alone", "disk_per_transfer", "worker_memory", "hold_authorize", "hold_capture"),
    }


# ---------------------------------------------------------------------- growth


@pytest.fixture(scope="module")
def small_bench() -> Iterator[Bench]:
    """A benchmark with very small ledgers, on its own server."""
    folder = Path(tempfile.mkdtemp(prefix="tekana-growth-", dir="/var/tmp"))
    folder.chmod(0o755)  # so that the account PostgreSQL runs as can enter it
    plan = replace(QUICK, pairs=1, seconds=0.0, wallets=WALLETS)
    try:
        with EmbeddedPostgres(folder, durable=False) as url:
            yield Bench(Server(url), plan, lambda _: None)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def databases(bench: Bench) -> set[str]:
    return {name for (name,) in bench.server.execute("SELECT datname FROM pg_database WHERE NOT datistemplate")}


def test_the_growth_table_has_every_ledger_and_drops_all(small_bench: Bench) -> None:
    drawn = growth.growth_table(small_bench)
    assert [column.header for column in drawn.columns] == ["Transfers in the ledger", "0", "200", "1,000"]
    names, *ledgers = (list(column.cells) for column in drawn.columns)
    for cells in ledgers:
        figures = dict(zip(names, cells, strict=True))
        assert float(str(figures["Transfers a second"]).replace(",", "")) > 0
        assert float(str(figures["Bytes of WAL per transfer"]).replace(",", "")) > 0
    assert databases(small_bench) == {"postgres"}


def test_growth_of_a_broken_ledger_is_not_reported(small_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(bench: Bench, name: str) -> Load:
        bench.server.execute("UPDATE wallets SET held = 1 WHERE house IS NULL", name)
        return Load(1, 1, 1, 1)

    monkeypatch.setattr(growth, "_run", spoil)
    with pytest.raises(growth.NotWhole):
        growth.growth_table(small_bench)
    assert databases(small_bench) == {"postgres"}


@pytest.mark.parametrize("captured", [False, True])
def test_holds_are_measured(small_bench: Bench, captured: bool) -> None:
    url = small_bench.ledger()
    load = engine.holds(url, 0.5, WALLETS, captured=captured)
    assert load.per_second > 0
    found = small_bench.server.execute("SELECT status, count(*) FROM holds GROUP BY status", LEDGER)
    assert dict(found).get("captured", 0) == (load.answered if captured else 0)


def test_limits_and_fees_are_measured_beside_none(small_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "_ROUNDS_PER_SECOND", 0.05)
    monkeypatch.setattr(variants, "CALLERS", (4,))
    drawn = terms.terms_table(small_bench)
    assert [column.header for column in drawn.columns] == [
        *("Callers", "Figure", "without", "limits", "limits, fees", "Ratio limits", "Ratio limits, fees", "Rounds")
    ]
    [without, limits] = (
        small_bench.server.execute("SELECT largest_balance FROM limits WHERE tier = '0' ORDER BY version DESC", name)
        for name in ("tekana_bench_unlimited", "tekana_bench_limited")
    )
    assert without[0][0] is None
    assert limits[0][0] is not None
    charged = "SELECT count(*) FROM transactions WHERE type = 'transfer' AND (details -> 'charge' IS NULL) = {}"
    assert small_bench.server.execute(charged.format("true"), "tekana_bench_charged")[0][0] == 0
    assert small_bench.server.execute(charged.format("false"), "tekana_bench_charged")[0][0] > 0
