"""Readers: filters by content, both orders of lists, filters of the feed, and outcomes by idempotency key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from tekana.application import CloseCustomer, CloseWallet, Session
from tekana.domain.errors import InsufficientFunds, OutcomeNotFound, WalletNotEmpty
from tekana.domain.events import aggregate_id
from tekana.domain.money import Currency, Money
from tekana.domain.transaction import Transaction
from tekana.ports.customers import CustomerFilter
from tekana.ports.events import EventFilter
from tekana.ports.outcomes import CommandOutcome
from tekana.ports.page import Page, PageRequest
from tekana.ports.transactions import TransactionFilter
from tekana.ports.wallets import WalletFilter
from tekana.testing import builders
from tekana.testing.builders import RWF
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, a_wallet, all_outcomes, transactions_of
from tekana.testing.contracts.ledger_checks import every

USD = Currency("USD")

LABELS: tuple[Mapping[str, Any], ...] = (
    {"order": "1001", "paid": True},
    {"order": "1001", "paid": False, "it's": '"quoted" \\ 100% ✓'},
    {"order": 1001, "rate": 0.5, "note": None},
)
"""Metadata that the tests search."""

BY_LABEL: tuple[tuple[Mapping[str, str], list[int]], ...] = (
    ({"order": "1001"}, [0, 1, 2]),
    ({"order": "1001", "paid": "true"}, [0]),
    ({"paid": "false"}, [1]),
    ({"paid": "False"}, []),
    ({"rate": "0.5"}, [2]),
    ({"note": "null"}, []),
    ({"note": ""}, []),
    ({"it's": '"quoted" \\ 100% ✓'}, [1]),
    ({"order": "100"}, []),
    ({"missing": "x"}, []),
    ({"%": "1001"}, []),
)
"""What is asked for, and which of LABELS have it."""


class ReadFiltersContract(Contract):
    """The contract of filters, orders and outcomes."""

    async def test_transactions_by_currency_and_amount(self, app: Session) -> None:
        mine = await a_wallet(app)
        dollars = await app.execute(builders.open_wallet(mine.customer_id, "USD"))  # type: ignore[arg-type]
        small, large = [await app.execute(builders.deposit(mine.id, amount)) for amount in ("5", "700")]
        cents = await app.execute(builders.deposit(dollars.id, "7.00", "USD"))
        cases: tuple[tuple[dict[str, Any], list[Transaction]], ...] = (
            ({"currency": RWF}, [large, small]),
            ({"currency": USD}, [cents]),
            ({"currency": Currency("KWD")}, []),
            ({"amount_min": Money(5, RWF)}, [large, small]),
            ({"amount_min": Money(6, RWF)}, [large]),
            ({"amount_max": Money(699, RWF)}, [small]),
            ({"amount_min": Money(700, RWF), "amount_max": Money(700, RWF)}, [large]),
            ({"amount_min": Money(700, USD)}, [cents]),
            ({"amount_min": Money(1, USD), "amount_max": Money(900, RWF)}, []),
            ({"amount_min": Money(1, RWF), "currency": USD}, []),
        )
        for content, expected in cases:
            for scope in ({}, {"wallet_id": mine.id}, {"customer_id": mine.customer_id}):
                which = TransactionFilter(**content, **scope)
                wallets = {mine.id} if "wallet_id" in scope else {mine.id, dollars.id}
                await _finds(app, which, [one for one in expected if one.request.to_wallet_id in wallets])

    async def test_by_metadata(self, app: Session) -> None:
        aline = (await a_customer(app)).customer
        wallets = [await app.execute(builders.open_wallet(aline.id, metadata=label)) for label in LABELS]
        paid = [await app.execute(builders.deposit(wallets[0].id, metadata=label)) for label in LABELS]
        for wanted, expected in BY_LABEL:
            for customer_id in (None, aline.id):
                which = WalletFilter(customer_id=customer_id, metadata=wanted)
                found = await every(lambda page, of=which: app.wallets.list(of, page), 1)  # type: ignore[misc]
                assert [one.id for one in found] == [wallets[place].id for place in expected], wanted
            newest = [paid[place] for place in reversed(expected)]
            for scope in ({}, {"wallet_id": wallets[0].id}, {"status": "posted"}):
                await _finds(app, TransactionFilter(metadata=wanted, **scope), newest)

    async def test_wallets_by_status(self, app: Session) -> None:
        aline = (await a_customer(app)).customer
        first = aline_wallet = (await app.customers.get(aline.id)).wallets[0]
        frozen, closed = [await app.execute(builders.open_wallet(aline.id)) for _ in range(2)]
        await app.execute(builders.freeze(frozen.id))
        await app.execute(CloseWallet(wallet_id=closed.id))
        by_status = (("active", aline_wallet), ("frozen", frozen), ("closed", closed))
        for status, wallet in by_status:
            for which in (WalletFilter(aline.id, RWF, status), WalletFilter(status=status)):  # type: ignore[arg-type]
                found = await every(lambda page, of=which: app.wallets.list(of, page))  # type: ignore[misc]
                assert [one.id for one in found if one.house is None] == [wallet.id], which
        assert first.status == "active"

    async def test_both_orders(self, app: Session) -> None:
        people = [(await a_customer(app)).customer for _ in range(5)]
        mine = await a_wallet(app)
        paid = [await app.execute(builders.deposit(mine.id, "1", metadata={"a": "b"})) for _ in range(5)]
        lists: list[Callable[[PageRequest, bool], Awaitable[Page[Any]]]] = [
            lambda page, newest: app.customers.list(CustomerFilter(status="active"), page, newest),
            lambda page, newest: app.wallets.list(WalletFilter(), page, newest),
            lambda page, newest: app.wallets.list(WalletFilter(currency=RWF), page, newest),
            lambda page, newest: app.transactions.list(TransactionFilter(), page, newest),
            lambda page, newest: app.transactions.list(TransactionFilter(wallet_id=mine.id), page, newest),
            lambda page, newest: app.transactions.list(TransactionFilter(metadata={"a": "b"}), page, newest),
            lambda page, newest: app.transactions.list(TransactionFilter(start=paid[0].created_at), page, newest),
        ]
        for read in lists:
            for limit in (1, 2, 3, 200):
                oldest = await every(lambda page, read=read: read(page, False), limit)  # type: ignore[misc]
                newest = await every(lambda page, read=read: read(page, True), limit)  # type: ignore[misc]
                assert oldest == newest[::-1]
                assert len(oldest) > 1
        found = await every(lambda page: app.customers.list(CustomerFilter(), page, newest_first=True))
        assert [one.customer.id for one in found][1:] == [one.id for one in reversed(people)]
        await _finds(app, TransactionFilter(), paid[::-1])

    async def test_by_a_contact_the_open_one_comes_first_in_both_orders(self, app: Session) -> None:
        ids = []
        for _ in range(3):
            ids.append((await a_customer(app, email="a@example.com")).customer.id)
            if len(ids) < 3:
                await app.execute(CloseCustomer(customer_id=ids[-1]))
        which = CustomerFilter(email="a@example.com")
        for limit in (1, 2, 5):
            found = await every(lambda page: app.customers.list(which, page, newest_first=True), limit)
            assert [one.customer.id for one in found] == [ids[2], ids[1], ids[0]]
            found = await every(lambda page: app.customers.list(which, page), limit)
            assert [one.customer.id for one in found] == [ids[2], ids[0], ids[1]]

    async def test_the_feed_by_every_filter(self, app: Session) -> None:
        mine, other = await a_wallet(app), await a_wallet(app)
        paid = await app.execute(builders.deposit(mine.id, "700"))
        await app.execute(builders.transfer(mine.id, other.id, "5"))
        await app.execute(builders.freeze(other.id))
        whole = await every(app.events.list)
        for which in (
            EventFilter(type="WalletCredited"),
            EventFilter(type="WalletFrozen"),
            EventFilter(type="WalletClosed"),
            EventFilter(aggregate="customer"),
            EventFilter(aggregate="wallet"),
            EventFilter(aggregate_id=mine.id),
            EventFilter(aggregate_id=paid.id),
            EventFilter("WalletCredited", "wallet", other.id),
            EventFilter("WalletCredited", "customer"),
        ):
            expected = [one for one in whole if which.matches(one.event)]
            assert (which.type == "WalletClosed" or which.aggregate == "customer") or expected
            for limit in (1, 2, 200):
                assert await every(lambda page, of=which: app.events.list(page, of), limit) == expected  # type: ignore[misc]
        assert {aggregate_id(one.event) for one in whole} >= {mine.id, other.id, paid.id}
        after = whole[-2].cursor
        assert (await app.events.list(PageRequest(5, after), EventFilter(type="WalletFrozen"))).items == (whole[-1],)

    async def test_the_outcome_of_each_command(self, app: Session) -> None:
        customer = await app.execute(builders.person(), key="registered")
        wallet = customer.wallets[0]
        opened = await app.execute(builders.open_wallet(customer.customer.id), key="opened")
        paid = await app.execute(builders.deposit(wallet.id, "700"), key="paid")
        [poor] = await all_outcomes([app.execute(builders.withdrawal(wallet.id, "9999"), key="poor")])
        [full] = await all_outcomes([app.execute(CloseWallet(wallet_id=wallet.id), key="full")])
        assert isinstance(poor, InsufficientFunds)
        assert isinstance(poor.transaction, Transaction)
        assert isinstance(full, WalletNotEmpty)
        expected: dict[str, tuple[object, ...]] = {
            "registered": ("customer", customer.customer.id, None),
            "opened": ("wallet", opened.id, None),
            "paid": ("transaction", paid.id, None),
            "poor": ("transaction", poor.transaction.id, "insufficient_funds"),
            "full": (None, None, "wallet_not_empty"),
        }
        for key, (resource, id_, code) in expected.items():
            outcome = await app.outcomes.get(key)
            assert outcome[:3] == (key, resource, id_)
            assert (outcome.rejection and outcome.rejection.code) == code
        for key in ("PAID", "paid ", "unused", "paid\x1f0"):
            with pytest.raises(OutcomeNotFound):
                await app.outcomes.get(key)

    async def test_the_transactions_of_a_key(self, app: Session) -> None:
        wallet = await a_wallet(app)
        paid = await app.execute(builders.deposit(wallet.id, "7"), key="one")
        await app.execute(builders.open_wallet(wallet.customer_id), key="opened")  # type: ignore[arg-type]
        deposits = [builders.deposit(wallet.id, str(amount)) for amount in range(1, 6)]
        for mode, key in ((builders.atomic, "atomic"), (builders.independent, "independent")):
            done = await app.submit_batch(mode(*deposits, builders.withdrawal(wallet.id, "9999")), key=key)
            assert await app.outcomes.get(key) == CommandOutcome(key, "batch", None)
            whole = sorted(transactions_of(done), key=lambda one: one.id, reverse=True)
            await _finds(app, TransactionFilter(idempotency_key=key), whole)
            await _finds(app, TransactionFilter(idempotency_key=key, wallet_id=wallet.id), whole)
            posted = [one for one in whole if one.status == "posted"]
            await _finds(app, TransactionFilter(idempotency_key=key, status="posted"), posted)
            three = [one for one in whole if one.request.amount.minor == 3]
            three_only = {"amount_min": Money(3, RWF), "amount_max": Money(3, RWF)}
            await _finds(app, TransactionFilter(idempotency_key=key, **three_only), three)  # type: ignore[arg-type]
        await _finds(app, TransactionFilter(idempotency_key="one"), [paid])
        for key in ("unused", "opened", "one "):
            await _finds(app, TransactionFilter(idempotency_key=key), [])

    async def test_keys_of_other_callers_are_not_found(self, app: Session) -> None:
        other = app.as_caller(builders.caller("another partner"))
        wallet = await a_wallet(app)
        paid = await app.execute(builders.deposit(wallet.id, "7"), key="mine")
        theirs = await other.execute(builders.deposit(wallet.id, "7"), key="theirs")
        with pytest.raises(OutcomeNotFound):
            await other.outcomes.get("mine")
        with pytest.raises(OutcomeNotFound):
            await app.outcomes.get("theirs")
        await _finds(app, TransactionFilter(idempotency_key="mine"), [paid])
        await _finds(other, TransactionFilter(idempotency_key="mine"), [])
        await _finds(other, TransactionFilter(idempotency_key="theirs"), [theirs])


async def _finds(app: Session, which: TransactionFilter, expected: list[Transaction]) -> None:
    """Check what a list has, in both orders and in pages of every size."""
    for limit in (1, 2, 200):
        for newest_first in (True, False):
            found = await every(
                lambda page, newest=newest_first: app.transactions.list(which, page, newest),  # type: ignore[misc]
                limit,
            )
            assert found == (expected if newest_first else expected[::-1]), which
