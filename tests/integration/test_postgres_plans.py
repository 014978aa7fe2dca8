"""No statement of the store scans or sorts a large table, checked on a ledger of a large_ledger customers.

The server logs the plan of every statement, so new statements are checked automatically; a new reader, filter or
command without samples fails by name. Each is run with custom and with generic plans, as PostgreSQL changes from the
first to the second after a few runs.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, get_args
from uuid import uuid4

import pytest

import tekana
from tekana.application import Command
from tekana.application.commands import COMMANDS, MONEY_COMMANDS
from tekana.application.commands.webhooks import AnyWebhookCommand
from tekana.domain.identifiers import CustomerId, TransactionId, WalletId, house_wallet_id
from tekana.domain.money import Currency
from tekana.ports.customers import CustomerFilter, Customers
from tekana.ports.events import Events
from tekana.ports.page import PageRequest
from tekana.ports.transactions import TransactionFilter, Transactions
from tekana.ports.wallets import WalletFilter, Wallets
from tekana.testing import builders
from tekana_postgres import PostgresStore
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.embedded import EmbeddedPostgres
from tekana_postgres.tables import metadata
from tests.integration import large_ledger
from tests.integration.postgres_support import superuser

MODES = ("force_custom_plan", "force_generic_plan")
MOST_ROWS = 5_000
"""The maximal number of rows that a statement may scan, or expect to sort: some pages and all refusals."""
HISTORY_OF_THE_MERCHANT = 40_000
"""The bound where a filter by type matches few rows of a long history."""

EXPLAIN = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
}

Plan = dict[str, Any]


# ---------------------------------------------------------------------- faults of a plan


def nodes(plan: Plan) -> Iterator[Plan]:
    """Yield the nodes of a plan, except those under a LIMIT of no rows, which are never executed."""
    yield plan
    for child in plan.get("Plans", ()):
        if plan["Node Type"] != "Limit" or child["Actual Loops"]:
            yield from nodes(child)


def _grows(table: str) -> bool:
    """Return whether the table is one of tekana's, or a partition, and grows with the ledger."""
    return (table in metadata.tables and table != "outbox_parts") or bool(
        re.fullmatch(r"outbox_(part_\d+|rest)", table)
    )


def faults(plan: Plan, most: int = MOST_ROWS) -> list[str]:
    """Return the faults of an executed plan. Queries of the driver about types are ignored."""
    if not any(_grows(node.get("Relation Name", "")) for node in nodes(plan)):
        return []
    return [fault for node in nodes(plan) if (fault := fault_of(node, most))]


def fault_of(node: Plan, most: int) -> str | None:
    kind = node["Node Type"]
    where = f"{kind} of {node.get('Index Name') or node.get('Relation Name') or 'rows'}"
    if kind == "Seq Scan" and _grows(node["Relation Name"]):
        return where
    seen = sum(node.get(rows, 0) for rows in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck"))
    if "Scan" in kind and seen * node["Actual Loops"] > most:
        return f"{where} scanned {seen * node['Actual Loops']:.0f} rows"
    if kind in ("Sort", "Hash", "Aggregate", "Materialize", "Memoize") and node["Plans"][0]["Plan Rows"] > most:
        return f"{where} expects {node['Plans'][0]['Plan Rows']} rows"
    return None


# ---------------------------------------------------------------------- the ledger, and the plans of a store


@pytest.fixture(scope="module")
def ledger() -> Iterator[str]:
    """Yield the URL of a database with a large_ledger customers."""
    folder = Path(tempfile.mkdtemp(prefix="tekana-large_ledger-", dir="/var/tmp"))
    folder.chmod(0o755)  # so that the account PostgreSQL runs as can enter it
    try:
        with EmbeddedPostgres(folder, durable=False) as url:
            asyncio.run(_fill(url))
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _fill(url: str) -> None:
    store = PostgresStore(url)
    await store.migrate()
    await store.stop()
    async with superuser(url) as connection:
        await large_ledger.fill(connection)
        await connection.execute("LOAD 'auto_explain'")  # otherwise its settings are unknown
        for name, value in EXPLAIN.items():
            await connection.execute(f"ALTER DATABASE postgres SET {name} = '{value}'")


class ObservedStore(NamedTuple):
    """A started store, and the plans of the statements that it sent since `plans` was last cleared."""

    app: tekana.Session
    check_ready: Callable[[], Awaitable[object]]
    plans: list[Plan]


@asynccontextmanager
async def observed(url: str, mode: str) -> AsyncIterator[ObservedStore]:
    async with superuser(url) as connection:
        await connection.execute(f"ALTER DATABASE postgres SET plan_cache_mode = {mode}")
    plans: list[Plan] = []

    def record(_: object, message: Any) -> None:
        plans.append(json.loads(message.message.partition("plan:\n")[2]))

    store = PostgresStore(url)
    for pool in (store._readers, store._writers, store._background, store._wallet_readers):
        record_messages(pool, record)
    async with tekana.connect(store=store) as app:
        yield ObservedStore(app.as_caller(tekana.LOCAL_OPERATOR), app.check_ready, plans)


def record_messages(pool: ConnectionPool, record: Callable[[object, Any], None]) -> None:
    """Record the server's messages to a connection while it is in use."""
    acquire, release = pool.acquire, pool.release

    async def acquire_and_listen() -> Any:
        connection = await acquire()
        connection.add_log_listener(record)
        return connection

    async def release_without_listener(connection: Any, *, close: bool = False) -> None:
        connection.remove_log_listener(record)
        await release(connection, close=close)

    pool.acquire, pool.release = acquire_and_listen, release_without_listener  # type: ignore[method-assign]


# ---------------------------------------------------------------------- all queries and commands

RWF = Currency("RWF")
NUMBER = 172  # sent one transfer, and received one
PAYER = 460  # paid the merchant
MINE, THEIRS = CustomerId(large_ledger.customer_id(NUMBER)), CustomerId(large_ledger.customer_id(PAYER))
WALLET, BUSY = WalletId(large_ledger.wallet_id(NUMBER)), WalletId(large_ledger.wallet_id(large_ledger.MERCHANT))
HOUSE = house_wallet_id("settlement", RWF)
SOME = TransactionId(large_ledger.transaction_id(150_000))

FILTERS: dict[type[Any], dict[str, tuple[Any, ...]]] = {
    CustomerFilter: {
        "email": (None, f"c{NUMBER}@example.com", "unknown@example.com"),
        "phone_number": (None, f"+250{700_000_000 + NUMBER}"),
        "external_id": (None, f"crm-{NUMBER}"),
        "status": (None, "active", "suspended", "closed"),
    },
    WalletFilter: {"customer_id": (None, MINE), "currency": (None, "RWF", "USD", "KES")},
    TransactionFilter: {
        "wallet_id": (None, WALLET, BUSY),
        "customer_id": (None, THEIRS),
        "type": (None, "withdrawal", "transfer"),  # the ledger has no withdrawals
        "status": (None, "posted", "rejected"),
        "reference": (None, "order-300"),
        "start": (None, large_ledger.transaction_time(200_000)),
        "end": (None, large_ledger.transaction_time(210_000)),
    },
}
WAGES = TransactionFilter(reference=large_ledger.COMMON_REFERENCE)
LATER = {
    CustomerFilter: str(large_ledger.customer_id(400_000)),
    WalletFilter: str(large_ledger.wallet_id(400_000)),
    TransactionFilter: str(SOME),
}

READERS = (Customers, Wallets, Transactions, Events)

BAD = {
    "SELECT FROM wallets WHERE name = 'x'": "Seq Scan of wallets",
    "SET LOCAL enable_seqscan = off; SELECT FROM transactions WHERE amount < 0 ORDER BY id LIMIT 1": "scanned 30",
    "SELECT FROM customers ORDER BY created_at LIMIT 1": "Sort of rows expects ",
}

Question = Callable[[tekana.Session], Awaitable[Any]]


def lists(of: type[Any], which: Callable[[tekana.Session], Any]) -> Iterator[tuple[str, int, Question]]:
    """Yield every combination of filters, each with its first page and a later one."""
    assert set(FILTERS[of]) == set(of._fields), "a filter without samples"
    for values in itertools.product(*FILTERS[of].values()):
        wanted = of(*values)
        busy = getattr(wanted, "wallet_id", None) == BUSY and wanted.type
        for cursor in (None, LATER[of]):
            page = PageRequest(50, cursor)
            most = HISTORY_OF_THE_MERCHANT if busy else MOST_ROWS
            yield f"{wanted} {cursor}", most, lambda app, wanted=wanted, page=page: which(app).list(wanted, page)


PERIOD = (large_ledger.transaction_time(100_000), large_ledger.transaction_time(200_000))


def entries_of(wallet: WalletId, page: PageRequest, *period: Any) -> Any:
    return lambda app: app.wallets.entries(wallet, page, *period)


def questions() -> dict[tuple[type[Any], str], list[tuple[str, int, Question]]]:
    """Return by reader: the description of each query, the rows that it may scan, and the query."""
    pages = [PageRequest(), PageRequest(200, "250")]
    return {
        (Customers, "get"): [("", MOST_ROWS, lambda app: app.customers.get(MINE))],
        (Customers, "list"): list(lists(CustomerFilter, lambda app: app.customers)),
        (Wallets, "get"): [("", MOST_ROWS, lambda app: app.wallets.get(WALLET))],
        (Wallets, "list"): list(lists(WalletFilter, lambda app: app.wallets)),
        (Wallets, "entries"): [
            (f"{wallet} {page}", MOST_ROWS, lambda app, wallet=wallet, page=page: app.wallets.entries(wallet, page))
            for wallet in (WALLET, BUSY, HOUSE)
            for page in pages
        ]
        + [
            (f"{wallet} {which}", MOST_ROWS, entries_of(wallet, *which))
            for wallet in (WALLET, BUSY, HOUSE)
            for page in pages
            for which in ((page, PERIOD[0], None, True), (page, *PERIOD, True), (page, *PERIOD, False))
        ],
        (Wallets, "balance_at"): [
            (f"{wallet} {at}", MOST_ROWS, lambda app, wallet=wallet, at=at: app.wallets.balance_at(wallet, at))
            for wallet in (WALLET, BUSY, HOUSE)
            for at in (None, large_ledger.transaction_time(200_000))
        ],
        (Transactions, "get"): [("", MOST_ROWS, lambda app: app.transactions.get(SOME))],
        (Transactions, "list"): [
            *lists(TransactionFilter, lambda app: app.transactions),
            *[
                (str(which), MOST_ROWS, lambda app, which=which: app.transactions.list(which, PageRequest()))
                for which in (WAGES._replace(wallet_id=WALLET), WAGES._replace(wallet_id=BUSY))
            ],
        ],
        (Events, "list"): [
            (str(page), MOST_ROWS, lambda app, page=page: app.events.list(page))
            for page in (PageRequest(), PageRequest(200, "150000.1"), PageRequest(200, "300000.2"))
        ],
    }


async def commands(app: tekana.Session) -> list[Command[Any]]:
    """Return one command of every kind, in an order in which all succeed."""
    leaving = await app.execute(builders.person())
    return [
        builders.person(external_id=f"new-{uuid4()}"),
        tekana.UpdateCustomer(customer_id=MINE, full_name="Another Name", external_id=f"changed-{uuid4()}"),
        tekana.VerifyCustomer(customer_id=MINE, tier="full"),
        tekana.SuspendCustomer(customer_id=MINE, reason="a review"),
        tekana.ReactivateCustomer(customer_id=MINE),
        builders.open_wallet(MINE),
        builders.freeze(WALLET),
        tekana.UnfreezeWallet(wallet_id=WALLET),
        builders.deposit(WALLET),
        *(builders.movement(type_, WALLET, BUSY, "10") for type_ in MONEY_COMMANDS),
        builders.transfer(WALLET, BUSY, "500"),
        builders.withdrawal(BUSY, "100"),
        tekana.CloseWallet(wallet_id=leaving.wallets[0].id),
        tekana.CloseCustomer(customer_id=leaving.customer.id),
    ]


# ---------------------------------------------------------------------- the test


async def test_no_statement_scans_a_large_table(ledger: str) -> None:
    found: list[str] = []
    for mode in MODES:
        async with observed(ledger, mode) as (app, check_ready, plans):

            def look(what: str, most: int, plans: list[Plan] = plans, mode: str = mode) -> None:
                assert plans, f"{what}: no statement was recorded"
                for plan in plans:
                    statement = " ".join(plan["Query Text"].split())
                    found.extend(f"{mode}: {what}: {fault}: {statement}" for fault in faults(plan["Plan"], most))
                plans.clear()

            await check_ready()
            look("check_ready", MOST_ROWS)
            asked = questions()
            assert set(asked) == {(port, name) for port in READERS for name in vars(port) if not name.startswith("_")}
            for (port, name), ways in asked.items():
                for what, most, ask in ways:
                    await ask(app)
                    await asyncio.sleep(0)  # the event loop delivers the server's messages
                    look(f"{port.__name__}.{name} {what}", most)
            every = await commands(app)
            # The ledger has no webhooks, so that the plans of their commands would say nothing.
            assert {type(command) for command in every} == set(COMMANDS.values()) - set(get_args(AnyWebhookCommand))
            for command in every:
                key = str(uuid4())
                for _ in range(2):
                    await app.execute(command, key=key)
                    await asyncio.sleep(0)
                    look(type(command).__name__, MOST_ROWS)

            # The check can fail: it reports each of these statements.
            for bad, fault in BAD.items():
                async with raw_connection(app._store._readers) as connection, connection.transaction():  # type: ignore[attr-defined]
                    for statement in bad.split(";"):
                        await connection.execute(statement)
                await asyncio.sleep(0)
                seen = [one for plan in plans for one in faults(plan["Plan"])]
                assert any(fault in one for one in seen), (bad, seen)
                plans.clear()
    assert found == [], "\n".join(found[:20])
