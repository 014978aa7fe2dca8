"""Round trips: readers return exactly what was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tekana.application import (
    CloseCustomer,
    CloseWallet,
    ReactivateCustomer,
    Session,
    SuspendCustomer,
    UnfreezeWallet,
    UpdateCustomer,
    UpdateWallet,
    VerifyCustomer,
)
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import InsufficientFunds, LimitExceeded
from tekana.domain.identifiers import house_wallet_id
from tekana.domain.money import AMOUNT_MAX_MINOR, BALANCE_MAX_MINOR
from tekana.domain.terms import NO_TERMS
from tekana.domain.transaction import Transaction
from tekana.domain.usage import period_of, usage_at, usage_with
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.builders import RWF
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, a_wallet, all_at_once, all_outcomes
from tekana.testing.contracts.ledger_checks import transactions

METADATA: list[dict[str, Any] | None] = [
    None,
    {},
    {"z": 1, "a": 2, "m": 3, "A": 4},
    {"text": "Ümlaut ñ 鍵 🔑 \u200b", "empty": "", "quote": "\"'\\%_", "line": "a\nb\tc\r", "null": "null"},
    {"whole": 1, "broken": 1.0, "true": True, "false": False, "nothing": None, "zero": 0, "minus": -0.0},
    {"most": 2**53 - 1, "least": -(2**53) + 1, "tiny": 5e-324, "huge": 1e300, "third": 1 / 3, "round": 1e20},
    {"kéy 🔑": "x", "k" * 64: "v" * 500},
    {f"name {number}": number for number in range(50)},
]
TEXTS = ("plain", "Ñandú 鍵 🔑 e\u0301", "\"'\\%_;--", "  inner  spaces  ", "null", "x" * 200)


class RoundTripsContract(Contract):
    """Every field of every aggregate, written by the engine and read by the readers."""

    @pytest.mark.parametrize("metadata", METADATA, ids=range(len(METADATA)))
    async def test_metadata(self, stores: Sequence[Store], app: Session, metadata: dict[str, Any] | None) -> None:
        aline = await a_customer(app, "5", metadata=metadata)
        wallet = await app.execute(builders.open_wallet(aline.customer.id, metadata=metadata))
        posted = await app.execute(builders.deposit(wallet.id, metadata=metadata))
        for store in stores:
            shown = [
                (await store.customers(LOCAL_OPERATOR).get(aline.customer.id)).customer.metadata,
                (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).metadata,
                (await store.transactions(LOCAL_OPERATOR).get(posted.id)).request.metadata,
            ]
            for one in shown:
                assert repr(one) == repr(metadata), "equal is not enough: 1, 1.0 and True differ, and so do orders"

    @pytest.mark.parametrize("text", TEXTS)
    async def test_texts(self, stores: Sequence[Store], app: Session, text: str, clock: FrozenClock) -> None:
        aline = await a_customer(app, full_name=f"A {text} B"[:200], external_id=text)
        wallet = await app.execute(builders.open_wallet(aline.customer.id, name=text[:100]))
        frozen = await app.execute(builders.freeze(wallet.id, "debits", f"{text}\n{text}"))
        posted = await app.execute(builders.deposit(wallet.id, description=f"{text}\n\t", reference=text))
        after = replace(frozen, ledger_balance=1000, version=1, sequence=3)
        usage = usage_with(usage_at(None, period_of(clock(), NO_TERMS.zone)), 1000)._replace(elsewhere=1000)
        for store in stores:
            assert await store.customers(LOCAL_OPERATOR).get(aline.customer.id) == (
                aline.customer,
                (replace(aline.wallets[0], usage=usage), after),
            )
            assert await store.transactions(LOCAL_OPERATOR).get(posted.id) == posted
        assert posted.request.description == f"{text}\n\t"

    async def test_a_customers_whole_life(self, stores: Sequence[Store], app: Session, clock: FrozenClock) -> None:
        branch = app.as_caller(builders.caller("a branch"))
        registered = await branch.execute(builders.person(country="RW", external_id="crm-1", metadata={"a": 1}))
        customer_id = registered.customer.id
        assert (registered.customer.created_by, registered.customer.created_at) == ("a branch", clock())
        answers = [registered]
        for command in (
            UpdateCustomer(customer_id=customer_id, country=None, external_id=None, metadata=None),
            UpdateCustomer(customer_id=customer_id, full_name="Aline", email="aline@example.com", expected_version=2),
            UpdateCustomer(customer_id=customer_id, phone_number="+250788123456", country="UG", metadata={}),
            VerifyCustomer(customer_id=customer_id, tier="2"),
            SuspendCustomer(customer_id=customer_id, reason="a court order"),
            ReactivateCustomer(customer_id=customer_id),
            CloseCustomer(customer_id=customer_id),
        ):
            clock.advance(timedelta(microseconds=123_457))
            answer: Any = await app.execute(command)
            assert (answer.customer.version, answer.customer.updated_at) == (len(answers) + 1, clock())
            for store in stores:
                assert repr(await store.customers(LOCAL_OPERATOR).get(customer_id)) == repr(answer)
            answers.append(answer)
        assert [one.customer.status for one in answers] == ["active"] * 5 + ["suspended", "active", "closed"]

    async def test_a_wallets_whole_life(self, stores: Sequence[Store], app: Session, clock: FrozenClock) -> None:
        aline = (await a_customer(app)).customer
        opened = await app.execute(builders.open_wallet(aline.id, "KWD", name="Travel", metadata={"a": 1}))
        assert await stores[-1].wallets(LOCAL_OPERATOR).get(opened.id) == opened
        for command in (
            UpdateWallet(wallet_id=opened.id, name="Holidays", metadata={"b": 1, "a": "2"}),
            UpdateWallet(wallet_id=opened.id, metadata=None),
            UpdateWallet(wallet_id=opened.id, name=None, metadata={}),
            builders.freeze(opened.id, "debits", "a lost phone"),
            builders.freeze(opened.id, "all", "a court order"),
            UnfreezeWallet(wallet_id=opened.id),
            CloseWallet(wallet_id=opened.id),
        ):
            clock.advance(timedelta(microseconds=1))
            answer: Any = await app.execute(command)
            assert answer.updated_at == clock()
            for store in stores:
                assert repr(await store.wallets(LOCAL_OPERATOR).get(opened.id)) == repr(answer)

    @pytest.mark.parametrize("active", [True, False])
    async def test_wallets_repeat_their_customers_status(self, store: Store, app: Session, active: bool) -> None:
        aline = (await a_customer(app)).customer
        await app.execute(builders.open_wallet(aline.id, "USD"))
        await app.execute(SuspendCustomer(customer_id=aline.id, reason="a court order"))
        if active:
            await app.execute(ReactivateCustomer(customer_id=aline.id))
        wallets = (await store.customers(LOCAL_OPERATOR).get(aline.id)).wallets
        assert [one.customer_active for one in wallets] == [active, active]

    @pytest.mark.parametrize(
        "effective_at",
        [
            None,
            datetime(2026, 1, 30, 23, 59, 59, 999_999, tzinfo=UTC),
            datetime(2026, 2, 1, 1, 30, tzinfo=timezone(timedelta(hours=2))),
            datetime(1993, 1, 1, tzinfo=timezone(-timedelta(hours=9, minutes=30))),
            datetime(2999, 12, 31, tzinfo=UTC),
            datetime(1000, 1, 1, tzinfo=UTC),
            datetime(9998, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        ],
    )
    async def test_value_dates(
        self, stores: Sequence[Store], app: Session, effective_at: datetime | None, clock: FrozenClock
    ) -> None:
        wallet = await a_wallet(app, "10")
        posted = await app.execute(builders.deposit(wallet.id, effective_at=effective_at), key="a key")
        for store in stores:
            shown = await store.transactions(LOCAL_OPERATOR).get(posted.id)
            assert shown == posted
            assert shown.request.effective_at == effective_at
            assert shown.effective_at == (effective_at or clock())
            assert shown.effective_at.utcoffset() is not None
        again = await app.submit(builders.deposit(wallet.id, effective_at=effective_at), key="a key")
        assert (again.answer, again.replayed) == (posted, True)

    @pytest.mark.parametrize(
        ("currency", "smallest", "largest"),
        [
            ("RWF", "1", "1000000000000000"),
            ("USD", "0.01", "10000000000000.00"),
            ("KWD", "0.001", "1000000000000.000"),
            ("CLF", "0.0001", "100000000000.0000"),
        ],
    )
    async def test_amounts(self, store: Store, currency: str, smallest: str, largest: str, app: Session) -> None:
        await app.execute(builders.no_limits(currency=currency))
        wallet = await a_wallet(app, smallest, currency=currency)
        posted = await app.execute(builders.deposit(wallet.id, largest, currency))
        assert posted.request.amount.minor == AMOUNT_MAX_MINOR
        assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == AMOUNT_MAX_MINOR + 1
        assert await store.transactions(LOCAL_OPERATOR).get(posted.id) == posted

    async def test_the_largest_balance(self, store: Store, app: Session) -> None:
        await app.execute(builders.no_limits())
        wallet = await a_wallet(app)
        whole, rest = divmod(BALANCE_MAX_MINOR, AMOUNT_MAX_MINOR)
        amounts = [AMOUNT_MAX_MINOR] * whole + [rest]
        await all_at_once(app.execute(builders.deposit(wallet.id, str(amount))) for amount in amounts)
        assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == BALANCE_MAX_MINOR
        settlement = await store.wallets(LOCAL_OPERATOR).get(house_wallet_id("settlement", RWF))
        assert settlement.ledger_balance == -BALANCE_MAX_MINOR
        [refused] = await all_outcomes([app.execute(builders.deposit(wallet.id, "1"))])
        assert isinstance(refused, LimitExceeded)
        assert refused.transaction is not None
        assert await store.transactions(LOCAL_OPERATOR).get(refused.transaction.id) == refused.transaction

    async def test_rejections(self, stores: Sequence[Store], app: Session) -> None:
        wallet = await a_wallet(app, "10")
        command = builders.withdrawal(wallet.id, "11", description="tea", reference="r", metadata={"a": 1})
        with pytest.raises(InsufficientFunds) as refused:
            await app.as_caller(builders.caller("a branch")).execute(command, key="a key", request_id="request 鍵")
        kept = refused.value.transaction
        assert isinstance(kept, Transaction)
        assert (kept.status, kept.entries, kept.posted_at, kept.created_by) == ("rejected", (), None, "a branch")
        assert kept.rejection is not None
        assert kept.rejection.request_id == "request 鍵"
        for store in stores:
            assert repr(await store.transactions(LOCAL_OPERATOR).get(kept.id)) == repr(kept)
            assert repr((await transactions(store))[0]) == repr(kept)
