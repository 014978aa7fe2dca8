"""The replay of a bank's transactions: every balance matches, and failures and mismatches are handled."""

from __future__ import annotations

import asyncio
import csv
import os
import re
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import httpx
import msgspec
import pytest
import replay_bank
import uvicorn
from replay_bank import BANK, GaveUp, HttpLedgerClient, Json, NotReachable, Posted, Row, RowRefused, Tally, replay

from tekana import LOCAL_OPERATOR, DepositFunds, Refused, RegisterCustomer, Tekana, WalletId, WithdrawFunds, connect
from tekana.application import Session
from tekana_litestar import create_app
from tests.keys import BEARER, OPERATOR_KEY

SUM_OF_BALANCES = Decimal("25330318.30")

SMALL = (
    Row("1", "7", "1993-01-01", "PRIJEM", "VKLAD", "700.00", "700.00", ""),
    Row("2", "8", "1993-01-01", "PRIJEM", "PREVOD Z UCTU", "50.5", "50.50", "DUCHOD"),
    Row("3", "7", "1993-01-02", "VYDAJ", "VYBER", "200.10", "499.90", "SIPO"),
    Row("4", "8", "1993-01-03", "VYBER", "VYBER", "0.50", "50.00", ""),
    Row("5", "7", "1993-01-31", "PRIJEM", "", "0.10", "500.00", "UROK"),
)


class CoreLedgerClient:
    """A replay_bank.LedgerClient to the core in this process: converts the bodies to commands."""

    def __init__(self, app: Session) -> None:
        self._app = app

    async def register(self, body: Json, key: str) -> str:
        both = await self._app.execute(msgspec.convert(body, RegisterCustomer), key=key)
        return str(both.wallets[0].id)

    async def post(self, body: Json, key: str) -> Posted:
        command = msgspec.convert(body, DepositFunds | WithdrawFunds)
        try:
            done = await self._app.submit(command, key=key)
        except Refused as refused:
            raise RowRefused(refused.code) from refused
        [entry] = [one for one in done.answer.entries if one.wallet_id == command.wallet_id]
        return Posted(Decimal(entry.ledger_balance_after).scaleb(-2), done.replayed)

    async def balance(self, wallet_id: str) -> Decimal:
        wallet = await self._app.wallets.get(WalletId(UUID(wallet_id)))
        return Decimal(wallet.ledger_balance).scaleb(-2)


class UnreliableTransport(httpx.AsyncBaseTransport):
    """Lose every third request, every third response of the remaining ones, and return 503 at times."""

    def __init__(self, reliable: httpx.AsyncBaseTransport) -> None:
        self._reliable = reliable
        self._count = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._count += 1
        number = self._count
        if number % 3 == 1:
            raise httpx.ConnectError("planted")
        if number % 7 == 1:
            return httpx.Response(503, headers={"Retry-After": "0"})
        answer = await self._reliable.handle_async_request(request)
        if number % 3 == 2:
            await answer.aread()
            raise httpx.ReadError("planted")
        return answer


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Return all transactions of the bank."""
    if not BANK.is_file():
        pytest.skip(f"not here: {BANK}, the bank's transactions")
    return replay_bank.read_rows(BANK)


async def test_all_rows_replay_in_process(rows: list[Row]) -> None:
    async with connect("memory://") as app:
        client = CoreLedgerClient(app.as_caller(LOCAL_OPERATOR))
        await _replay_all(rows, client, app)
        again = await _replay_all(rows, client, app, replayed=len(rows))
        assert replay_bank.summary(again).endswith("Every row had been posted before: this run changed nothing.")


async def test_all_rows_replay_over_http(rows: list[Row], postgres_url: str) -> None:
    async with (
        _served(postgres_url) as (app, transport),
        httpx.AsyncClient(transport=transport, base_url="http://tekana.test", headers=BEARER) as client,
    ):
        await _replay_all(rows, HttpLedgerClient(client), app)


async def test_a_wrong_balance_is_reported(rows: list[Row]) -> None:
    place = 6_000
    wrong = Decimal(rows[place].balance) + Decimal("0.01")
    planted = [*rows[:place], rows[place]._replace(balance=str(wrong)), *rows[place + 1 :]]
    async with connect("memory://") as app:
        tally = Tally.of(planted)
        await replay(planted, CoreLedgerClient(app.as_caller(LOCAL_OPERATOR)), tally)
    [mismatch] = tally.mismatches
    assert mismatch.startswith(f"row {rows[place].trans_id} of account {rows[place].account_id}, ")
    assert mismatch.endswith(f": the wallet has {rows[place].balance}, the bank says {wrong}")
    assert not tally.agrees


async def test_a_refused_row_is_reported() -> None:
    planted = [*SMALL[:3], SMALL[3]._replace(amount="50.51"), SMALL[4]]
    async with connect("memory://") as app:
        tally = Tally.of(planted)
        await replay(planted, CoreLedgerClient(app.as_caller(LOCAL_OPERATOR)), tally)
    assert tally.mismatches == ["row 4 of account 8, 1993-01-03: refused, insufficient_funds"]
    assert tally.sum_of_balances == Decimal("550.50")
    assert not tally.agrees


async def test_lost_responses_are_retried_without_duplicates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_bank, "_pause", lambda _: 0.0)
    output: list[str] = []
    async with _served("memory://") as (app, transport):
        async with httpx.AsyncClient(
            transport=UnreliableTransport(transport), base_url="http://tekana.test", headers=BEARER
        ) as client:
            tally = Tally.of(SMALL)
            await replay(SMALL, HttpLedgerClient(client, say=output.append), tally)
        assert tally.agrees
        assert tally.replayed > 0
        await _assert_whole(app)
    assert output[0].startswith("No answer from the server (planted): trying again, with the same keys")
    assert output[-1] == "The server answers again."


async def test_a_retry_waits_for_the_seconds_of_retry_after() -> None:
    answers = [httpx.Response(503, headers={"Retry-After": "1"}), httpx.Response(200, json={"ledger_balance": "7.00"})]
    transport = httpx.MockTransport(lambda _: answers.pop(0))
    async with httpx.AsyncClient(transport=transport, base_url="http://tekana.test") as client:
        began = asyncio.get_running_loop().time()
        assert await HttpLedgerClient(client).balance("a wallet") == 7
        assert asyncio.get_running_loop().time() - began >= 1


@pytest.mark.parametrize("problem", ["silence", "busy"])
async def test_retries_end_after_the_time_limit(problem: str) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        if problem == "silence":
            raise httpx.ConnectError("planted")
        return httpx.Response(503)

    async with httpx.AsyncClient(transport=httpx.MockTransport(fail), base_url="http://tekana.test") as client:
        with pytest.raises(GaveUp, match=r"no answer for 0\.3 seconds"):
            await replay(SMALL, HttpLedgerClient(client, patience=0.3), Tally.of(SMALL))


async def test_a_server_that_is_not_ready_or_not_tekana_is_refused() -> None:
    answers = [httpx.Response(503, json={"detail": "the database is down"}), httpx.Response(200, text="<html>")]
    transport = httpx.MockTransport(lambda _: answers.pop(0))
    async with httpx.AsyncClient(transport=transport, base_url="http://tekana.test") as client:
        with pytest.raises(NotReachable, match="is not ready: the database is down"):
            await HttpLedgerClient(client).check()
        with pytest.raises(NotReachable, match="is not tekana"):
            await HttpLedgerClient(client).check()


def test_rows_are_converted_to_requests() -> None:
    assert replay_bank.movement(SMALL[1], "a wallet") == {
        "type": "deposit",
        "wallet_id": "a wallet",
        "amount": "50.5",
        "currency": "CZK",
        "description": "Transfer from another bank, pension",
        "reference": "2",
        "effective_at": "1993-01-01T00:00:00Z",
    }
    assert replay_bank.movement(SMALL[4], "a wallet")["description"] == "interest"


async def test_the_command_replays_repeats_and_reports_errors(tmp_path: Path) -> None:
    """Against a server on a socket: a first run, a second run, a wrong balance, and unusable arguments."""
    small, wrong, not_rows = tmp_path / "small.csv", tmp_path / "wrong.csv", tmp_path / "not_rows.csv"
    _write(small, SMALL)
    _write(wrong, [*SMALL[:4], SMALL[4]._replace(balance="500.01")])
    _write(not_rows, [SMALL[0]._replace(amount="much")])
    async with _served_on_a_socket() as url:
        code, output = await _run("--url", url, str(small))
        assert (code, output[:3], output[3].split()) == (
            *(0, ["rows                  5", "accounts              2", "mismatches            0"]),
            ["replayed", "rows", "0"],
        )
        assert output[5:] == ["sum of balances  550.00 CZK", "", "Every balance is the bank's own, after every row."]
        code, output = await _run("--url", url, str(small))
        assert (code, output[-1]) == (0, "Every row had been posted before: this run changed nothing.")
        code, output = await _run("--url", url, str(wrong))
        assert code == 1
        assert "row 5 of account 7, 1993-01-31: the wallet has 500.00, the bank says 500.01" in output
        code, output = await _run("--url", url, str(not_rows))
        assert (code, output) == (2, [f"replay_bank: {not_rows}, line 2: not a transaction of the bank's"])
    code, output = await _run("--url", url, str(small))
    assert code == 2
    assert output[0].startswith(f"replay_bank: no server answers at {url}")
    code, output = await _run(str(tmp_path / "nowhere.csv"))
    assert code == 2
    assert output[0].startswith(f"replay_bank: cannot read {tmp_path / 'nowhere.csv'}: No such file")


async def _replay_all(
    rows: Sequence[Row], client: replay_bank.LedgerClient, app: Tekana, *, replayed: int = 0
) -> Tally:
    tally = Tally.of(rows)
    await replay(rows, client, tally)
    assert (tally.done, tally.accounts) == (13_089, 800)
    assert tally.mismatches == []
    assert tally.replayed == replayed
    assert tally.sum_of_balances == SUM_OF_BALANCES
    assert tally.agrees
    await _assert_whole(app)
    return tally


async def _assert_whole(app: Tekana) -> None:
    findings = [finding async for finding in app.as_caller(LOCAL_OPERATOR).audit()]
    assert findings
    assert [finding for finding in findings if not finding.ok] == []


@asynccontextmanager
async def _served(url: str) -> AsyncIterator[tuple[Tekana, httpx.ASGITransport]]:
    """Serve the HTTP app over a store, without a socket."""
    app = create_app(url)
    async with app.lifespan():
        yield app.state.tekana, httpx.ASGITransport(app)


@asynccontextmanager
async def _served_on_a_socket() -> AsyncIterator[str]:
    """Serve the HTTP app over a store in memory on a socket; yield its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(create_app("memory://"), lifespan="on", ws="none", log_level="warning")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


async def _run(*arguments: str) -> tuple[int | None, list[str]]:
    """Run the command; return its exit code and its output lines."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", replay_bank.__file__, *arguments),
        env=os.environ | {"TEKANA_KEY": OPERATOR_KEY},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    progress = re.compile(r"[\d,]+ of [\d,]+ rows, .* a second, \d+ mismatches")  # as often as it takes
    return process.returncode, [line for line in output.decode().splitlines() if not progress.fullmatch(line)]


def _write(file: Path, rows: Sequence[Row]) -> None:
    with file.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(Row._fields)
        writer.writerows(rows)
