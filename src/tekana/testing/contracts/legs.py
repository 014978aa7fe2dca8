"""Transactions of additional types: any number of legs, several currencies, in the order of posting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from uuid import UUID

import pytest

from tekana.application import Session
from tekana.application.commands.money.wallet_fields import BetweenWallets, OneWallet
from tekana.domain.book import Book
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import InsufficientFunds, Refused, RuleRefused
from tekana.domain.events import FundsTransferred, WalletEvent
from tekana.domain.identifiers import HouseRole, TransactionId
from tekana.domain.lock_set import HouseWalletRef, LockSet
from tekana.domain.money import Currency
from tekana.domain.transaction import (
    TRANSACTION_TYPES,
    Leg,
    Relation,
    Transaction,
    TransactionRequest,
    TransactionTypeRules,
    events_of,
)
from tekana.domain.wallet import Wallet
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.contracts.ledger_checks import every, feed

USD = Currency("USD")


@dataclass(frozen=True, slots=True)
class FeeDetails:
    """The additional fee of the payer, in minor units."""

    fee_minor: int


@dataclass(frozen=True, slots=True)
class ExchangeDetails:
    """The amount of the payee, in minor units of their currency."""

    bought_minor: int


class PayWithFee(BetweenWallets, frozen=True, kw_only=True, tag_field="type", tag="fee_payment"):
    """A custom command: a payment and its fee in one transaction. The fee is posted first."""

    NAME: ClassVar[str] = "contracts.PayWithFee"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    fee_minor: int
    captures: UUID | None = None

    def to_request(self, book: Book) -> TransactionRequest:
        relation = None if self.captures is None else Relation("captures", TransactionId(self.captures))
        return replace(super().to_request(book), details=FeeDetails(self.fee_minor), relates_to=relation)

    def legs(self, book: Book, request: TransactionRequest, payer: Wallet, payee: Wallet) -> Sequence[Leg]:
        fees, currency = book.house_wallet("fees", payer.currency), payer.currency
        fee = Leg(payer, -self.fee_minor, currency), Leg(fees, self.fee_minor, currency)
        return fee[0], *super().legs(book, request, payer, payee), fee[1]


class Exchange(BetweenWallets, frozen=True, kw_only=True, tag_field="type", tag="currency_exchange"):
    """A custom command: a currency exchange through the exchange wallets."""

    NAME: ClassVar[str] = "contracts.Exchange"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    bought_minor: int

    def to_request(self, book: Book) -> TransactionRequest:
        return replace(super().to_request(book), details=ExchangeDetails(self.bought_minor))

    def locks(self) -> LockSet:
        locks = super().locks()
        return locks._replace(house_wallets=(*locks.house_wallets, HouseWalletRef("exchange", USD)))

    def decide(self, book: Book) -> Transaction:
        payer, payee = map(book.customer_wallet, self.wallet_ids())
        sold, bought = self.money.minor, self.bought_minor
        legs = [
            *(
                Leg(payer, -sold, payer.currency),
                Leg(book.house_wallet("exchange", payer.currency), sold, payer.currency),
            ),
            *(Leg(book.house_wallet("exchange", USD), -bought, USD), Leg(payee, bought, USD)),
        ]
        return book.post(self.to_request(book), legs)


class RefuseAtNight(OneWallet, frozen=True, kw_only=True, tag_field="type", tag="withdrawal"):
    """A custom command that is refused with a custom error."""

    NAME: ClassVar[str] = "contracts.RefuseAtNight"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = ()
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    def decide(self, book: Book) -> Transaction:
        raise TooLateAtNight("come back in the morning")


class TooLateAtNight(RuleRefused):
    """A custom refusal."""

    code = "too_late_at_night"


class LegsContract(Contract):
    """The contract of a store for transactions of `Book.post`."""

    @pytest.fixture
    def transaction_types(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Register the types of the custom commands until the audit has ended."""
        types: dict[str, tuple[HouseRole, type]] = {
            "fee_payment": ("fees", FeeDetails),
            "currency_exchange": ("exchange", ExchangeDetails),
        }
        for name, (role, details) in types.items():
            rules = TransactionTypeRules(event=FundsTransferred, further=(role,), details=details)
            monkeypatch.setitem(TRANSACTION_TYPES, name, rules)

    async def test_legs_are_kept_in_order(self, stores: Sequence[Store], app: Session, store: Store) -> None:
        payer, payee = await a_wallet(app, "1000"), await a_wallet(app)
        command = PayWithFee(
            from_wallet_id=payer.id, to_wallet_id=payee.id, amount="600", currency="RWF", fee_minor=300
        )
        posted = await app.execute(command, key="a payment")
        assert [(one.wallet_id, one.amount_minor, one.ledger_balance_after) for one in posted.entries[:3]] == [
            (payer.id, -300, 700),
            (payer.id, -600, 100),
            (payee.id, 600, 600),
        ]
        assert posted.request.details == FeeDetails(300)
        again = await app.submit(command, key="a payment")
        assert (again.replayed, again.answer) == (True, posted)
        for one in stores:
            assert await one.transactions(LOCAL_OPERATOR).get(posted.id) == posted
        of_wallets = [event for event in await feed(store) if isinstance(event, WalletEvent)]
        assert of_wallets[-4:] == [event for event in events_of(posted) if isinstance(event, WalletEvent)]

    async def test_a_wallets_history_has_each_of_its_legs(self, stores: Sequence[Store], app: Session) -> None:
        payer, payee = await a_wallet(app, "1000"), await a_wallet(app)
        posted = await app.execute(
            PayWithFee(from_wallet_id=payer.id, to_wallet_id=payee.id, amount="600", currency="RWF", fee_minor=300)
        )
        mine = [one for one in posted.entries if one.wallet_id == payer.id]
        for store in stores:
            wallets = store.wallets(LOCAL_OPERATOR)
            lines = await every(lambda page, wallets=wallets: wallets.entries(payer.id, page), 1)  # type: ignore[misc]
            assert [line.entry for line in lines[-2:]] == mine
            assert {line.transaction_id for line in lines[-2:]} == {posted.id}
            assert (await wallets.balance_at(payer.id, posted.created_at)).ledger_balance.minor == 100

    async def test_two_debits_of_a_wallet_never_overdraw_it(self, store: Store, app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        before = [await store.wallets(LOCAL_OPERATOR).get(one.id) for one in (payer, payee)]
        command = PayWithFee(from_wallet_id=payer.id, to_wallet_id=payee.id, amount="60", currency="RWF", fee_minor=60)
        with pytest.raises(InsufficientFunds) as refused:
            await app.execute(command)
        assert refused.value.transaction is not None
        assert refused.value.transaction.request.details == FeeDetails(60)
        assert [await store.wallets(LOCAL_OPERATOR).get(one.id) for one in (payer, payee)] == before

    async def test_a_transaction_may_have_two_currencies(self, stores: Sequence[Store], app: Session) -> None:
        payer = await a_wallet(app, "14000")
        assert payer.customer_id is not None
        payee = await app.execute(builders.open_wallet(payer.customer_id, "USD"))
        command = Exchange(
            from_wallet_id=payer.id, to_wallet_id=payee.id, amount="13000", currency="RWF", bought_minor=1000
        )
        posted = await app.execute(command, key="an exchange")
        assert {one.currency for one in posted.entries} == {"RWF", "USD"}
        for one in stores:
            assert await one.transactions(LOCAL_OPERATOR).get(posted.id) == posted
            assert (await one.wallets(LOCAL_OPERATOR).get(payee.id)).ledger_balance == 1000

    @pytest.mark.parametrize("further", [(), ("suspense",)])
    async def test_the_audit_finds_legs_in_wallets_that_the_type_does_not_name(
        self, app: Session, monkeypatch: pytest.MonkeyPatch, further: tuple[HouseRole, ...]
    ) -> None:
        payer, payee = await a_wallet(app, "1000"), await a_wallet(app)
        await app.execute(
            PayWithFee(from_wallet_id=payer.id, to_wallet_id=payee.id, amount="600", currency="RWF", fee_minor=300)
        )
        assert [one.invariant.number async for one in app.audit() if not one.ok] == []
        with monkeypatch.context() as changed:
            rules = replace(TRANSACTION_TYPES["fee_payment"], further=further)
            changed.setitem(TRANSACTION_TYPES, "fee_payment", rules)
            assert [one.invariant.number async for one in app.audit() if not one.ok] == [1]

    async def test_a_relation_is_kept(self, stores: Sequence[Store], app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        first = await app.execute(builders.transfer(payer.id, payee.id, "10"))
        command = PayWithFee(
            from_wallet_id=payer.id, to_wallet_id=payee.id, amount="1", currency="RWF", fee_minor=1, captures=first.id
        )
        posted = await app.execute(command)
        assert posted.request.relates_to == Relation("captures", first.id)
        for one in stores:
            assert await one.transactions(LOCAL_OPERATOR).get(posted.id) == posted

    async def test_a_partners_refusal_keeps_its_code(self, stores: Sequence[Store], app: Session) -> None:
        wallet = await a_wallet(app)
        command = RefuseAtNight(wallet_id=wallet.id, amount="1", currency="RWF")
        for replayed in (False, True):
            with pytest.raises(TooLateAtNight) as refused:
                await app.execute(command, key="at night")
            assert (refused.value.code, refused.value.replayed) == ("too_late_at_night", replayed)
        assert refused.value.transaction is not None
        for one in stores:
            kept = await one.transactions(LOCAL_OPERATOR).get(refused.value.transaction.id)
            assert kept.rejection is not None
            assert (kept.rejection.code, kept.rejection.family) == ("too_late_at_night", "RuleRefused")
