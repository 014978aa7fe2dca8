"""The benchmark measures on a ledger that is whole, notices what goes wrong, and tells its figures as promised."""

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
from benchmarks import growth, http_load
from benchmarks.bench import QUICK, Bench
from benchmarks.client import Told
from benchmarks.data import START_BALANCE, fill, wallet_id
from benchmarks.engine import Load
from benchmarks.fairness import fairness_table
from benchmarks.http_load import NotAnswered
from benchmarks.overload import Phase, overload_table
from benchmarks.processes import ROOT, Service, bare_serving, get_status
from benchmarks.results import Goal, Measured, Run, result_of, table, write
from benchmarks.rows import ROWS
from benchmarks.server import Server
from benchmarks.tables import TABLES
from tekana.testing import builders
from tekana.testing.session import session
from tekana_postgres.embedded import EmbeddedPostgres
from tests.integration.postgres_support import superuser

WALLETS = 200


@pytest.mark.parametrize("rounds", [0, 3])
async def test_a_filled_ledger_is_whole_and_in_use(postgres_url: str, rounds: int) -> None:
    async with superuser(postgres_url) as connection:
        await fill(connection, WALLETS, rounds=rounds)
    async with session(postgres_url) as app:
        await app.execute(builders.transfer(wallet_id(0), wallet_id(WALLETS - 1), "100"), key="after")
        assert [finding.breaches async for finding in app.audit() if not finding.ok] == []
        payer = await app.wallets.get(wallet_id(0))
        assert payer.ledger_balance == START_BALANCE - 100
        assert payer.version == 2 + 2 * rounds
        first, second = (await app.events.list(tekana.PageRequest(limit=2))).items
        assert [type(one.event).__name__ for one in (first, second)] == ["CustomerRegistered", "WalletOpened"]


def test_wrk_names_wallets_as_the_ledger_does() -> None:
    template = "019a0000-0000-7000-8000-%012x"
    assert f'"{template}"' in (ROOT / "benchmarks" / "requests.lua").read_text("utf-8")
    assert str(wallet_id(987_654)) == template % 987_654


# ---------------------------------------------------------------------- load


@pytest.fixture(scope="module")
def bare() -> Iterator[Service]:
    """A server that answers 200 to whatever it is asked."""
    with bare_serving(workers=1) as service:
        yield service


@pytest.fixture(params=["wrk", "benchmarks/client.py"])
def generator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "wrk" and shutil.which("wrk") is None:
        pytest.skip("not here: wrk")
    monkeypatch.setattr(http_load, "GENERATOR", request.param)
    return str(request.param)


def test_load_that_is_answered(bare: Service, generator: str) -> None:
    load = http_load.run(bare.port, "wallet", WALLETS, seconds=1)
    assert load.answered > 0
    assert 0 < load.p50_ms <= load.p99_ms
    assert 0 < load.generator_share <= 1.1  # it has one thread; clocks are not that exact


def test_an_answer_of_another_status_is_noticed(bare: Service, generator: str) -> None:
    with pytest.raises(NotAnswered, match="failed"):
        http_load.run(bare.port, "batch", WALLETS, seconds=1)  # 200, where a batch is created


def test_nobody_there_is_noticed(generator: str) -> None:
    with pytest.raises(NotAnswered):
        http_load.run(9, "random", WALLETS, seconds=1)  # the port of `discard`


OVERLOADED = (
    b"HTTP/1.1 503 Service Unavailable\r\n%bcontent-length: 2\r\n\r\n{}",
    b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}",
)


async def _refuse_every_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that answers in turn 503 and 201, and hangs up on a request that differs from the one refused."""
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


async def test_the_refused_ask_again_and_are_told_apart() -> None:
    async with await asyncio.start_server(_refuse_every_first, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with http_load.start(port, "random", WALLETS, 2, connections=3, generator=http_load.OURS) as load:
            told = await asyncio.to_thread(load.told)
    assert told.failed == 0
    assert 0 <= told.refused - told.answered <= 6  # the last of each connection may come too late to count
    assert 0 < told.unpromising < told.refused  # every other one
    assert 0 < told.refused_p50_ms <= told.refused_p99_ms
    assert sum(told.each_second) == told.answered
    assert len(told.each_second) == 2


async def test_to_be_refused_is_no_figure() -> None:
    async with await asyncio.start_server(_refuse_every_first, "127.0.0.1", 0) as server:
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
def test_a_killed_benchmark_takes_its_server_with_it() -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        process.kill()
    end = time.monotonic() + 30
    while not _nobody_listens(port):
        assert time.monotonic() < end
        time.sleep(0.05)


def _nobody_listens(port: int) -> bool:
    try:
        get_status(port, "/")
    except ConnectionRefusedError:
        return True
    except (OSError, HTTPException):  # it is about to stop
        return False
    return False


# ---------------------------------------------------------------------- results


def told_of(rate: int, **other: Any) -> Told:
    return Told(answered=5 * rate, seconds=5, p50_ms=1, p99_ms=2, failed=0, **other)


def text_of(drawn: Table) -> str:
    console = Console(width=200, file=io.StringIO())
    console.print(drawn)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_overload_is_told_beside_the_normal_load() -> None:
    phases = [
        Phase("normal", 256, told_of(1000, each_second=[1000] * 5)),
        Phase("ten times", 2560, told_of(900, refused=500, refused_p50_ms=7, refused_p99_ms=77, unpromising=3)),
        Phase("normal again", 256, told_of(1250, each_second=[0, 899, 900, 1100, 1101])),
    ]
    text = re.sub(r" +", " ", text_of(overload_table(phases)))
    for words in ("2,560 │ 900 │ 0.80", "10.0% │ 7 │ 77 │ 3 of 503 without Retry-After", "back after 3 s"):
        assert words in text
    phases[2] = Phase("normal again", 256, told_of(800, each_second=[899] * 5))
    assert "not back within 5 s" in text_of(overload_table(phases))
    assert "100" in text_of(fairness_table(told_of(300), told_of(100), told_of(9)))


def test_the_median_of_the_pairs_is_held_against_the_goal(tmp_path: Path) -> None:
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
    told, untold = json.loads((tmp_path / "bench.json").read_bytes())
    wanted = {"name", "value", "unit", "reference", "ratio", "goal", "met", "p50_ms", "p99_ms", "runs", "note"}
    assert told.keys() == untold.keys() == wanted
    assert told["runs"][1] == {"value": 600.0, "reference": 300.0, "p50_ms": 10.0, "p99_ms": 40.0}


def test_less_is_better_and_memory_must_be_flat() -> None:
    goal = Goal(at_most=150)
    met = [
        result_of("worker_memory", "MB", goal, Measured([Run(value=value)], "", flat)).met
        for value, flat in ((150, True), (151, True), (150, False))
    ]
    assert met == [True, False, False]


def test_the_command_lists_the_rows_and_tables() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--list"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    listed = [line.removeprefix("--table ").split()[0] for line in done.stdout.splitlines()]
    assert listed == [*ROWS, *TABLES]
    assert set(ROWS) == {
        *("http_random", "http_hot", "engine_random", "engine_hot", "batch", "read_wallet", "growth"),
        *("latency_alone", "disk_per_transfer", "worker_memory"),
    }


# ---------------------------------------------------------------------- growth


@pytest.fixture(scope="module")
def small_bench() -> Iterator[Bench]:
    """A benchmark of almost nothing, on a server of its own."""
    folder = Path(tempfile.mkdtemp(prefix="tekana-growth-", dir="/var/tmp"))
    folder.chmod(0o755)  # the account that PostgreSQL runs as has to pass through
    plan = replace(QUICK, pairs=1, seconds=0.2, wallets=WALLETS)
    try:
        with EmbeddedPostgres(folder, durable=False) as url:
            yield Bench(Server(url), plan, lambda _: None)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def databases(bench: Bench) -> set[str]:
    return {name for (name,) in bench.server.execute("SELECT datname FROM pg_database WHERE NOT datistemplate")}


def test_growth_is_told_of_each_ledger_and_none_is_left(small_bench: Bench) -> None:
    drawn = growth.growth_table(small_bench)
    assert [column.header for column in drawn.columns] == ["Transfers in the ledger", "0", "200", "1,000"]
    names, *ledgers = (list(column.cells) for column in drawn.columns)
    for cells in ledgers:
        told = dict(zip(names, cells, strict=True))
        assert float(str(told["Transfers a second"]).replace(",", "")) > 0
        assert float(str(told["Bytes of WAL, each"]).replace(",", "")) > 0
    assert databases(small_bench) == {"postgres"}


def test_no_growth_is_told_of_a_ledger_that_is_not_whole(small_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(bench: Bench, name: str) -> Load:
        bench.server.execute("UPDATE wallets SET held = 1 WHERE house IS NULL", name)
        return Load(1, 1, 1, 1)

    monkeypatch.setattr(growth, "_run", spoil)
    with pytest.raises(growth.NotWhole):
        growth.growth_table(small_bench)
    assert databases(small_bench) == {"postgres"}
