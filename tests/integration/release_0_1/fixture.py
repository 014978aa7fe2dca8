"""The files of a ledger that release 0.1 made: how they are written and read.

`make` writes them, `tests.integration.test_release_0_1` reads them. This module imports nothing of tekana, so that it
works with every version of it.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import httpx
import msgspec

from tests.forked import TEKANA, forked

FOLDER = Path(__file__).parent
LEDGER = "ledger.sql.gz"
"""What pg_dump says of the database: schema, data and rights, as INSERT statements."""

REQUESTS = "requests.json.gz"
"""Requests under idempotency keys, and what a replay of each is answered."""

READS = "reads.json.gz"
"""GET requests, and what each is answered."""

CALLS = "calls.json.gz"
"""Commands and batches that were given to the core, without HTTP, and what a replay of each leads to."""

ABOUT = "about.json"
"""The commit that made the files, the revision of the schema, the moment at which the ledger stands still, and what
commands of an operator print."""

OUTBOX_COMMANDS = ("outbox status --json", "outbox list")
"""Commands of which the output is kept."""

COMPARED_HEADERS = ("content-type", "idempotency-replayed", "etag", "location")

Json = dict[str, Any]


class Exchange(NamedTuple):
    """A request, and what it was answered. `headers` and `answer_headers` hold the ones that matter."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None
    status: int
    answer_headers: dict[str, str]
    answer: str

    @property
    def name(self) -> str:
        """What to call it where it differs."""
        return f"{self.method} {self.path} {self.headers.get('Idempotency-Key', '')}".rstrip()


async def exchange(
    client: httpx.AsyncClient, method: str, path: str, headers: dict[str, str], body: str | None
) -> Exchange:
    """Send a request; gives it with its answer."""
    content = None if body is None else body.encode()
    answer = await client.request(method, path, headers=headers, content=content)
    kept = {name: answer.headers[name] for name in COMPARED_HEADERS if name in answer.headers}
    return Exchange(method, path, headers, body, answer.status_code, kept, answer.content.decode())


def facts(answer: Any) -> Json:
    """What identifies an answer of the core, in values that JSON has."""
    if hasattr(answer, "transactions"):  # of a batch
        transactions = [facts(one) for one in answer.transactions]
        return {"transactions": transactions, "failed_index": answer.failed_index, "replayed": answer.replayed}
    if hasattr(answer, "entries"):  # a transaction
        rejection = None if answer.rejection is None else list(answer.rejection[:4])
        entries = [
            [str(one.wallet_id), one.version, one.amount_minor, one.ledger_balance_after] for one in answer.entries
        ]
        return {"id": str(answer.id), "status": answer.status, "rejection": rejection, "entries": entries}
    if hasattr(answer, "wallets"):  # a customer with wallets
        customer = answer.customer
        return {**_state_of(customer), "email": customer.email, "wallets": [_state_of(one) for one in answer.wallets]}
    return _state_of(answer)


def facts_of_refusal(error: Any) -> Json:
    """What identifies a refusal that the core raised."""
    transaction = None if error.transaction is None else facts(error.transaction)
    return {
        "refusal": type(error).__name__,
        "detail": str(error),
        "request_id": error.request_id,
        "transaction": transaction,
        "replayed": error.replayed,
    }


def _state_of(one: Any) -> Json:
    found = {"id": str(one.id), "status": one.status, "updated_at": one.updated_at.isoformat()}
    return {**found, **{name: getattr(one, name) for name in ("version", "ledger_balance") if hasattr(one, name)}}


# ---------------------------------------------------------------------- files


def write_text(name: str, text: str) -> None:
    """Write a file of the fixture, packed if its name ends in .gz: the same text makes the same bytes."""
    content = text.encode()
    (FOLDER / name).write_bytes(gzip.compress(content, 9, mtime=0) if name.endswith(".gz") else content)


def read_text(name: str) -> str:
    """Read a file of the fixture."""
    content = (FOLDER / name).read_bytes()
    return (gzip.decompress(content) if name.endswith(".gz") else content).decode()


def write_lines(name: str, values: Iterable[Any]) -> None:
    """Write values as JSON, a line each."""
    write_text(name, "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in values))


def read_lines(name: str) -> list[Any]:
    """Read what `write_lines` wrote."""
    return [json.loads(line) for line in read_text(name).split("\n") if line]


def read_exchanges(name: str) -> list[Exchange]:
    """Read requests with their answers."""
    return [Exchange(**one) for one in read_lines(name)]


# ---------------------------------------------------------------------- the database

ROLE = """
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tekana_app') THEN
        CREATE ROLE tekana_app NOLOGIN;
        EXECUTE format('GRANT tekana_app TO %I', current_user);
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""
DROP_ROLE = "DROP OWNED BY tekana_app; DROP ROLE tekana_app"
"""The role that the dump grants rights to: it belongs to the server, so no dump of a database has it."""


async def load(connection: asyncpg.Connection, dump: str) -> None:
    """Restore a dump into an empty database; the connection is of no other use afterwards."""
    await connection.execute(ROLE)
    await connection.execute(dump)


async def rows_of_all_tables(connection: asyncpg.Connection) -> dict[str, list[Json]]:
    """Every row of every table as text, in an order of its own, and how far each sequence has counted.

    Columns are taken by their names, as a migration there and back may change their order. JSON is compared as it is
    written. A part of a table counts as a table.
    """
    tables = await connection.fetch("""
        SELECT c.oid, c.relname AS name, array_agg(quote_ident(a.attname) ORDER BY a.attname) AS columns
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') GROUP BY c.oid, c.relname
    """)
    found: dict[str, list[Json]] = {}
    for table in tables:
        columns = ", ".join(f"{column}::text" for column in table["columns"])
        rows = await connection.fetch(f'SELECT {columns} FROM public."{table["name"]}"')
        found[table["name"]] = sorted((dict(row) for row in rows), key=lambda row: json.dumps(row, sort_keys=True))
    sequences = await connection.fetch("SELECT sequencename AS name, last_value FROM pg_sequences")
    found["sequences"] = sorted((dict(row) for row in sequences), key=lambda row: row["name"])
    return found


# ---------------------------------------------------------------------- commands, and calls of the core


async def run_command(*words: str, url: str) -> str:
    """Run the command tekana on a database; gives what it prints. It has to exit with 0."""
    command = (*TEKANA, *words, "--database-url", url)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, **forked(command), stdout=pipe, stderr=pipe)
    out, error = await process.communicate()
    assert process.returncode == 0, (out, error)
    return out.decode()


async def perform(public: Any, app: Any, call: Json) -> Json:
    """Give a recorded call to the core again; gives the facts of what it led to. `public` is the package tekana."""
    name, given, how = call["name"], dict(call["given"]), dict(call["how"])
    subject = (given if "caller" in given else how).pop("caller", "local")
    caller = public.Caller(public.MAIN_TENANT, subject, public.SCOPES)
    session = app.as_caller(caller)
    if name == "Batch":
        return facts(await session.submit_batch(msgspec.convert(given, public.Batch), **how))
    if name == "webhooks.create":
        created = await session.submit(msgspec.convert(given, public.CreateWebhookEndpoint), **how)
        return {"id": str(created.answer.id), "replayed": created.replayed}
    try:
        done = await session.submit(msgspec.convert(given, getattr(public, name)), **how)
    except public.Refused as error:
        return facts_of_refusal(error)
    return {**facts(done.answer), "replayed": done.replayed}
