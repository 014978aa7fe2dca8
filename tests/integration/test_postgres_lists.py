"""Lists of transactions are exact for every filter and query plan, also while the clock stands still or is set back."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import tekana
from tekana.domain.money import Currency, Money
from tekana.ports.events import EventFilter
from tekana.ports.page import Page, PageRequest
from tekana.ports.transactions import TransactionFilter
from tekana.ports.wallets import WalletFilter
from tekana.testing import builders
from tekana.testing.builders import RWF
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.helpers import a_customer, all_outcomes
from tekana.testing.contracts.ledger_checks import assert_whole, every
from tekana.testing.session import session
from tekana_postgres import events, scans, transactions
from tests.postgres_stores import postgres_store

STEPS = [0, 1, 0, 1000, -3_000_000, 0, 500_000, 86_400_000_000, -1, 0]
"""Microseconds by which the clock advances from one group of transactions to the next."""


@pytest.mark.parametrize("long_history", [0, 1_000], ids=["by reference", "by wallet"])
async def test_lists_match_a_scan_of_all_transactions(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, long_history: int
) -> None:
    monkeypatch.setattr(transactions, "_LONG_HISTORY", long_history)
    clock = FrozenClock()
    async with session(store=postgres_store(postgres_url, clock=clock)) as app:
        aline, bosco = await a_customer(app, "500"), await a_customer(app)
        mine, his = aline.wallets[0].id, bosco.wallets[0].id
        savings = (await app.execute(builders.open_wallet(aline.customer.id))).id
        for step in STEPS:
            clock.advance(timedelta(microseconds=step))
            group = [
                builders.deposit(his, "70", reference="wages"),
                builders.transfer(mine, savings, "3", reference="wages"),
                builders.transfer(his, savings, "1"),
                builders.transfer(mine, his, "2"),
                builders.transfer(savings, mine, "99999", reference="wages"),
                builders.withdrawal(his, "99999"),
            ]
            await all_outcomes([app.execute(command) for command in group])
        await assert_whole(app)
        found = await every(lambda page: app.transactions.list(TransactionFilter(), page))
        assert len(found) == 1 + len(STEPS) * 6
        assert found == sorted(found, key=lambda one: one.id, reverse=True)
        assert found == sorted(found, key=lambda one: one.created_at, reverse=True)

        owners = {mine: aline.customer.id, savings: aline.customer.id, his: bosco.customer.id}

        def matches(one: tekana.Transaction, which: TransactionFilter) -> bool:
            movement = one.request
            sides = {movement.from_wallet_id, movement.to_wallet_id}
            return (
                (which.wallet_id is None or which.wallet_id in sides)
                and (which.customer_id is None or which.customer_id in {owners.get(side) for side in sides})
                and which.type in (None, movement.type)
                and which.status in (None, one.status)
                and which.reference in (None, movement.reference)
                and (which.start is None or which.start <= one.created_at)
                and (which.end is None or one.created_at < which.end)
            )

        instants = [found[-3].created_at, found[20].created_at, found[20].created_at + timedelta(microseconds=1)]
        bounds = [None, datetime.min.replace(tzinfo=UTC), *instants, datetime.max.replace(tzinfo=UTC)]
        for which in (
            TransactionFilter(),
            TransactionFilter(wallet_id=mine),
            TransactionFilter(wallet_id=his, status="posted"),
            TransactionFilter(wallet_id=savings, status="rejected"),
            TransactionFilter(wallet_id=his, type="deposit", reference="wages"),
            TransactionFilter(customer_id=aline.customer.id),
            TransactionFilter(customer_id=aline.customer.id, reference="wages"),
            TransactionFilter(customer_id=aline.customer.id, wallet_id=savings),
            TransactionFilter(customer_id=aline.customer.id, wallet_id=his),
            TransactionFilter(customer_id=bosco.customer.id, wallet_id=savings, type="transfer"),
        ):
            for start, end in itertools.product(bounds, bounds):
                asked = which._replace(start=start, end=end)
                expected = [one for one in found if matches(one, asked)]
                got = await every(lambda page, asked=asked: app.transactions.list(asked, page), limit=7)  # type: ignore[misc]
                assert got == expected, asked


async def every_of(read: Callable[[PageRequest], Awaitable[Page[Any]]], limit: int) -> tuple[list[Any], int]:
    """Return all items of a list whose pages may be short, and the number of pages."""
    found: list[Any] = []
    page = await read(PageRequest(limit))
    for number in itertools.count(1):
        assert len(page.items) <= limit
        found += page.items
        if page.next_cursor is None:
            return found, number
        page = await read(PageRequest(limit, page.next_cursor))
    raise AssertionError


@pytest.mark.parametrize("scanned_max", [1, 3, 7])
async def test_pages_that_end_early_lose_and_repeat_nothing(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, scanned_max: int
) -> None:
    monkeypatch.setattr(scans, "SCANNED_MAX", scanned_max)
    monkeypatch.setattr(events, "_RUN", scanned_max + 1)
    monkeypatch.setattr(events, "_RUNS_MAX", 2)
    async with session(store=postgres_store(postgres_url)) as app:
        aline, bosco = await a_customer(app, "500"), await a_customer(app)
        mine, his = aline.wallets[0].id, bosco.wallets[0].id
        for number in range(20):
            await app.execute(builders.open_wallet(aline.customer.id, metadata={"odd": number % 2 == 1}))
            await app.execute(builders.transfer(mine, his, str(1 + number % 3), metadata={"rare": number in (3, 17)}))
        whole = await every(lambda page: app.transactions.list(TransactionFilter(), page))
        cases: dict[str, tuple[TransactionFilter, Callable[[tekana.Transaction], bool]]] = {
            "amount": (TransactionFilter(amount_min=Money(3, RWF)), lambda one: one.request.amount.minor >= 3),
            "metadata": (
                TransactionFilter(metadata={"rare": "true"}),
                lambda one: bool((one.request.metadata or {}).get("rare")),
            ),
            "none": (TransactionFilter(currency=Currency("USD")), lambda _: False),
            "wallet": (
                TransactionFilter(wallet_id=his, amount_max=Money(1, RWF)),
                lambda one: one.request.to_wallet_id == his and one.request.amount.minor == 1,
            ),
        }
        for name, (which, matches) in cases.items():
            for newest_first, limit in itertools.product((True, False), (1, 2, 50)):
                found, pages = await every_of(
                    lambda page, of=which, newest=newest_first: app.transactions.list(of, page, newest),  # type: ignore[misc]
                    limit,
                )
                expected = [one for one in whole if matches(one)]
                assert found == (expected if newest_first else expected[::-1]), name
                assert pages >= 20 // scanned_max
        odd = WalletFilter(customer_id=aline.customer.id, metadata={"odd": "true"})
        found, pages = await every_of(lambda page: app.wallets.list(odd, page), 50)
        assert len(found) == 10
        assert pages >= 20 // scanned_max
        feed = await every(app.events.list)
        for asked in (
            EventFilter(type="WalletOpened"),
            EventFilter(type="WalletClosed"),
            EventFilter(aggregate_id=his),
        ):
            found, pages = await every_of(lambda page, of=asked: app.events.list(page, of), 5)  # type: ignore[misc]
            assert found == [one for one in feed if asked.matches(one.event)]
            assert pages >= 40 // (2 * scanned_max + 2)
