"""The benchmark measures on a ledger that is whole, notices what goes wrong, and tells its figures as promised."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import tekana
from benchmarks import growth, http_load
from benchmarks.bench import QUICK, Bench
from benchmarks.data import START_BALANCE, fill, wallet_id
from benchmarks.engine import Load
from benchmarks.http_load import NotAnswered
from benchmarks.processes import ROOT, Service, bare_serving
from benchmarks.results import Goal, Measured, Run, result_of, table, write
from benchmarks.rows import ROWS
from benchmarks.server import Server
from tekana.testing import builders
from tekana_postgres.embedded import EmbeddedPostgres
from tests.integration.postgres_support import superuser

WALLETS = 200


@pytest.mark.parametrize("rounds", [0, 3])
async def test_a_filled_ledger_is_whole_and_in_use(postgres_url: str, rounds: int) -> None:
    async with superuser(postgres_url) as connection:
        await fill(connection, WALLETS, rounds=rounds)
    async with tekana.connect(postgres_url) as app:
        await app.execute(builders.transfer(wallet_id(0), wallet_id(WALLETS - 1), "100"), key="after")
        assert [finding.breaches async for finding in app.audit() if not finding.whole] == []
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


def test_an_answer_of_another_status_is_noticed(bare: Service, generator: str) -> None:
    with pytest.raises(NotAnswered, match="failed"):
        http_load.run(bare.port, "batch", WALLETS, seconds=1)  # 200, where a batch is created


def test_nobody_there_is_noticed(generator: str) -> None:
    with pytest.raises(NotAnswered):
        http_load.run(9, "random", WALLETS, seconds=1)  # the port of `discard`


# ---------------------------------------------------------------------- results


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


def test_the_command_lists_the_rows() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--list"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(ROWS)
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
