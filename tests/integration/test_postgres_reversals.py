"""Reversals on PostgreSQL: the audit in SQL finds what is planted, and what limits get back is what was counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from tekana import ReverseTransaction, Session, Transaction
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.helpers import a_customer, a_wallet
from tekana.testing.contracts.returned_limits import used, windows
from tekana.testing.contracts.reversals import reversal, spent_money
from tekana.testing.session import session
from tests.integration.postgres_support import assert_corruption_breaks, superuser
from tests.integration.test_postgres_audit import transactions

_REVERSALS: Final = "UPDATE transactions SET {} WHERE type = 'reversal' AND details ->> 'of_original' = '30'"
_HELD: Final = "UPDATE transactions SET {} WHERE type = 'hold'"
_ELSE: Final = "(SELECT id FROM transactions WHERE type = 'deposit' LIMIT 1)"

CORRUPTIONS: dict[str, tuple[str, set[int]]] = {
    "more reversed than the original": (
        transactions(_REVERSALS.format("details = '{\"of_original\": 101}'"))
        + "; UPDATE reversals SET amount = 101 WHERE amount = 30",
        {8, 11, 13},
    ),
    "more reversed in a wallet than was moved": (
        transactions(_REVERSALS.format("relates_to = (SELECT id FROM transactions WHERE amount = 7)")),
        {8, 11},
    ),
    "a reversal that is not linked": (
        transactions(_REVERSALS.format("relation = NULL, relates_to = NULL")),
        {8, 11, 13},
    ),
    "a reversal of a deposit to another wallet": (
        transactions(_REVERSALS.format(f"relates_to = {_ELSE}")),
        {8, 11, 13},
    ),
    "a reversal that counts for less": ("UPDATE reversals SET amount = amount - 1 WHERE amount = 30", {8}),
    "a reversal that does not count": ("DELETE FROM reversals WHERE amount = 30", {8}),
    "what counts as reversed and was not": (f"INSERT INTO reversals VALUES ({_ELSE}, 1)", {8}),
    "more held for a payer than they had paid": ("UPDATE holds SET amount = 101", {4, 8}),
    "a hold for the payer of another transaction": (
        transactions(_HELD.format(f"relates_to = {_ELSE}")),
        {8, 11},
    ),
    "a hold for the payer of nothing": (transactions(_HELD.format("relates_to = gen_random_uuid()")), {8, 11}),
    "a usage of which nothing was given back": (
        "UPDATE wallets SET usage = jsonb_set(usage::jsonb, '{1}', to_jsonb((usage::jsonb ->> 1)::int + 30))::text"
        " WHERE usage IS NOT NULL",
        {13},
    ),
    "a number of which nothing was given back": (
        "UPDATE wallets SET usage = jsonb_set(usage::jsonb, '{6}', to_jsonb((usage::jsonb ->> 6)::int + 1))::text"
        " WHERE usage IS NOT NULL",
        {13},
    ),
}
"""The corruption, and the numbers of the invariants that must be broken: these and no others."""


async def _history(app: Session) -> None:
    """Have a transfer that is reversed in part, one that is reversed, a small one, and a hold of what was left."""
    payer, payee = await a_wallet(app, "300"), await a_wallet(app)
    await app.execute(builders.transfer(payer.id, payee.id, "7"))
    await app.execute(reversal(await app.execute(builders.transfer(payer.id, payee.id, "100")), "30"))
    await app.execute(reversal(await app.execute(builders.transfer(payer.id, payee.id, "50"))))
    *_, moved = await spent_money(app)
    await app.execute(reversal(moved, hold_rest=True))


@pytest.mark.parametrize(("corruption", "expected"), CORRUPTIONS.values(), ids=CORRUPTIONS.keys())
async def test_a_corruption_of_reversals_breaks_exactly_its_invariants(
    postgres_url: str, corruption: str, expected: set[int]
) -> None:
    async with session(postgres_url) as app:
        await _history(app)
        await assert_corruption_breaks(app, postgres_url, corruption, expected)


async def test_what_was_reversed_twice_is_a_breach(postgres_url: str) -> None:
    """As if the first reversal had not been counted; what counts as reversed is right again afterwards."""
    async with session(postgres_url) as app, superuser(postgres_url) as connection:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app, "1000")
        moved = await app.execute(builders.transfer(payer.id, payee.id, "100"))
        await app.execute(reversal(moved))
        await connection.execute("DELETE FROM reversals")
        await app.execute(reversal(moved))
        await connection.execute("UPDATE reversals SET amount = 200")
        assert {one.invariant.number async for one in app.audit() if not one.ok} >= {8}


_NOON: Final = datetime(2026, 1, 21, 12, tzinfo=UTC)
_MINUTE: Final = timedelta(minutes=1)


async def _set_time_zone(url: str, name: str, since: datetime) -> None:
    async with superuser(url) as connection:
        await connection.execute("INSERT INTO time_zones VALUES ($1, $2)", since, name)
        await connection.execute("UPDATE terms SET version = version + 1")


@pytest.mark.parametrize(
    ("moved_at", "zone", "reversed_at", "is_given_back"),
    [
        # 23:00 of the 21st in Kigali, and 21:00 in London: the same day in both.
        ("21:00", "Europe/London", "21:30", True),
        # 01:00 of the 22nd in Kigali, which was counted then, and stays the present day.
        ("23:00", "Europe/London", "23:30", True),
        # 23:30 of the 21st in Kigali; in Tokyo, it is the 22nd.
        ("21:30", "Asia/Tokyo", "21:40", False),
        # In Tokyo, the original was on the 22nd, too; but it was counted on the 21st.
        ("16:30", "Asia/Tokyo", "16:40", False),
    ],
)
async def test_what_was_counted_in_another_time_zone(
    postgres_url: str, moved_at: str, zone: str, reversed_at: str, is_given_back: bool
) -> None:
    def at(text: str) -> datetime:
        return datetime.fromisoformat(f"2026-01-21T{text}:00+00:00")

    clock = FrozenClock()
    clock.set(at(moved_at))
    async with session(postgres_url, clock=clock) as app:
        customer, [payer] = await a_customer(app, "500")
        moved: Transaction = await app.execute(builders.transfer(payer.id, (await a_wallet(app)).id, "300"))
        await _set_time_zone(postgres_url, zone, at(moved_at) + _MINUTE)
        clock.set(at(reversed_at))
        await app.execute(reversal(moved, "100"))
        await app.execute(builders.withdrawal(payer.id, "1"))
        outgoing = (await used(app, customer.id)).get("daily_outgoing_amount", 0)
        assert outgoing == (201 if is_given_back else 1)
        await app.execute(ReverseTransaction(transaction_id=moved.id))
        assert (await used(app, customer.id))["weekly_outgoing_amount"] == 1
        assert [finding async for finding in app.audit() if not finding.ok] == []


async def test_what_was_posted_before_limits_counted_gives_nothing_back(postgres_url: str) -> None:
    clock = FrozenClock()
    clock.set(_NOON)
    async with session(postgres_url, clock=clock) as app, superuser(postgres_url) as connection:
        customer, [payer] = await a_customer(app, "500")
        payee = await a_wallet(app)
        moved: Transaction = await app.execute(builders.transfer(payer.id, payee.id, "300"))
        await connection.execute("UPDATE wallets SET usage = NULL")
        clock.set(_NOON + _MINUTE)
        await connection.execute("UPDATE terms SET version = version + 1, counted_from = $1", clock())
        await app.execute(builders.withdrawal(payer.id, "1"))
        await app.execute(reversal(moved))
        assert await used(app, customer.id) == windows("outgoing", 1, 1, "daily", "weekly", "monthly")
        assert [finding async for finding in app.audit() if not finding.ok] == []
