"""A ledger of release 0.1: at the newest schema it gives the same responses, and the downgrade restores every row.

`release_0_1` has the files, and the program that created them.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

import tekana
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana_litestar import create_app
from tekana_postgres.chain_audit import LINKED
from tekana_postgres.migrator import migrate
from tests.integration.history_support import chain_breaches, linked_session, linked_store, quiet
from tests.integration.http_support import Json, assert_whole, client_of, registration, started_app
from tests.integration.postgres_support import superuser
from tests.integration.release_0_1 import fixture
from tests.integration.test_postgres_schema import catalogue
from tests.postgres_stores import postgres_store

ABOUT = json.loads(fixture.read_text(fixture.ABOUT))
# Later releases remove blanks around a header's value, so a key stored with blanks is a different key now.
REQUESTS = [
    one
    for one in fixture.read_exchanges(fixture.REQUESTS)
    if (key := one.headers.get("Idempotency-Key", "")) == key.strip()
]
READS = fixture.read_exchanges(fixture.READS)
CALLS = fixture.read_lines(fixture.CALLS)

APPEND_ONLY = ("transactions", "entries", "idempotency_keys", "outbox")


# ---------------------------------------------------------------------- access to internals


async def migrate_up(url: str) -> None:
    """Upgrade the schema to the newest revision, and encrypt customers' personal data."""
    await postgres_store(url).migrate()


async def migrate_down(url: str) -> None:
    """Decrypt customers' personal data, and downgrade the schema to the revision of release 0.1."""
    await postgres_store(url).decrypt_customers()
    await migrate(url, ABOUT["revision"])


@asynccontextmanager
async def serving(url: str, later: timedelta = timedelta(0)) -> AsyncIterator[tuple[httpx.AsyncClient, tekana.Tekana]]:
    """Serve the HTTP app on a database, with the clock at the time of the dump, or a little later.

    At that time no webhook delivery is due, and none is old enough to be deleted. New ones cannot be sent.
    """
    clock = FrozenClock(datetime.fromisoformat(ABOUT["moment"]) + later)
    app = create_app(tekana.Settings(database_url=url, webhooks_allow_private=False), clock=clock)
    async with started_app(app), client_of(app) as client:
        yield client, app.state.tekana


# ---------------------------------------------------------------------- fixtures and helpers


@pytest.fixture
async def released_url(empty_postgres_url: str) -> AsyncIterator[str]:
    """Yield the URL of a database with the ledger of release 0.1."""
    async with superuser(empty_postgres_url) as connection:
        await fixture.load(connection, fixture.read_text(fixture.LEDGER))
    yield empty_postgres_url
    async with superuser(empty_postgres_url) as connection:
        await connection.execute(fixture.DROP_ROLE)


@pytest.fixture
async def migrated_url(released_url: str) -> str:
    """Return the URL of a database with that ledger at the newest schema."""
    await migrate_up(released_url)
    return released_url


async def rows(url: str) -> dict[str, list[Json]]:
    async with superuser(url) as connection:
        return await fixture.rows_of_all_tables(connection)


async def differing_exchanges(client: httpx.AsyncClient, exchanges: list[fixture.Exchange]) -> list[Any]:
    """Return the exchanges whose response differs now: name, recorded response, present response."""
    found: list[Any] = []
    for one in exchanges:
        now = _without_additions(await fixture.exchange(client, one.method, one.path, one.headers, one.body))
        if now != _without_additions(one):
            found.append((one.name, one[4:], now[4:]))
    return found


# Fields that later releases added to events, and to wallets, their events among them.
ADDED_TO_EVENTS = re.compile(r',"tenant":"main","caller":(?:"[^"]*"|null),"request_id":(?:"[^"]*"|null)(?=})')
_LATER = r'"(?:kind":"personal"|(?:fee|tax|fee_currency|fee_paid_by)":null)'
ADDED = re.compile(f"{_LATER},|,{_LATER}(?=}})")


def without_additions(text: str) -> str:
    """Return an answer, or a line of output, without the fields that later releases added."""
    return ADDED.sub("", ADDED_TO_EVENTS.sub("", text))


def _without_additions(answered: fixture.Exchange) -> fixture.Exchange:
    return answered._replace(answer=without_additions(answered.answer))


async def values(url: str, query: str) -> set[Any]:
    async with superuser(url) as connection:
        return {row[0] for row in await connection.fetch(query)}


# ---------------------------------------------------------------------- the tests


async def test_the_ledger_has_every_kind_of_row(released_url: str) -> None:
    url, found = released_url, await rows(released_url)
    assert [row["version_num"] for row in found["alembic_version"]] == [ABOUT["revision"]]
    assert [name for name, kept in found.items() if not kept and not name.startswith("outbox_part_")] == []
    assert await values(url, "SELECT answer ->> 0 FROM idempotency_keys") == {
        *("Wallet", "CustomerWithWallets", "Rejection", "Batched", "ConfiguredWebhook", None),
    }
    movements = "SELECT type || ' ' || coalesce(rejection ->> 1, status) FROM transactions"
    common = {"not_found", "currency_mismatch", "wallet_not_active", "customer_not_active", "limit_exceeded", "posted"}
    short = {"insufficient_funds", "rolled_back"}
    assert await values(url, movements) == {
        *(f"deposit {one}" for one in common | {"rolled_back"}),
        *(f"withdrawal {one}" for one in (common | short) - {"limit_exceeded"}),
        *(f"transfer {one}" for one in common | short | {"same_wallet"}),
    }
    others = "SELECT answer -> 1 ->> 0 FROM idempotency_keys WHERE answer ->> 0 = 'Rejection'"
    assert await values(url, others) == {
        *("CustomerNotFound", "WalletNotFound", "CustomerExists", "CustomerNotActive", "WalletNotActive"),
        *("WalletNotEmpty", "ConcurrentUpdate"),
    }


STATES = {
    "SELECT status FROM customers": {"active", "suspended", "closed"},
    "SELECT tier IS NOT NULL FROM customers": {True, False},
    "SELECT status || coalesce(' ' || freeze_scope, '') FROM wallets": {
        *("active", "closed", "frozen debits", "frozen all"),
    },
    "SELECT status FROM webhook_endpoints": {"active", "disabled", "deleted"},
    "SELECT disabled_reason FROM webhook_endpoints": {
        *(None, "by its owner", "it answered 410 Gone", "nothing but failures for 5 days"),
    },
    "SELECT status FROM webhook_deliveries": {"pending", "delivered", "failed"},
    "SELECT claimed FROM webhook_lines": {True, False},
    "SELECT asked FROM parked_events": {True, False},
    "SELECT reason IS NULL FROM parked_events": {True, False},
    "SELECT holder IS NULL FROM relays": {True, False},
    "SELECT dropped_at IS NULL FROM outbox_parts": {True, False},
    "SELECT DISTINCT tableoid::regclass::text FROM outbox": {
        *("outbox_part_1", "outbox_part_2", "outbox_part_10", "outbox_rest"),
    },
    "SELECT DISTINCT created_by FROM transactions": {"local", "partner-7"},
    "SELECT json_typeof(metadata) FROM customers": {None, "object"},
    "SELECT DISTINCT currency FROM entries": {"RWF", "USD", "JPY", "KWD", "CLF", "EUR"},
    "SELECT answer -> 1 ->> 0 FROM idempotency_keys WHERE answer ->> 0 = 'Batched'": {"atomic", "independent"},
    "SELECT DISTINCT event_type FROM outbox": {
        *("CustomerRegistered", "CustomerUpdated", "CustomerVerified", "CustomerSuspended", "CustomerReactivated"),
        *("CustomerClosed", "WalletOpened", "WalletFrozen", "WalletUnfrozen", "WalletClosed", None),
    },
}


async def test_the_ledger_has_every_state(released_url: str) -> None:
    assert {query: await values(released_url, query) for query in STATES} == STATES


def test_the_requests_cover_every_response() -> None:
    replayed = [one for one in REQUESTS if one.answer_headers.get("idempotency-replayed") == "true"]
    assert Counter(one.status for one in REQUESTS).keys() == {200, 201, 207, 404, 409, 422}
    assert len(replayed) > 120
    assert len({one.headers["Idempotency-Key"] for one in REQUESTS}) > 120
    assert len(READS) > 300
    assert len(CALLS) > 10


async def test_migrate_audit_and_outbox_commands_work(released_url: str) -> None:
    await fixture.run_command("migrate", url=released_url)
    assert "the ledger is whole" in await fixture.run_command("audit", url=released_url)
    for verb, output in ABOUT["commands"].items():
        assert without_additions(await fixture.run_command(*verb.split(), url=released_url)) == output


async def test_replays_get_the_same_responses(migrated_url: str) -> None:
    async with serving(migrated_url) as (client, app):
        await assert_whole(app)
        assert await differing_exchanges(client, REQUESTS) == []
        for call in CALLS:
            assert await fixture.perform(tekana, app, call) == call["leads_to"], call
        await assert_whole(app)


async def test_reads_get_the_same_responses(migrated_url: str) -> None:
    async with serving(migrated_url) as (client, _):
        lists = [one for one in READS if one.path.startswith("/v1/webhook-endpoints?")]
        others = [_open_one_first(one) for one in READS if one not in lists]
        assert len(others) > len(READS) - 5
        assert await differing_exchanges(client, others) == []
        # Later releases show an operator the endpoints of all callers.
        recorded = [item for one in lists for item in json.loads(one.answer)["items"]]
        found = (await client.get("/v1/webhook-endpoints?limit=200")).json()["items"]
        assert [one for one in found if one in recorded] == recorded


def _open_one_first(recorded: fixture.Exchange) -> fixture.Exchange:
    """Adapt the read to later releases: in a search by contact the open customer comes before closed ones."""
    if not re.match(r"/v1/customers\?(email|phone_number|external_id)=", recorded.path):
        return recorded
    page = json.loads(recorded.answer)
    items = page["items"]
    page["items"] = sorted(items, key=lambda one: one["status"] == "closed")
    if page["items"] == items:
        return recorded
    return recorded._replace(answer=json.dumps(page, ensure_ascii=False, separators=(",", ":")))


async def test_the_downgrade_restores_every_row(released_url: str) -> None:
    before, schema = await rows(released_url), await catalogue(released_url)
    await migrate_up(released_url)
    await migrate_down(released_url)
    after = await rows(released_url)
    assert {name: len(kept) for name, kept in after.items()} == {name: len(kept) for name, kept in before.items()}
    for name, kept in before.items():
        assert after[name] == kept, name
    for what, found in (await catalogue(released_url)).items():
        assert sorted(found, key=str) == sorted(schema[what], key=str), what
    await migrate_up(released_url)
    async with serving(released_url) as (_, app):
        await assert_whole(app)


async def test_the_downgrade_keeps_new_transactions(released_url: str) -> None:
    url, before = released_url, await rows(released_url)
    await migrate_up(url)
    async with serving(url) as (client, app):
        new = await move_money(client)
        await assert_whole(app)
        await until_encrypted(url)
    with pytest.raises(RuntimeError, match=r"are encrypted.*tekana secrets decrypt"):
        await migrate(url, ABOUT["revision"])
    assert "were decrypted" in await fixture.run_command("secrets", "decrypt", url=url)
    await migrate_down(url)
    after = await rows(url)
    secrets = [
        {(one["id"], one["secret"], one["previous_secret"]) for one in kept["webhook_endpoints"]}
        for kept in (before, after)
    ]
    assert secrets[0] == secrets[1]
    for name in APPEND_ONLY:
        assert [row for row in before[name] if row not in after[name]] == [], name
        assert len(after[name]) > len(before[name]), name
    await migrate_up(url)
    async with serving(url, timedelta(milliseconds=1)) as (client, app):
        await assert_whole(app)
        assert await differing_exchanges(client, new) == []
        assert await differing_exchanges(client, [one for one in REQUESTS if "webhook" not in one.path]) == []
        await move_money(client, "once more")
        await assert_whole(app)


async def test_the_history_is_sealed_before_and_after_a_downgrade(migrated_url: str) -> None:
    url = migrated_url
    for _ in range(2):
        store = linked_store(url)
        assert (await chain_breaches(url)).keys() == {LINKED.number}
        assert await store.history.seal(quiet) == len((await rows(url))["transactions"])
        await store.stop()
        assert await chain_breaches(url) == {}
        async with linked_session(url) as app:
            someone = await app.execute(builders.person())
            await app.execute(builders.deposit(someone.wallets[0].id, "7"))
        assert await chain_breaches(url) == {}
        await migrate_down(url)
        await migrate_up(url)


async def until_encrypted(url: str) -> None:
    """Wait until the worker has encrypted the secrets of all webhook endpoints, also of deleted ones."""
    readable = "SELECT 1 FROM webhook_endpoints WHERE secret LIKE 'whsec%' OR previous_secret LIKE 'whsec%'"
    async with asyncio.timeout(60):
        while await values(url, readable):  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.05)


async def move_money(client: httpx.AsyncClient, mark: str = "new") -> list[fixture.Exchange]:
    """Execute one command of each kind; return the exchanges, to be replayed."""
    mine, other = await two_wallets(client)
    deposit = {"type": "deposit", "wallet_id": mine, "amount": "70", "currency": "RWF", "reference": mark}
    transfer = {"type": "transfer", "from_wallet_id": mine, "to_wallet_id": other, "amount": "7", "currency": "RWF"}
    withdrawal = {"type": "withdrawal", "wallet_id": mine, "amount": "1000000000000000", "currency": "RWF"}
    asked = [
        ("/v1/transactions", deposit, 201),
        ("/v1/transactions", transfer, 201),
        ("/v1/transactions", withdrawal, 422),
        ("/v1/batches", {"mode": "independent", "transactions": [deposit, withdrawal, transfer]}, 207),
        ("/v1/batches", {"mode": "atomic", "transactions": [transfer, withdrawal]}, 422),
        ("/v1/customers", registration(metadata={"mark": mark}), 201),
        (f"/v1/wallets/{other}/freeze", {"scope": "all", "reason": mark}, 200),
        ("/v1/transactions", transfer, 409),
        (f"/v1/wallets/{other}/unfreeze", {}, 200),
        (f"/v1/wallets/{mine}/close", {}, 409),
    ]
    replays: list[fixture.Exchange] = []
    for number, (path, body, status) in enumerate(asked):
        headers = {"Idempotency-Key": f"{mark} {number}", "Content-Type": "application/json", "X-Request-ID": mark}
        first = await fixture.exchange(client, "POST", path, headers, json.dumps(body))
        assert first.status == status, first
        assert "idempotency-replayed" not in first.answer_headers, first
        replays.append(await fixture.exchange(client, "POST", path, headers, json.dumps(body)))
        assert replays[-1].answer == first.answer
    return replays


async def two_wallets(client: httpx.AsyncClient) -> tuple[str, str]:
    """Return two wallets of active customers."""
    customers = (await client.get("/v1/customers?status=active&limit=200")).json()["items"]
    owned = [wallet for customer in customers for wallet in customer["wallets"]]
    usable = [one for one in owned if (one["currency"], one["status"]) == ("RWF", "active")]
    mine, other = sorted(usable, key=lambda one: int(one["ledger_balance"]))[-3:-1]
    return mine["id"], other["id"]


# ---------------------------------------------------------------------- these tests detect damage


def insert_of_row(dump: str, table: str, part: str) -> str:
    """Return the statement of the dump that inserts the first row of a table that contains `part`."""
    rows = [one for one in dump.splitlines(keepends=True) if one.startswith(f"INSERT INTO public.{table} VALUES")]
    return next(row for row in rows if part in row and row.endswith(");\n"))


def replace_in_row(dump: str, table: str, old: str, new: str) -> str:
    """Replace a part of the first row of a table that contains `old`; return the dump."""
    row = insert_of_row(dump, table, old)
    return dump.replace(row, row.replace(old, new, 1), 1)


def change_a_response(dump: str) -> str:
    return replace_in_row(dump, "idempotency_keys", "a lost phone", "a lost phony")


def remove_a_key_of_a_wallet(dump: str) -> str:
    return dump.replace(insert_of_row(dump, "idempotency_keys", "a lost phone"), "", 1)


def remove_a_key_of_a_transaction(dump: str) -> str:
    transaction = insert_of_row(dump, "transactions", "the smallest amount").split("'")[1]
    return dump.replace(insert_of_row(dump, "idempotency_keys", transaction), "", 1)


def change_a_balance_of_an_entry(dump: str) -> str:
    return replace_in_row(dump, "entries", ", 100000, 'RWF', 100000, ", ", 100000, 'RWF', 100001, ")


def change_a_transaction(dump: str) -> str:
    return replace_in_row(dump, "transactions", "the smallest amount", "the smallest amounT")


DAMAGES = [
    (change_a_response, set(), 1, 0),
    (remove_a_key_of_a_wallet, set(), 1, 0),
    (remove_a_key_of_a_transaction, {7}, 1, 1),
    (change_a_balance_of_an_entry, {2}, 1, 1),
    (change_a_transaction, set(), 1, 1),
]
"""The damage, the invariants that it breaks, and the minimal numbers of differing_exchanges replays and reads."""


@pytest.mark.parametrize(("damage", "broken", "replays", "reads"), DAMAGES)
async def test_damage_is_detected(
    empty_postgres_url: str, damage: Callable[[str], str], broken: set[int], replays: int, reads: int
) -> None:
    async with superuser(empty_postgres_url) as connection:
        await fixture.load(connection, damage(fixture.read_text(fixture.LEDGER)))
    await migrate_up(empty_postgres_url)
    async with serving(empty_postgres_url) as (client, app):
        assert {
            finding.invariant.number async for finding in app.as_caller(tekana.LOCAL_OPERATOR).audit() if not finding.ok
        } == broken
        assert len(await differing_exchanges(client, REQUESTS)) >= replays
        assert len(await differing_exchanges(client, READS)) >= reads
