"""Replay a real bank: 13,089 transactions of 800 accounts over HTTP, every balance compared with the bank's own.

    tekana serve                        # in one terminal
    python examples/replay_bank.py      # in another

Each account becomes a customer with a CZK wallet, each row a deposit or a withdrawal: in order within an account, and
many accounts at once. Every request has an idempotency key derived from the bank's own numbers. So the replay can be
stopped, or the server killed, at any time: run it again, and rows that were posted before are not posted twice.

Exits with 0 if every balance agrees, 1 if one does not or the server stopped responding, 2 if it could not begin.
"""

from __future__ import annotations

import asyncio
import csv
import sys
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import httpx
import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_delay,
    wait_random,
    wait_random_exponential,
)

CURRENCY: Final = "CZK"
IN_FLIGHT: Final = 64
PATIENCE: Final = 60.0  # seconds for which a request without a response is retried
BANK: Final = Path(__file__).resolve().parents[2] / "shared" / "data" / "berka-1993.csv"

AGREED, DISAGREED, COULD_NOT_BEGIN, INTERRUPTED = 0, 1, 2, 130

Json = dict[str, Any]
Item = TypeVar("Item")


# ---------------------------------------------------------------------------- the bank's rows, as requests

_TYPES: Final = {"PRIJEM": "deposit", "VYDAJ": "withdrawal", "VYBER": "withdrawal"}
_OPERATIONS: Final = {
    "VKLAD": "Cash deposit",
    "VYBER": "Cash withdrawal",
    "VYBER KARTOU": "Card withdrawal",
    "PREVOD Z UCTU": "Transfer from another bank",
    "PREVOD NA UCET": "Transfer to another bank",
}
_PURPOSES: Final = {
    "DUCHOD": "pension",
    "POJISTNE": "insurance",
    "SIPO": "household",
    "SLUZBY": "statement fee",
    "UROK": "interest",
    "UVER": "loan",
}


class BadFile(Exception):
    """The file cannot be read, or is not in the bank's format."""


class Row(NamedTuple):
    """A transaction as the bank published it. `balance` is the account's balance after it."""

    trans_id: str
    account_id: str
    date: str
    type: str
    operation: str
    amount: str
    balance: str
    k_symbol: str


def read_rows(file: Path) -> list[Row]:
    """Return all rows of the bank's file, in order.

    Raises:
        BadFile: the file cannot be read, or a row is not in the bank's format.
    """
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            rows = [Row(*(record[name] for name in Row._fields)) for record in csv.DictReader(lines, strict=True)]
    except OSError as error:
        raise BadFile(f"cannot read {file}: {error.strerror}; pass the bank's file as an argument") from error
    except (KeyError, csv.Error, UnicodeDecodeError) as error:
        raise BadFile(f"{file} is not the bank's file: it needs the columns {', '.join(Row._fields)}") from error
    for number, row in enumerate(rows, start=2):
        known = row.type in _TYPES and str(row.account_id).isdecimal()
        if not known or not _is_decimal(row.amount) or not _is_decimal(row.balance):
            raise BadFile(f"{file}, line {number}: not a transaction of the bank's")
    return rows


def _is_decimal(text: str | None) -> bool:
    try:
        return Decimal(text or "").is_finite()
    except InvalidOperation:
        return False


def registration(account_id: str) -> Json:
    """Return the body that registers an account's owner with a CZK wallet. It depends on the account alone."""
    return {
        "full_name": f"Owner of account {account_id}",
        "email": f"berka-{account_id}@example.com",
        "phone_number": f"+42060{int(account_id):07}",
        "country": "CZ",
        "external_id": f"berka-{account_id}",
        "currency": CURRENCY,
    }


def registration_key(account_id: str) -> str:
    """Return the idempotency key of an account's registration."""
    return f"replay-bank-account-{account_id}"


def movement(row: Row, wallet_id: str) -> Json:
    """Return the body that posts a row: a deposit or a withdrawal."""
    operation, purpose = row.operation.strip(), row.k_symbol.strip()
    words = (_OPERATIONS.get(operation, operation), _PURPOSES.get(purpose, purpose))
    return {
        "type": _TYPES[row.type],
        "wallet_id": wallet_id,
        "amount": row.amount,
        "currency": CURRENCY,
        "description": ", ".join(filter(None, words)) or None,
        "reference": row.trans_id,
        "effective_at": f"{row.date}T00:00:00Z",
    }


def movement_key(row: Row) -> str:
    """Return the idempotency key of a row."""
    return f"replay-bank-{row.trans_id}"


# ---------------------------------------------------------------------------- the replay


class Posted(NamedTuple):
    """The result of a row: the wallet's balance after it, and whether it had been posted before."""

    balance: Decimal
    replayed: bool


class RowRefused(Exception):
    """The server refused a row; the message has the reason."""


class LedgerClient(Protocol):
    """A client of tekana."""

    async def register(self, body: Json, key: str) -> str:
        """Register a customer, and return the id of their wallet."""
        ...

    async def post(self, body: Json, key: str) -> Posted:
        """Move money. Raises RowRefused if the movement is refused."""
        ...

    async def balance(self, wallet_id: str) -> Decimal:
        """Return the wallet's present ledger balance."""
        ...


@dataclass
class Tally:
    """The progress of the replay, and its findings."""

    rows: int
    accounts: int
    expected_sum: Decimal
    done: int = 0
    replayed: int = 0
    mismatches: list[str] = field(default_factory=list)
    seconds: float = 0.0
    sum_of_balances: Decimal | None = None

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Tally:
        """Return the tally before the first row."""
        last_balances = {row.account_id: Decimal(row.balance) for row in rows}
        return cls(len(rows), len(last_balances), sum(last_balances.values(), Decimal()))

    @property
    def rate(self) -> float:
        """Return the rows per second."""
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def agrees(self) -> bool:
        """Whether all rows were replayed, and every balance is the bank's."""
        return self.done == self.rows and not self.mismatches and self.sum_of_balances == self.expected_sum


async def replay(
    rows: Sequence[Row], client: LedgerClient, tally: Tally, report: Callable[[], None] = lambda: None
) -> None:
    """Post the rows: each account's in order, many accounts at once. Then read every wallet's balance.

    `tally` is updated after each row, and `report` is called then.
    """
    began = time.perf_counter()
    accounts: Mapping[str, list[Row]] = defaultdict(list)
    for row in rows:
        accounts[row.account_id].append(row)
    wallets: dict[str, str] = {}

    async def replay_account(account_id: str) -> None:
        wallet_id = await client.register(registration(account_id), registration_key(account_id))
        wallets[account_id] = wallet_id
        for row in accounts[account_id]:
            await _replay_row(row, wallet_id, client, tally)
            tally.done += 1
            tally.seconds = time.perf_counter() - began
            report()

    await _for_each(accounts, replay_account)
    balances: dict[str, Decimal] = {}

    async def read_balance(wallet_id: str) -> None:
        balances[wallet_id] = await client.balance(wallet_id)

    await _for_each(wallets.values(), read_balance)
    tally.sum_of_balances = sum(balances.values(), Decimal())


async def _replay_row(row: Row, wallet_id: str, client: LedgerClient, tally: Tally) -> None:
    name = f"row {row.trans_id} of account {row.account_id}, {row.date}"
    try:
        posted = await client.post(movement(row, wallet_id), movement_key(row))
    except RowRefused as refused:
        tally.mismatches.append(f"{name}: refused, {refused}")
        return
    tally.replayed += posted.replayed
    if posted.balance != Decimal(row.balance):
        tally.mismatches.append(f"{name}: the wallet has {posted.balance}, the bank says {row.balance}")


async def _for_each(items: Iterable[Item], work: Callable[[Item], Awaitable[None]]) -> None:
    """Do the work for every item, IN_FLIGHT of them at a time. The first failure cancels the rest."""
    left = iter(items)

    async def work_on() -> None:
        for item in left:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(work_on())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


# ---------------------------------------------------------------------------- over HTTP


class NotReachable(Exception):
    """No tekana that can move money responds at the URL."""


class GaveUp(Exception):
    """The replay cannot go on."""


class _NoAnswer(Exception):
    """The server is overloaded, or a proxy lost the request: it is unknown whether it was executed."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(f"{answer.status_code} {answer.reason_phrase}")
        retry_after = answer.headers.get("Retry-After", "")
        self.retry_after = float(retry_after) if retry_after.isdigit() else None


_TRY_AGAIN: Final = (429, 502, 503, 504)
_growing_pause: Final = wait_random_exponential(multiplier=0.1, max=2)
_jitter: Final = wait_random(0, 0.25)  # so that not all clients retry at the same time


class SeparatePools(httpx.AsyncBaseTransport):
    """A connection for each request in flight, each in a pool of its own.

    httpx checks every connection of a pool for every request: with many, that takes longer than the requests.
    """

    def __init__(self, count: int) -> None:
        one_connection = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        trusted = httpx.create_ssl_context()
        self._free = deque(httpx.AsyncHTTPTransport(verify=trusted, limits=one_connection) for _ in range(count))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request on the connection that has been free for longest."""
        pool = self._free.popleft()
        try:
            return await pool.handle_async_request(request)
        finally:
            self._free.append(pool)

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in self._free:
            await pool.aclose()


class HttpLedgerClient:
    """A LedgerClient over HTTP. A request without a response is retried, with the same key, for `patience` seconds."""

    def __init__(
        self, client: httpx.AsyncClient, *, patience: float = PATIENCE, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._client = client
        self._say = say
        self._patience = patience
        self._silent = False

    async def check(self) -> None:
        """Raise NotReachable unless a tekana that can move money responds."""
        try:
            answer = await self._client.get("/health/ready")
            ready = answer.json()
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise NotReachable(f"no server answers at {self._client.base_url}: {_words(error)}") from error
        except ValueError as error:
            raise NotReachable(f"what answers at {self._client.base_url} is not tekana") from error
        if answer.status_code != 200:
            raise NotReachable(f"the server at {self._client.base_url} is not ready: {ready.get('detail', ready)}")

    async def register(self, body: Json, key: str) -> str:
        """Register a customer, and return the id of their wallet."""
        answer = await self._ask("POST", "/v1/customers", body, key)
        if answer.status_code != 201:
            raise GaveUp(f"{body['external_id']} cannot be registered: {_problem(answer)}")
        wallet_id: str = answer.json()["wallets"][0]["id"]
        return wallet_id

    async def post(self, body: Json, key: str) -> Posted:
        """Move money."""
        answer = await self._ask("POST", "/v1/transactions", body, key)
        if answer.status_code != 201:
            raise RowRefused(_problem(answer))
        [entry] = [one for one in answer.json()["entries"] if one["wallet_id"] == body["wallet_id"]]
        return Posted(Decimal(entry["ledger_balance_after"]), answer.headers.get("Idempotency-Replayed") == "true")

    async def balance(self, wallet_id: str) -> Decimal:
        """Return the wallet's present ledger balance."""
        answer = await self._ask("GET", f"/v1/wallets/{wallet_id}")
        if answer.status_code != 200:
            raise GaveUp(f"wallet {wallet_id} cannot be read: {_problem(answer)}")
        return Decimal(answer.json()["ledger_balance"])

    async def _ask(self, method: str, path: str, body: Json | None = None, key: str | None = None) -> httpx.Response:
        """Send a request, and repeat it with the same key until there is a response."""
        headers = {} if key is None else {"Idempotency-Key": key}
        retrying = AsyncRetrying(
            retry=retry_if_exception_type((httpx.TransportError, _NoAnswer)),
            wait=_pause,
            stop=stop_after_delay(self._patience),
            before_sleep=self._note_silence,
            retry_error_callback=self._give_up,
        )
        answer: httpx.Response = await retrying(self._ask_once, method, path, body, headers)
        if self._silent:
            self._silent = False
            self._say("The server answers again.")
        return answer

    async def _ask_once(self, method: str, path: str, body: Json | None, headers: Mapping[str, str]) -> httpx.Response:
        answer = await self._client.request(method, path, json=body, headers=headers)
        if answer.status_code in _TRY_AGAIN:
            raise _NoAnswer(answer)
        return answer

    def _note_silence(self, state: RetryCallState) -> None:
        if not self._silent:
            self._silent = True
            self._say(
                f"No answer from the server ({_words(_failure(state))}): trying again, with the same keys, "
                f"for up to {self._patience:g} seconds."
            )

    def _give_up(self, state: RetryCallState) -> None:
        failure = _failure(state)
        raise GaveUp(f"the server gave no answer for {self._patience:g} seconds ({_words(failure)})") from failure


def _pause(state: RetryCallState) -> float:
    """Return the pause that the server requests, or else a growing one."""
    failure = _failure(state)
    if isinstance(failure, _NoAnswer) and failure.retry_after is not None:
        return failure.retry_after + _jitter(state)
    return _growing_pause(state)


def _failure(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _words(error: BaseException | None) -> str:
    return str(error) or type(error).__name__


def _problem(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return f"{answer.status_code} {problem['code']}, {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason_phrase}"


# ---------------------------------------------------------------------------- on the command line


class ProgressDisplay:
    """Shows the progress: a bar on a terminal, and otherwise a line every few seconds."""

    SECONDS_BETWEEN_LINES: Final = 5.0

    def __init__(self, console: Console, tally: Tally) -> None:
        self.console = console
        self._tally = tally
        self._next_line = time.monotonic() + self.SECONDS_BETWEEN_LINES
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("rows, {task.fields[rate]:,.0f} a second, {task.fields[mismatches]} mismatches"),
            TimeRemainingColumn(compact=True),
            console=console,
        )
        self._task = self._progress.add_task("Replaying", total=tally.rows, rate=0.0, mismatches=0)

    def running(self) -> AbstractContextManager[object]:
        """Return a context in which the bar is on the screen."""
        return self._progress if self.console.is_terminal else nullcontext()

    def update(self) -> None:
        """Show the present state of the tally."""
        tally = self._tally
        if self.console.is_terminal:
            self._progress.update(self._task, completed=tally.done, rate=tally.rate, mismatches=len(tally.mismatches))
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + self.SECONDS_BETWEEN_LINES
            self.console.print(
                f"{tally.done:,} of {tally.rows:,} rows, {tally.rate:,.0f} a second, {len(tally.mismatches)} mismatches"
            )


def summary(tally: Tally) -> str:
    """Return the findings of the replay as text: aligned figures, and sentences that interpret them."""
    figures = {
        "rows": f"{tally.done}",
        "accounts": f"{tally.accounts}",
        "mismatches": f"{len(tally.mismatches)}",
        "replayed rows": f"{tally.replayed}",
        "rows a second": f"{tally.rate:.0f}",
        "sum of balances": f"{tally.sum_of_balances} {CURRENCY}",
    }
    digits = max(len(figure.split()[0]) for figure in figures.values())
    lines = [
        f"{name:<17}{figure.split()[0]:>{digits}} {figure.partition(' ')[2]}".rstrip()
        for name, figure in figures.items()
    ]
    return "\n".join([*lines, "", *_verdict(tally)])


def _verdict(tally: Tally) -> list[str]:
    shown = tally.mismatches[:10]
    more = len(tally.mismatches) - len(shown)
    verdict = [*shown, *([f"… and {more} more"] if more else [])]
    if tally.agrees:
        verdict.append("Every balance is the bank's own, after every row.")
    elif tally.sum_of_balances != tally.expected_sum:
        verdict.append(
            f"The wallets do not agree with the bank, whose balances sum to {tally.expected_sum} {CURRENCY}."
        )
    else:
        verdict.append("The wallets do not agree with the bank.")
    if tally.replayed == tally.rows:
        verdict.append("Every row had been posted before: this run changed nothing.")
    elif tally.replayed:
        verdict.append(f"{tally.replayed} rows had been posted before, and were not posted twice.")
    return verdict


async def replay_over_http(url: str, key: str, rows: Sequence[Row], tally: Tally, display: ProgressDisplay) -> None:
    """Replay the rows on the server at the URL.

    Raises:
        NotReachable: there is no server.
        GaveUp: the server stopped responding.
    """
    credential = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        base_url=url, transport=SeparatePools(IN_FLIGHT), timeout=10, headers=credential
    ) as http:
        client = HttpLedgerClient(http, say=display.console.print)
        await client.check()
        with display.running():
            await replay(rows, client, tally, display.update)


def development_key() -> str:
    """Return the API key that `tekana serve` has made for development; an empty text without one."""
    file = Path.home() / ".tekana" / "operator.key"
    return file.read_text("ascii").strip() if file.is_file() else ""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", default="http://127.0.0.1:3333", show_default=True, help="Where `tekana serve` listens.")
@click.option("--key", envvar="TEKANA_KEY", default="", help="An API key. [default: that of development mode]")
@click.argument("file", default=BANK, type=click.Path(path_type=Path))
def command(url: str, key: str, file: Path) -> None:
    """Replay the bank's FILE over HTTP, and compare every balance with the bank's own.

    A second run changes nothing. Exits with 0 if every balance agrees, 1 if one does not or the server
    stopped responding, 2 if it could not begin.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        rows = read_rows(file)
        tally = Tally.of(rows)
        asyncio.run(replay_over_http(url, key or development_key(), rows, tally, ProgressDisplay(console, tally)))
    except (BadFile, NotReachable) as error:
        console.print(f"replay_bank: {error}")
        sys.exit(COULD_NOT_BEGIN)
    except GaveUp as error:
        console.print(f"replay_bank: {error}. {tally.done:,} of {tally.rows:,} rows are done; run it again to go on.")
        sys.exit(DISAGREED)
    except KeyboardInterrupt:
        console.print(f"replay_bank: stopped, {tally.done:,} of {tally.rows:,} rows are done; run it again to go on.")
        sys.exit(INTERRUPTED)
    click.echo(summary(tally))
    sys.exit(AGREED if tally.agrees else DISAGREED)


if __name__ == "__main__":
    command()
