"""No statement of the store scans or sorts a large table, checked on a ledger of 300,000 customers.

The server logs the plan of every statement, so new statements are checked automatically; a new reader, filter or
command without samples fails by name. Each is run with custom and with generic plans, as PostgreSQL changes from the
first to the second after a few runs.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

import tekana
from tekana.application.commands import COMMANDS
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.embedded import EmbeddedPostgres
from tekana_postgres.tables import metadata
from tests.integration import large_ledger
from tests.integration.plan_samples import MOST_ROWS, NUMBER, READERS, WHOLE_LEDGER, commands, questions
from tests.integration.postgres_support import superuser
from tests.postgres_data import copy_postgres_data
from tests.postgres_stores import postgres_store

MODES = ("force_custom_plan", "force_generic_plan")
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


SMALL = {
    *("outbox_parts", "relays", "leases", "webhook_endpoints", "approvals", "api_keys", "data_keys"),
    *("terms", "time_zones", "limits", "rates", "fee_schedules"),
}
"""The tables that do not grow with the ledger."""


def _grows(table: str) -> bool:
    """Return whether the table is one of tekana's, or a partition, and grows with the ledger."""
    return (table in metadata.tables and table not in SMALL) or _is_part(table)


def _is_part(table: str) -> bool:
    """Return whether the table is a part of the outbox. The later ones are empty: to scan these takes no time."""
    return re.fullmatch(r"outbox_(part_\d+|rest)", table) is not None


def faults(plan: Plan, most: int = MOST_ROWS) -> list[str]:
    """Return the faults of an executed plan. Queries of the driver about types are ignored."""
    if not any(_grows(node.get("Relation Name", "")) for node in nodes(plan)):
        return []
    return [fault for node in nodes(plan) if (fault := fault_of(node, most))]


def fault_of(node: Plan, most: int) -> str | None:
    kind = node["Node Type"]
    where = f"{kind} of {node.get('Index Name') or node.get('Relation Name') or 'rows'}"
    seen = sum(node.get(rows, 0) for rows in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck"))
    if kind == "Seq Scan" and _grows(node["Relation Name"]) and (seen or not _is_part(node["Relation Name"])):
        return where
    if "Scan" in kind and seen * node["Actual Loops"] > most:
        return f"{where} scanned {seen * node['Actual Loops']:.0f} rows"
    if kind in ("Sort", "Hash", "Aggregate", "Materialize", "Memoize") and node["Plans"][0]["Plan Rows"] > most:
        return f"{where} expects {node['Plans'][0]['Plan Rows']} rows"
    return None


# ---------------------------------------------------------------------- the ledger, and the plans of a store


@pytest.fixture(scope="module")
def ledger(postgres_data: Path) -> Iterator[str]:
    """Yield the URL of a database with 300,000 customers."""
    folder = Path(tempfile.mkdtemp(prefix="tekana-large_ledger-", dir="/var/tmp"))
    folder.chmod(0o755)  # so that the account PostgreSQL runs as can enter it
    try:
        copy_postgres_data(postgres_data, folder)
        with EmbeddedPostgres(folder, durable=False) as url:
            asyncio.run(_fill(url))
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _fill(url: str) -> None:
    store = postgres_store(url)
    await store.migrate()
    async with superuser(url) as connection:
        await large_ledger.fill(connection)
        await large_ledger.write_details(connection, store.vault, NUMBER)
        await connection.execute("LOAD 'auto_explain'")  # otherwise its settings are unknown
        for name, value in EXPLAIN.items():
            await connection.execute(f"ALTER DATABASE postgres SET {name} = '{value}'")
    await store.stop()


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

    store = postgres_store(url)
    for pool in (store._readers, store._writers, store._background, store._wallet_readers):
        record_messages(pool, record)
    async with tekana.connect(tekana.Settings(keep_customers=0), store=store) as app:
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


# ---------------------------------------------------------------------- the test

BAD = {
    "SELECT FROM wallets WHERE name = 'x'": "Seq Scan of wallets",
    "SET LOCAL enable_seqscan = off; SELECT FROM transactions WHERE amount < 0 ORDER BY id LIMIT 1": "scanned 30",
    "SELECT FROM customers ORDER BY created_at LIMIT 1": "Sort of rows expects ",
}


async def test_no_statement_scans_a_large_table(ledger: str) -> None:
    found: list[str] = []
    for mode in MODES:
        async with observed(ledger, mode) as (app, check_ready, plans):

            def look(what: str, most: int, plans: list[Plan] = plans, mode: str = mode) -> None:
                assert plans, f"{what}: no statement was recorded"
                for plan in plans if most != WHOLE_LEDGER else ():
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
            assert {type(command) for command in every} == set(COMMANDS.values())
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
