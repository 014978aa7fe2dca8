"""The tamper drill: what the owner of the database changes in history is found.

Every kind of change is planted with the guards off. The audit of links finds it, and names what does not fit.
"""

from __future__ import annotations

import re

import pytest

from tekana.domain.errors import Unavailable
from tekana.ports.history import HistorySealed
from tekana.testing import builders
from tekana.testing.session import session
from tests.integration.history_support import (
    GivenKeys,
    chain_breaches,
    chain_findings,
    heads,
    linked_session,
    linked_store,
    quiet,
    tamper,
)
from tests.integration.postgres_support import some_history, superuser
from tests.postgres_stores import postgres_store

ROWS, LINKS, LINKED, CHECKPOINTS = 15, 16, 17, 18

_A_TRANSFER = "(SELECT id FROM transactions WHERE type = 'transfer' AND status = 'posted' LIMIT 1)"
_LAST = "(SELECT chain, max(number) FROM history_links GROUP BY chain)"
_COPY_LINK = (
    "INSERT INTO history_links SELECT {chain}, {number}, created_at, key_id, form, transactions, answers, events,"
    " event_positions, audit_entries, digest FROM history_links WHERE (chain, number) IN " + _LAST + " LIMIT 1"
)

# For each change the statements, the invariants that it breaks, and what is named.
CHANGES: dict[str, tuple[tuple[str, ...], set[int], str]] = {
    "an amount, with its entries and the balances": (
        (
            f"UPDATE transactions SET amount = amount - 100 WHERE id = {_A_TRANSFER}",
            f"UPDATE entries SET amount = amount - 100 * sign(amount), ledger_balance_after ="
            f" ledger_balance_after - 100 * sign(amount) WHERE transaction_id = {_A_TRANSFER}",
        ),
        {ROWS},
        r"transaction \S+ from wallet \S+ to wallet \S+: it, its entries or its idempotency key were changed",
    ),
    "a description": (
        ("UPDATE transactions SET description = 'rent' WHERE type = 'deposit'",),
        {ROWS},
        r"transaction \S+ from",
    ),
    "who did it": (("UPDATE transactions SET created_by = 'another'",), {ROWS}, r"transaction \S+ from"),
    "a refusal": (
        ('UPDATE transactions SET rejection = \'["WalletFrozen","frozen","",null]\' WHERE status = \'rejected\'',),
        {ROWS},
        r"transaction \S+ from",
    ),
    "a time": (
        ("UPDATE entries SET posted_at = posted_at + interval '1 microsecond'",),
        {ROWS},
        r"transaction \S+ from",
    ),
    "the wallet of an entry": (
        (
            "UPDATE entries SET wallet_id = gen_random_uuid() WHERE (wallet_id, version) ="
            " (SELECT wallet_id, version FROM entries LIMIT 1)",
        ),
        {ROWS},
        r"transaction \S+ from",
    ),
    "a fingerprint": (
        ("UPDATE idempotency_keys SET fingerprint = fingerprint + 1 WHERE transaction_id IS NOT NULL",),
        {ROWS},
        r"transaction \S+ from",
    ),
    "the answer of a key": (
        ("UPDATE idempotency_keys SET fingerprint = fingerprint + 1 WHERE answer IS NOT NULL",),
        {ROWS},
        r"idempotency key \S+: was changed",
    ),
    "an event": (
        (
            "UPDATE outbox SET event = replace(event::text, '\"sequence\":1', '\"sequence\":7')::json"
            " WHERE event_type = 'WalletOpened'",
        ),
        {ROWS},
        r"the event at position \d+ of the outbox: was changed",
    ),
    "a transaction deleted with all that hangs on it": (
        (
            f"DELETE FROM entries WHERE transaction_id = {_A_TRANSFER}",
            f"DELETE FROM outbox WHERE transaction_id = {_A_TRANSFER}",
            f"DELETE FROM idempotency_keys WHERE transaction_id = {_A_TRANSFER}",
            f"DELETE FROM transactions WHERE id = {_A_TRANSFER}",
        ),
        {ROWS},
        r"transaction \S+: is missing; see link \d+ of chain \S+, of 20",
    ),
    "entries deleted": (
        (f"DELETE FROM entries WHERE transaction_id = {_A_TRANSFER}",),
        {ROWS},
        r"its entries are missing",
    ),
    "an entry deleted": (
        (f"DELETE FROM entries WHERE transaction_id = {_A_TRANSFER} AND amount < 0",),
        {ROWS},
        r"transaction \S+ from",
    ),
    "a key deleted": (
        (f"DELETE FROM idempotency_keys WHERE transaction_id = {_A_TRANSFER}",),
        {ROWS},
        r"its idempotency key \S+ is missing",
    ),
    "a key with an answer deleted": (
        ("DELETE FROM idempotency_keys WHERE answer IS NOT NULL",),
        {ROWS},
        r"idempotency key \S+: is missing",
    ),
    "an event deleted": (
        ("DELETE FROM outbox WHERE event_type = 'WalletOpened'",),
        {ROWS},
        r"the event at position \d+ of the outbox: is missing",
    ),
    "an event deleted, and its position in the link": (
        (
            "DELETE FROM outbox WHERE event_type = 'WalletOpened'",
            "UPDATE history_links SET event_positions = event_positions[1:1] WHERE event_positions IS NOT NULL",
        ),
        {ROWS},
        r"the event at position None of the outbox: is missing",
    ),
    "a link deleted": (
        ("DELETE FROM history_links WHERE number = 2",),
        {LINKS, LINKED},
        r"link 2 of chain \S+: is missing before link 3",
    ),
    "two amounts exchanged": (
        (
            "UPDATE transactions SET amount = CASE WHEN type = 'deposit' THEN (SELECT amount FROM transactions WHERE"
            " type = 'withdrawal') ELSE (SELECT amount FROM transactions WHERE type = 'deposit') END"
            " WHERE type IN ('deposit', 'withdrawal')",
        ),
        {ROWS},
        r"transaction \S+ from",
    ),
    "two events exchanged": (
        (
            "UPDATE outbox o SET event_type = other.event_type, event = other.event FROM outbox other"
            " WHERE o.event IS NOT NULL AND other.event IS NOT NULL AND abs(o.position - other.position) = 1"
            " AND (o.position + other.position) % 4 = 3",
        ),
        {ROWS},
        r"the event at position \d+ of the outbox: was changed",
    ),
    "two links exchanged": (
        (
            "UPDATE history_links SET number = -number + 100 WHERE number IN (3, 4)",
            "UPDATE history_links SET number = 100 - number + CASE number WHEN 97 THEN 1 ELSE -1 END WHERE number > 50",
        ),
        {LINKS},
        r"link 3 of chain \S+, of \S+ \S+: was changed",
    ),
    "a transaction inserted": (
        (
            "INSERT INTO transactions SELECT overlay(id::text PLACING '00000' FROM 32)::uuid, type, status, amount,"
            " currency, from_wallet_id, to_wallet_id, description, reference, metadata, rejection, created_by,"
            f" created_at, posted_at, effective_at, tenant, request_id FROM transactions WHERE id = {_A_TRANSFER}",
        ),
        {LINKED},
        r"transaction \S+: is in no link",
    ),
    "an entry inserted for a transaction": (
        (
            "INSERT INTO entries SELECT gen_random_uuid(), transaction_id, 1, 1, amount, 1, posted_at, currency, 7"
            " FROM entries LIMIT 1",
        ),
        {ROWS},
        r"transaction \S+ from",
    ),
    "an entry inserted for none": (
        (
            "INSERT INTO entries SELECT wallet_id, gen_random_uuid(), 99, 99, amount, 1, posted_at, currency, 1"
            " FROM entries LIMIT 1",
        ),
        {LINKED},
        r"an entry of transaction \S+: is in no link",
    ),
    "a key inserted": (
        (
            "INSERT INTO idempotency_keys SELECT gen_random_uuid(), 1, transaction_id, NULL FROM idempotency_keys"
            " WHERE transaction_id IS NOT NULL LIMIT 1",
        ),
        {LINKED},
        r"idempotency key \S+: is in no link",
    ),
    "an event inserted": (
        (
            "INSERT INTO outbox (event_type, event) SELECT event_type, event FROM outbox"
            " WHERE event IS NOT NULL LIMIT 1",
        ),
        {LINKED},
        r"the event at position \d+: is in no link",
    ),
    "the newest link cut off": (
        (f"DELETE FROM history_links WHERE (chain, number) IN {_LAST}",),
        {LINKED},
        r"transaction \S+: is in no link",
    ),
    "a link repeated at the end": (
        (_COPY_LINK.format(chain="chain", number="number + 1"),),
        {LINKS},
        r"link \d+ of chain \S+, of \S+ \S+: was changed",
    ),
    "a link repeated in a chain of its own": (
        (_COPY_LINK.format(chain="gen_random_uuid()", number="1"),),
        {LINKS},
        r"link 1 of chain \S+, of \S+ \S+: was changed",
    ),
    "the records of a link": (
        ("UPDATE history_links SET transactions = substr(transactions, 1, 47) || '\\x00' WHERE transactions <> ''",),
        {ROWS, LINKS},
        r"was changed",
    ),
    "a part of a record cut off": (
        ("UPDATE history_links SET transactions = substr(transactions, 2) WHERE transactions <> ''",),
        {LINKS, LINKED},
        r"was changed",
    ),
    "the time of a link": (
        ("UPDATE history_links SET created_at = created_at + interval '1 second' WHERE number = 1",),
        {LINKS},
        r"link 1 of chain",
    ),
    "all links deleted": (("DELETE FROM history_links",), {LINKED}, r"transaction \S+: is in no link"),
}


@pytest.mark.parametrize(("statements", "broken", "named"), CHANGES.values(), ids=CHANGES.keys())
async def test_a_change_is_found_and_named(
    postgres_url: str, statements: tuple[str, ...], broken: set[int], named: str
) -> None:
    async with linked_session(postgres_url) as app:
        await some_history(app)
    assert await chain_breaches(postgres_url) == {}
    await tamper(postgres_url, *statements)
    found = await chain_breaches(postgres_url)
    assert found.keys() == broken
    assert any(re.search(named, breach) for breaches in found.values() for breach in breaches), found


async def test_a_whole_history_is_counted(postgres_url: str) -> None:
    seen: list[tuple[int, int]] = []
    async with linked_session(postgres_url) as app:
        await some_history(app)
    findings = await chain_findings(postgres_url, progress=lambda done, total: seen.append((done, total)))
    assert [finding.invariant.number for finding in findings if finding.ok] == [ROWS, LINKS, LINKED]
    async with superuser(postgres_url) as connection:
        rows = await connection.fetchval(
            "SELECT (SELECT count(*) FROM transactions) + (SELECT count(*) FROM entries)"
            " + (SELECT count(*) FROM idempotency_keys) + (SELECT count(*) FROM outbox WHERE event IS NOT NULL)"
            " + (SELECT count(*) FROM audit_log)"
        )
        links = await connection.fetchval("SELECT count(*) FROM history_links")
    assert [finding.checked for finding in findings] == [rows, links, rows]
    assert seen[-1] == (4, 4)


async def test_a_new_link_shows_that_the_one_before_was_cut_off(postgres_url: str) -> None:
    """If the end of a chain in use is cut off, with its rows, there is a gap: the process knows its last link."""
    async with linked_session(postgres_url) as app:
        aline, bosco = await some_history(app)
        refused = "(SELECT id FROM transactions WHERE status = 'rejected')"
        await tamper(
            postgres_url,
            f"DELETE FROM history_links WHERE (chain, number) IN {_LAST}",
            f"DELETE FROM outbox WHERE transaction_id IN {refused}",
            f"DELETE FROM idempotency_keys WHERE transaction_id IN {refused}",
            "DELETE FROM transactions WHERE status = 'rejected'",
        )
        assert await chain_breaches(postgres_url) == {}  # no trace inside the database
        await app.execute(builders.transfer(aline.wallets[0].id, bosco.wallets[0].id, "1"))
    [breach] = (await chain_breaches(postgres_url))[LINKS]
    assert "is missing before link" in breach


async def test_links_written_with_another_key_are_found(postgres_url: str) -> None:
    """Without the key, the owner can compute all links again, but not with the right digests."""
    async with session(store=postgres_store(postgres_url)) as app:  # with no links: as after they were all deleted
        await some_history(app)
    store = linked_store(postgres_url, GivenKeys(9))
    store._history_keys.keys[0] = type(store._history_keys.keys[0])(GivenKeys(1).keys[0].id, b"guess" * 6)  # type: ignore[union-attr]
    await store.history.seal(quiet)
    await store.stop()
    found = await chain_breaches(postgres_url)
    assert found.keys() == {ROWS, LINKS}


async def test_a_lost_key_is_an_error_of_its_own(postgres_url: str) -> None:
    async with linked_session(postgres_url) as app:
        await some_history(app)
    with pytest.raises(Unavailable, match="there is no history key 00000000-0000-0000-0000-000000000001"):
        await chain_findings(postgres_url, GivenKeys(2))


async def test_a_key_can_be_rotated(postgres_url: str) -> None:
    async with linked_session(postgres_url, keys := GivenKeys(1)) as app:
        aline, bosco = await some_history(app)
        keys.keys = GivenKeys(1, 2).keys
        await app.execute(builders.transfer(aline.wallets[0].id, bosco.wallets[0].id, "1"))
    assert await chain_breaches(postgres_url, GivenKeys(1, 2)) == {}
    async with superuser(postgres_url) as connection:
        ids = await connection.fetch("SELECT DISTINCT key_id::text FROM history_links")
    assert len(ids) == 2


async def test_rows_of_an_earlier_release_are_sealed_once(postgres_url: str) -> None:
    async with session(store=postgres_store(postgres_url)) as app:
        await some_history(app)
    assert (await chain_breaches(postgres_url)).keys() == {LINKED}
    store = linked_store(postgres_url)
    assert await store.history.seal(quiet) == 4
    assert await chain_breaches(postgres_url) == {}
    with pytest.raises(HistorySealed):
        await store.history.seal(quiet)
    await tamper(postgres_url, "UPDATE entries SET amount = amount + 1 WHERE version = 1")
    assert (await chain_breaches(postgres_url)).keys() == {ROWS}
    await store.stop()


async def test_the_seal_takes_only_what_has_no_link(postgres_url: str) -> None:
    async with session(store=postgres_store(postgres_url)) as app:
        aline, bosco = await some_history(app)
    async with linked_session(postgres_url) as app:
        await app.execute(builders.transfer(aline.wallets[0].id, bosco.wallets[0].id, "1"))
    store = linked_store(postgres_url)
    assert await store.history.seal(quiet) == 4
    await store.stop()
    assert await chain_breaches(postgres_url) == {}


async def test_checkpoints_find_a_copy_from_before(postgres_url: str) -> None:
    """A database that was replaced by its own earlier copy is whole, but lacks what a checkpoint names."""
    async with linked_session(postgres_url) as app:
        await some_history(app)
    checkpoints = await heads(postgres_url)
    assert await chain_breaches(postgres_url, checkpoints=checkpoints) == {}
    # Everything since some moment is gone, as in the copy.
    refused = "(SELECT id FROM transactions WHERE status = 'rejected')"
    await tamper(
        postgres_url,
        f"DELETE FROM history_links WHERE (chain, number) IN {_LAST}",
        f"DELETE FROM outbox WHERE transaction_id IN {refused}",
        f"DELETE FROM idempotency_keys WHERE transaction_id IN {refused}",
        "DELETE FROM transactions WHERE status = 'rejected'",
    )
    assert await chain_breaches(postgres_url) == {}
    [breach] = (await chain_breaches(postgres_url, checkpoints=checkpoints))[CHECKPOINTS]
    assert "is missing, and a checkpoint names it" in breach


async def test_a_checkpoint_of_another_history_is_found(postgres_url: str) -> None:
    async with linked_session(postgres_url) as app:
        await some_history(app)
    [head] = await heads(postgres_url)
    found = await chain_breaches(postgres_url, checkpoints=[head._replace(digest=bytes(32))])
    assert "is not the one that a checkpoint names" in found[CHECKPOINTS][0]
    store = linked_store(postgres_url)
    assert await store.history.find_missing([head]) == []
    other = head._replace(number=head.number + 1)
    assert await store.history.find_missing([head, other]) == [other]
    assert await store.history.find_missing([]) == []
    await store.stop()
