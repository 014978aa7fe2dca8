"""Requests about customers, wallets and terms. Like all requests, each is tried out, executed and compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import Any, Final

from hypothesis.stateful import RuleBasedStateMachine

from tekana import (
    MAIN_TENANT,
    CreateFeeSchedule,
    EndFeeSchedule,
    NewFeeBand,
    NewFeeShare,
    OverrideLimits,
    SetLimits,
    SetRate,
)
from tekana.domain.limits import is_count
from tekana.domain.money import Currency, format_minor
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tests.model.acts import OF_CUSTOMERS, OF_WALLETS
from tests.model.fee_model import Prices, Schedule, Scope
from tests.model.ledger_model import REVERSIBLE, LedgerModel
from tests.model.limit_model import Account, Limits
from tests.model.records import Movement, Recorded, Result, WalletKind
from tests.model.strategies import NewSchedule
from tests.model.systems import System

WALLETS_MAX: Final = 12
SCHEDULES_MAX: Final = 12


class Requests(RuleBasedStateMachine):
    """Sends the same requests to all systems and to the model, and compares what they lead to.

    Its rules are about customers, wallets and terms.
    """

    systems: Sequence[System]

    def __init__(self, connect: Callable[[FrozenClock], Sequence[System]]) -> None:
        super().__init__()
        self.clock = FrozenClock()
        self.systems = connect(self.clock)
        self.model = LedgerModel(self.clock())
        self.done: list[tuple[Callable[[System, str], object], object]] = []

    def teardown(self) -> None:
        """Compare balances and usage, and audit the ledgers."""
        balances = [(one.balance, one.held) for one in self.model.wallets]
        accounts = {Account(one.owner, one.currency) for one in self.model.wallets}
        used = {one: dict(self.model.limits.used(one, self.model.now)) for one in accounts}
        houses = {house: balance for house, balance in self.model.houses.items() if balance}
        with ExitStack() as audits:
            for one in self.systems:
                audits.enter_context(one)
            for one in self.systems:
                assert one.balances() == balances
                assert one.houses() == houses
                assert one.used() == used

    # ------------------------------------------------------------------ customers, wallets and terms

    def open_another(self, place: int, currency: str, kind: WalletKind) -> None:
        if len(self.model.wallets) >= WALLETS_MAX:
            return
        if place % 3 == 0:
            self.register(currency)
        else:
            self.open_wallet(self._customer(place), currency, kind)

    def register(self, currency: str) -> None:
        person = builders.person(currency=currency)
        self._ask(lambda model: model.register(currency), lambda _: person)

    def open_wallet(self, owner: int, currency: str, kind: WalletKind) -> None:
        self._ask(
            lambda model: model.open_wallet(owner, currency, kind),
            lambda system: builders.open_wallet(system.customers[owner], currency, kind=kind),
        )

    def administer(self, place: int, act: str) -> None:
        if about := OF_CUSTOMERS.get(act):
            number = self._customer(place)
            self._ask(lambda model: about.model(model, number), lambda system: about.command(system.customers[number]))
        else:
            of_wallet, number = OF_WALLETS[act], place % len(self.model.wallets)
            self._ask(
                lambda model: of_wallet.model(model, number), lambda system: of_wallet.command(system.wallets[number])
            )

    def limit(self, place: int, tier: str, currency: str, chosen: Limits, lasts: timedelta) -> None:
        if place % 2:
            self.set_limits(tier, currency, chosen)
        else:
            self.override_limits(self._customer(place), currency, chosen, lasts)

    def set_limits(self, tier: str, currency: str, chosen: Limits) -> None:
        fields = _limit_fields(currency, chosen)
        self._ask(
            lambda model: model.set_limits(tier, currency, chosen),
            lambda _: SetLimits(tier=tier, currency=currency, **fields),
        )

    def override_limits(self, number: int, currency: str, chosen: Limits, lasts: timedelta) -> None:
        fields, until = _limit_fields(currency, chosen), self.clock() + lasts
        self._ask(
            lambda model: model.override(number, currency, chosen, until),
            lambda system: OverrideLimits(
                customer_id=system.customers[number], currency=currency, reason="a house", until=until, **fields
            ),
        )

    def set_rate(self, bid: int, spread: int) -> None:
        self._ask(
            lambda model: model.set_rate(bid, bid + spread),
            lambda _: SetRate(base="USD", quote="RWF", bid=str(bid), ask=str(bid + spread)),
        )

    def create_fee_schedule(self, new: NewSchedule) -> None:
        if len(self.model.fees.schedules) >= SCHEDULES_MAX:
            return
        begins = None if new.begins_in is None else self.clock() + new.begins_in
        ends = None if new.lasts is None else (begins or self.clock()) + new.lasts
        scope, shares = Scope(new.type, new.currency, new.tier, new.is_of_tenant), self._shares(new)
        self._ask(
            lambda model: model.create_fee_schedule(
                Schedule(scope, new.paid_by, new.prices, shares, begins or model.now, ends)
            ),
            lambda system: CreateFeeSchedule(
                transaction_type=new.type,
                currency=new.currency,
                paid_by=new.paid_by,  # type: ignore[arg-type]
                tier=new.tier,
                tenant=MAIN_TENANT if new.is_of_tenant else None,
                shares=tuple(
                    NewFeeShare(wallet_id=system.wallets[wallet], percentage=_percentage(part))
                    for wallet, part in shares
                ),
                valid_from=begins,
                valid_until=ends,
                **_price_fields(new.prices, new.currency),
            ),
        )

    def end_fee_schedule(self, place: int, ends_in: timedelta | None) -> None:
        number = place % len(self.model.fees.schedules)
        ends = self.model.fees.schedules[number].ends
        at = None if ends_in is None else self.clock() + ends_in
        at = ends if at is not None and ends is not None and self.clock() < ends < at else at
        self._ask(
            lambda model: model.end_fee_schedule(number, at),
            lambda system: EndFeeSchedule(fee_schedule_id=system.schedules[number], at=at),
        )

    def wait(self, time: timedelta) -> None:
        self._pass(time)

    # ------------------------------------------------------------------ what the rules share

    def _customer(self, place: int) -> int:
        return place % len(self.model.customers)

    def _shares(self, new: NewSchedule) -> tuple[tuple[int, int], ...]:
        """Return the shares of a schedule: in merchants' wallets, mostly of its currency."""
        shares = {}
        for place, part in new.shares:
            merchants = [
                number
                for number, one in enumerate(self.model.wallets)
                if one.kind == "merchant" and (one.currency == new.currency or place % 20 == 19)
            ]
            if merchants:
                shares[merchants[place % len(merchants)]] = part
        return tuple(shares.items())

    def _holds(self) -> list[int]:
        return [number for number, one in enumerate(self.model.records) if one.hold is not None]

    def _hold(self, place: int) -> int:
        """Return a hold, mostly one of the last two that have not ended."""
        pending = self._pending()
        chosen = pending[-2:] if pending and place % 5 else self._holds()
        return chosen[place % len(chosen)]

    def _pending(self) -> list[int]:
        holds = [(number, one.hold) for number, one in enumerate(self.model.records)]
        return [number for number, one in holds if one and one.status == "pending" and self.clock() < one.expires_at]

    def _reversible(self, place: int) -> int:
        """Return a transaction, mostly one of the last of which something can be reversed."""
        records = self.model.records
        left = [number for number, one in enumerate(records) if one.type in REVERSIBLE and one.left]
        if place % 4 == 3:  # of which something is held for the payer
            left = [number for number, one in enumerate(records) if one.held_back] or left
        elif place % 4 == 2:
            left = [number for number in left if self._is_spent(records[number])] or left
        elif place % 5 < 4:
            left = [number for number in left if records[number].fee] or left
        return left[-1 - place % min(len(left), 3)] if left and place % 10 != 9 else place % len(records)

    def _is_spent(self, record: Recorded) -> bool:
        """Return whether the one who was paid has less than is left to be reversed."""
        if not isinstance(record.payee, int):
            return False
        receiver = self.model.wallets[record.payee]
        return 0 < receiver.balance - receiver.held < record.left

    def _amount(self, number: int, part: int | None) -> str | None:
        """Return a part of a transaction as text, in its currency."""
        return None if part is None else format_minor(part, Currency(self.model.records[number].currency))

    def _movement(self, type_: str, payer: int, payee: int, amount: int) -> Movement:
        """Return a movement in the currency of the payer, who mostly has it, mostly to a wallet that fits."""
        wallets = self.model.wallets
        able = [number for number, one in enumerate(wallets) if one.balance - one.held >= max(amount, 1)]
        sources = able if able and payer % 10 and type_ != "deposit" else range(len(wallets))
        source = sources[payer % len(sources)]
        if amount <= 0:
            amount = max(wallets[source].balance - wallets[source].held + amount, 1)
        if type_ in ("deposit", "withdrawal"):
            return Movement(type_, source, source, amount, wallets[source].currency)
        fitting = [
            number
            for number, one in enumerate(wallets)
            if number != source
            and (one.currency != wallets[source].currency) == (type_ == "exchange")
            and (one.kind == "merchant" or type_ != "payment")
        ]
        targets = fitting if fitting and payee % 10 else range(len(wallets))
        return Movement(type_, source, targets[payee % len(targets)], amount, wallets[source].currency)

    def _ask(self, model: Callable[[LedgerModel], Result], make: Callable[[System], Any]) -> None:
        """Try out a command, and execute it: both lead to what the model says."""
        self._pass(timedelta(seconds=1))
        expected = model(self.model)
        for system in self.systems:
            assert system.preview(make(system)) == expected
        self._request(expected, lambda system, key: system.execute(make(system), key))

    def _request(self, expected: object, request: Callable[[System, str], object]) -> None:
        key = f"request {len(self.done)}"
        self.done.append((request, expected))
        for system in self.systems:
            assert request(system, key) == expected

    def _pass(self, time: timedelta) -> None:
        self.clock.advance(time)
        self.model.now = self.clock()


def _limit_fields(currency: str, chosen: Limits) -> dict[str, Any]:
    """Return limits as the fields of a command."""
    return {
        name: value if is_count(name) else format_minor(value, Currency(currency)) for name, value in chosen.items()
    }


def _price_fields(prices: Prices, currency: str) -> dict[str, Any]:
    """Return what a schedule says about amounts as the fields of a command."""

    def text(minor: int | None) -> Any:
        return None if minor is None else format_minor(minor, Currency(currency))

    bands = [
        NewFeeBand(up_to=text(one.up_to), flat=text(one.flat), percentage=_percentage(one.percentage))
        for one in prices.bands
    ]
    return {
        "bands": tuple(bands),
        "minimum": text(prices.minimum),
        "maximum": text(prices.maximum),
        "tax_percentage": _percentage(prices.tax),
    }


def _percentage(parts: int) -> str:
    """Return ten-thousandths of a percent as a percentage."""
    return f"{parts // 10_000}.{parts % 10_000:04}"
