"""The tamper drill of the audit log: what the owner of the database changes in it is found.

Every kind of change is planted with the guards off, in entries of units of work and in entries outside of them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from uuid_utils.compat import uuid7

import tekana
from tekana.domain.audit_log import Act, AuditEntry
from tekana.domain.errors import WalletNotFound
from tekana.domain.identifiers import WalletId
from tekana.ports.page import PageRequest
from tekana.testing import builders
from tekana.testing.session import session
from tekana_postgres import PostgresStore, chain_verifier, unlinked_rows
from tekana_postgres.audit_log import audited_transaction
from tekana_postgres.connections import StoreError, raw_connection
from tekana_postgres.history_links import Leaves
from tests.integration.history_support import chain_breaches, heads, linked_store, quiet, tamper
from tests.integration.postgres_support import superuser
from tests.postgres_stores import postgres_store

ROWS, LINKS, LINKED, CHECKPOINTS = 15, 16, 17, 18


def refused_entry(**changes: Any) -> AuditEntry:
    """Return an entry that belongs to no unit of work."""
    act = Act("main", "key:1", "partner", "ReadAuditLog", "refused", "forbidden", "192.0.2.1")
    entry = AuditEntry(
        id=uuid7(),
        at=datetime(2000, 1, 1, tzinfo=UTC),
        **act._asdict(),
    )
    return replace(entry, occurrences=7, **changes)


async def some_acts(app: tekana.Session, store: PostgresStore) -> None:
    """Do what adds entries of each kind: done, refused, and outside of units of work."""
    wallet = (await app.execute(builders.person())).wallets[0]
    await app.execute(builders.freeze(wallet.id, "debits"), key="freeze", request_id="a request")
    with suppress(WalletNotFound):
        await app.execute(builders.freeze(WalletId(uuid7())))
    await store.audit_records.append([refused_entry(), refused_entry(address=None)])


@asynccontextmanager
async def store_with_acts(url: str) -> AsyncIterator[tuple[PostgresStore, tekana.Session]]:
    """Yield a store that links its history, and a session on it, after some acts."""
    store = linked_store(url)
    async with session(store=store) as app:
        await some_acts(app, store)
        yield store, app


_LAST = "(SELECT chain, max(number) FROM history_links GROUP BY chain)"
_OUTSIDE = "action = 'ReadAuditLog'"
_CHANGED = r"entry of the audit log \S+: was changed; see link \d+ of chain \S+, of 20"

# For each change the statements, the invariants that it breaks, and what is named.
CHANGES: dict[str, tuple[tuple[str, ...], set[int], str]] = {
    "who did it": (("UPDATE audit_log SET subject = 'another' WHERE outcome = 'done'",), {ROWS}, _CHANGED),
    "when": (("UPDATE audit_log SET at = at + interval '1 microsecond'",), {ROWS}, _CHANGED),
    "from where": ((f"UPDATE audit_log SET address = '192.0.2.2' WHERE {_OUTSIDE}",), {ROWS}, _CHANGED),
    "where there was no address": (
        ("UPDATE audit_log SET address = '192.0.2.2' WHERE address IS NULL",),
        {ROWS},
        _CHANGED,
    ),
    "the tenant, which hides it": (("UPDATE audit_log SET tenant = 'another'",), {ROWS}, _CHANGED),
    "a refusal that was done": (
        (f"UPDATE audit_log SET outcome = 'done', code = NULL WHERE {_OUTSIDE}",),
        {ROWS},
        _CHANGED,
    ),
    "what it was done to": (
        ("UPDATE audit_log SET resource_id = gen_random_uuid() WHERE action = 'FreezeWallet'",),
        {ROWS},
        _CHANGED,
    ),
    "what it changed": (
        ("""UPDATE audit_log SET after = '{"status":"active"}' WHERE before IS NOT NULL""",),
        {ROWS},
        _CHANGED,
    ),
    "a space in what it changed": (
        ("UPDATE audit_log SET before = (before::text || ' ')::json WHERE before IS NOT NULL",),
        {ROWS},
        _CHANGED,
    ),
    "the personal fields": (
        ("UPDATE audit_log SET personal_fields = '{}' WHERE personal_fields <> '{}'",),
        {ROWS},
        _CHANGED,
    ),
    "how often": ((f"UPDATE audit_log SET occurrences = 1 WHERE {_OUTSIDE}",), {ROWS}, _CHANGED),
    "an entry deleted": (
        ("DELETE FROM audit_log WHERE action = 'FreezeWallet' AND outcome = 'done'",),
        {ROWS},
        r"entry of the audit log \S+: is missing; see link \d+ of chain \S+, of 20",
    ),
    "the entry of a refusal deleted": (
        ("DELETE FROM audit_log WHERE action = 'FreezeWallet' AND outcome = 'refused'",),
        {ROWS},
        r"entry of the audit log \S+: is missing",
    ),
    "entries outside of units of work deleted": (
        (f"DELETE FROM audit_log WHERE {_OUTSIDE}",),
        {ROWS},
        r"entry of the audit log \S+: is missing",
    ),
    "an entry inserted": (
        (
            "INSERT INTO audit_log SELECT gen_random_uuid(), at, tenant, 'another', kind, action, outcome, code,"
            " resource, resource_id, request_id, address, before, after, personal_fields, occurrences FROM audit_log"
            " LIMIT 1",
        ),
        {LINKED},
        r"entry of the audit log \S+: is in no link",
    ),
    "an entry under another id": (
        (f"UPDATE audit_log SET id = gen_random_uuid() WHERE {_OUTSIDE}",),
        {ROWS, LINKED},
        r"entry of the audit log \S+: is in no link",
    ),
    "two entries exchanged": (
        (
            "UPDATE audit_log a SET (action, before, after, resource, resource_id, request_id, personal_fields) ="
            " (SELECT action, before, after, resource, resource_id, request_id, personal_fields FROM audit_log b"
            " WHERE b.outcome = 'done' AND b.id <> a.id) WHERE outcome = 'done'",
        ),
        {ROWS},
        _CHANGED,
    ),
    "the newest link cut off": (
        (f"DELETE FROM history_links WHERE (chain, number) IN {_LAST}",),
        {LINKED},
        r"entry of the audit log \S+: is in no link",
    ),
    "entries deleted with their record": (
        (
            f"DELETE FROM audit_log WHERE {_OUTSIDE}",
            f"UPDATE history_links SET audit_entries = '' WHERE (chain, number) IN {_LAST}",
        ),
        {LINKS},
        r"link \d+ of chain \S+, of \S+ \S+: was changed",
    ),
    "the leaf of an entry": (
        (
            "UPDATE history_links SET audit_entries = substr(audit_entries, 1, 31) || '\\x00'"
            " WHERE octet_length(audit_entries) = 32",
        ),
        {ROWS, LINKS},
        _CHANGED,
    ),
    "a part of a record cut off": (
        (f"UPDATE history_links SET audit_entries = substr(audit_entries, 2) WHERE (chain, number) IN {_LAST}",),
        {LINKS, LINKED},
        r"link \d+ of chain \S+, of \S+ \S+: was changed",
    ),
}


@pytest.mark.parametrize(("statements", "broken", "named"), CHANGES.values(), ids=CHANGES.keys())
async def test_a_change_of_the_audit_log_is_found_and_named(
    postgres_url: str, statements: tuple[str, ...], broken: set[int], named: str
) -> None:
    async with store_with_acts(postgres_url):
        assert await chain_breaches(postgres_url) == {}
    await tamper(postgres_url, *statements)
    found = await chain_breaches(postgres_url)
    assert found.keys() == broken
    assert any(re.search(named, breach) for breaches in found.values() for breach in breaches), found


def _without_what_changed(self: Leaves, row: Any) -> bytes:
    return self._leaf(("audit entry", row[:-2]))


def _only_missing(self: Any, records: Any, found: Any, leaf_of: Any, name: str) -> None:
    for one in records:
        if one.content[:16].hex() not in found:
            self._add_row(one, f"{name}: is missing")


async def _count_nothing(_self: Any, _connection: Any) -> int:
    return 0


# For each bug the place, the name, the bug, and a change that it hides.
BUGS: dict[str, tuple[Any, str, Any, str]] = {
    "leaves without what an act changed": (Leaves, "of_audit_entry", _without_what_changed, "what it changed"),
    "leaves that are not compared": (chain_verifier.ChainVerifier, "_verify_by_id", _only_missing, "who did it"),
    "rows that are missed by nothing": (
        chain_verifier.ChainVerifier,
        "_verify_by_id",
        lambda *_: None,
        "an entry deleted",
    ),
    "rows that are not counted": (unlinked_rows.LinkedTable, "count_rows", _count_nothing, "an entry inserted"),
    "links that are not verified": (
        chain_verifier,
        "link_digest",
        lambda *_: _Anything(),
        "entries deleted with their record",
    ),
}


class _Anything:
    def __ne__(self, _other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(("place", "name", "bug", "change"), BUGS.values(), ids=BUGS.keys())
async def test_a_planted_bug_of_the_verifier_is_caught(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str, place: Any, name: str, bug: Any, change: str
) -> None:
    """Each bug hides a change of the drill, so that the drill fails."""
    monkeypatch.setattr(place, name, bug)
    statements, broken, _ = CHANGES[change]
    async with store_with_acts(postgres_url):
        pass
    await tamper(postgres_url, *statements)
    assert not broken <= (await chain_breaches(postgres_url)).keys()


async def test_each_unit_and_each_append_has_its_entries_in_its_link(postgres_url: str) -> None:
    async with store_with_acts(postgres_url) as (_, app):
        entries = (await app.audit_log.list(PageRequest(100))).items
    assert [(one.action, one.outcome) for one in entries] == [
        ("RegisterCustomer", "done"),
        ("FreezeWallet", "done"),
        ("FreezeWallet", "refused"),
        ("ReadAuditLog", "refused"),
        ("ReadAuditLog", "refused"),
    ]
    async with superuser(postgres_url) as connection:
        sizes = await connection.fetch("SELECT octet_length(audit_entries) FROM history_links ORDER BY number")
        moments = await connection.fetchval("SELECT count(*) FROM audit_log WHERE at > now() - interval '1 hour'")
    assert [row[0] for row in sizes] == [32, 32, 32, 64, 32]  # the last one for the read above
    assert moments == 6  # the time of the database, not that of the entry


async def test_money_adds_no_audit_entries(postgres_url: str) -> None:
    async with store_with_acts(postgres_url) as (_, app):
        wallet = (await app.execute(builders.person())).wallets[0]
        await app.execute(builders.deposit(wallet.id, "1"))
    async with superuser(postgres_url) as connection:
        last = await connection.fetchrow("SELECT transactions, audit_entries FROM history_links ORDER BY number DESC")
    assert (len(last[0]), last[1]) == (48, b"")


async def test_entries_that_are_appended_again_are_linked_once(postgres_url: str) -> None:
    """The answer of an append was lost, or another connection still commits it."""
    store, other = linked_store(postgres_url), linked_store(postgres_url)
    first, second = refused_entry(), refused_entry()
    await store.audit_records.append([])
    await store.audit_records.append([first])
    await store.audit_records.append([first])
    await store.audit_records.append([replace(first, occurrences=1), second])
    third = refused_entry()
    await asyncio.gather(*(one.audit_records.append([third, first]) for one in (store, other) * 3))
    await store.stop()
    await other.stop()
    assert await chain_breaches(postgres_url) == {}
    async with superuser(postgres_url) as connection:
        assert await connection.fetchval("SELECT count(*) FROM audit_log") == 3
        assert await connection.fetchval("SELECT count(*) FROM history_links") == 3


async def test_a_chain_goes_on_after_an_append_that_fails(postgres_url: str) -> None:
    store = linked_store(postgres_url)
    await store.audit_records.append([refused_entry()])
    with pytest.raises(StoreError):
        await store.audit_records.append([refused_entry(), refused_entry(code=None)])
    await store.audit_records.append([refused_entry()])
    await store.stop()
    assert await chain_breaches(postgres_url) == {}
    assert [(one.number) for one in await heads(postgres_url)] == [2]


async def _in_a_transaction(store: PostgresStore, work: Callable[[list[AuditEntry]], object]) -> None:
    async with (
        raw_connection(store._background) as connection,
        audited_transaction(connection, store._chains) as entries,
    ):
        await connection.execute("UPDATE wallets SET updated_at = now()")
        work(entries)


async def test_entries_of_other_transactions_are_saved_with_them(postgres_url: str) -> None:
    """What is no unit of work, such as a sign-in, saves its entries in a transaction of its own."""
    async with store_with_acts(postgres_url) as (store, _):
        before = await heads(postgres_url)
        await _in_a_transaction(store, len)
        assert await heads(postgres_url) == before
        await _in_a_transaction(store, lambda entries: entries.append(refused_entry()))

        def fail(entries: list[AuditEntry]) -> None:
            entries.append(refused_entry())
            raise ValueError("the work failed")

        with pytest.raises(ValueError, match="the work failed"):
            await _in_a_transaction(store, fail)
        await _in_a_transaction(store, lambda entries: entries.append(refused_entry()))
        [head] = await heads(postgres_url)
        assert head.number == before[0].number + 2
    assert await chain_breaches(postgres_url) == {}
    async with superuser(postgres_url) as connection:
        assert await connection.fetchval("SELECT count(*) FROM audit_log") == 7


async def test_a_checkpoint_finds_entries_that_were_cut_off(postgres_url: str) -> None:
    async with store_with_acts(postgres_url) as (store, _):
        checkpoints = await heads(postgres_url)
        cut_off = (
            f"DELETE FROM history_links WHERE (chain, number) IN {_LAST}",
            f"DELETE FROM audit_log WHERE {_OUTSIDE}",
        )
        await tamper(postgres_url, *cut_off)
        assert await chain_breaches(postgres_url) == {}  # no trace inside the database
        found = await chain_breaches(postgres_url, checkpoints=checkpoints)
        assert "is missing, and a checkpoint names it" in found[CHECKPOINTS][0]
        await store.audit_records.append([refused_entry()])
    [breach] = (await chain_breaches(postgres_url))[LINKS]
    assert "is missing before link" in breach


async def test_the_seal_covers_the_audit_log(postgres_url: str) -> None:
    plain = postgres_store(postgres_url)
    async with session(store=plain) as app:  # with no links, as of an earlier version
        await some_acts(app, plain)
    store = linked_store(postgres_url)
    await store.audit_records.append([refused_entry()])
    found = await chain_breaches(postgres_url)
    assert found.keys() == {LINKED}
    assert sum("entry of the audit log" in breach for breach in found[LINKED]) == 5
    await store.history.seal(quiet)
    await store.stop()
    assert await chain_breaches(postgres_url) == {}
    await tamper(postgres_url, "UPDATE audit_log SET subject = 'another' WHERE action = 'RegisterCustomer'")
    [breach] = (await chain_breaches(postgres_url))[ROWS]
    assert re.search(r"entry of the audit log \S+: was changed; see link \d+ of the seal", breach)
