"""Exchange rates, and exchanges at them."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from tekana.application import ExchangeFunds, Session, SetRate
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import (
    AmountTooSmall,
    Forbidden,
    HouseForbidden,
    InsufficientFunds,
    InvalidRequest,
    InverseRateExists,
    RateNotFound,
    RateUnavailable,
)
from tekana.domain.identifiers import house_wallet_id
from tekana.domain.money import Currency
from tekana.domain.rates import Pair
from tekana.domain.transaction import ExchangeDetails
from tekana.domain.wallet import Wallet
from tekana.testing import builders
from tekana.testing.builders import RWF, atomic
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, all_at_once, all_outcomes, transactions_of

USD = Currency("USD")
DOLLAR = SetRate(base="USD", quote="RWF", bid="1310", ask="1320")


class Purse(NamedTuple):
    """The wallets of a customer in two currencies."""

    rwf: Wallet
    usd: Wallet


async def a_purse(app: Session, rwf: str | None = None, usd: str | None = None) -> Purse:
    """Register a customer with wallets in two currencies."""
    aline = await a_customer(app, rwf)
    opened = await app.execute(builders.open_wallet(aline.customer.id, "USD"))
    if usd is not None:
        await app.execute(builders.deposit(opened.id, usd, "USD"))
    return Purse(aline.wallets[0], await app.wallets.get(opened.id))


def exchange(source: Wallet, target: Wallet, amount: str) -> ExchangeFunds:
    """Build an exchange."""
    return ExchangeFunds(from_wallet_id=source.id, to_wallet_id=target.id, amount=amount, currency=source.currency)


class ExchangeContract(Contract):
    """The contract of exchange rates and exchanges."""

    @pytest.mark.parametrize("text", ["\x84", "", "US", "usd", "USDR", "USD" * 100, "XYZ"])
    async def test_what_is_no_currency_has_no_rate(self, app: Session, text: Currency) -> None:
        await app.execute(DOLLAR)
        for pair in ((USD, text), (text, RWF)):
            with pytest.raises(RateNotFound):
                await app.rates.get(*pair)

    async def test_a_rate_is_kept_with_its_versions(self, app: Session, clock: FrozenClock) -> None:
        with pytest.raises(RateNotFound):
            await app.rates.get(USD, RWF)
        first = await app.execute(DOLLAR, key="first")
        clock.advance(timedelta(minutes=1))
        second = await app.execute(SetRate(base="USD", quote="RWF", bid="1330.50", ask="1340"))
        await app.execute(SetRate(base="EUR", quote="RWF", bid="1500", ask="1510"))
        assert [first.version, second.version, second.bid] == [1, 2, "1330.5"]
        assert second.valid_from - first.valid_from == timedelta(minutes=1)
        assert await app.rates.get(USD, RWF) == second
        assert [one.pair for one in await app.rates.list()] == [Pair(Currency("EUR"), RWF), Pair(USD, RWF)]
        assert await app.execute(DOLLAR, key="first") == first
        assert await app.rates.get(USD, RWF) == second

    async def test_the_same_rate_again_is_no_new_version(self, app: Session, clock: FrozenClock) -> None:
        first = await app.execute(DOLLAR)
        clock.advance(timedelta(minutes=1))
        assert await app.execute(DOLLAR) == first

    async def test_rates_that_are_refused(self, app: Session, clock: FrozenClock) -> None:
        await app.execute(DOLLAR)
        with pytest.raises(InverseRateExists):
            await app.execute(SetRate(base="RWF", quote="USD", bid="0.0007", ask="0.0008"))
        with pytest.raises(InvalidRequest):
            await app.execute(replace_until(DOLLAR, clock, timedelta(0)))
        partner = replace(LOCAL_OPERATOR, kind="partner", scopes=LOCAL_OPERATOR.scopes - {"tenants:all"})
        with pytest.raises(HouseForbidden):
            await app.as_caller(partner).execute(DOLLAR)
        with pytest.raises(Forbidden):
            await app.as_caller(builders.partner()).execute(DOLLAR)
        assert len(await app.rates.list()) == 1

    async def test_two_units_that_set_one_rate_at_once(self, app: Session) -> None:
        prices = [str(1000 + number) for number in range(8)]
        settings = [SetRate(base="USD", quote="RWF", bid=one, ask="2000") for one in prices]
        inverse = [SetRate(base="RWF", quote="USD", bid="0.001", ask="0.002")] * 4
        outcomes = await all_outcomes([app.execute(one) for one in (*settings, *inverse)])
        refused = [one for one in outcomes if isinstance(one, BaseException)]
        assert {type(one) for one in refused} == {InverseRateExists}
        assert len(await app.rates.list()) == 1

    async def test_an_exchange_goes_through_the_exchange_wallets(self, app: Session) -> None:
        await app.execute(DOLLAR)
        mine = await a_purse(app, "20000")
        done = await app.execute(exchange(mine.rwf, mine.usd, "13200"), key="a key")
        assert [(one.wallet_id, one.amount_minor, one.currency) for one in done.entries] == [
            (mine.rwf.id, -13_200, RWF),
            (house_wallet_id("exchange", RWF), 13_200, RWF),
            (house_wallet_id("exchange", USD), -1_000, USD),
            (mine.usd.id, 1_000, USD),
        ]
        assert done.request.details == ExchangeDetails(1_000, USD, USD, RWF, "1320")
        assert await app.transactions.get(done.id) == done
        assert await app.execute(exchange(mine.rwf, mine.usd, "13200"), key="a key") == done
        assert await balances(app, mine) == (6_800, 1_000)

    async def test_an_expired_rate_does_not_apply(self, app: Session, clock: FrozenClock) -> None:
        mine = await a_purse(app, "20000")
        with pytest.raises(RateUnavailable):
            await app.execute(exchange(mine.rwf, mine.usd, "13200"))
        await app.execute(replace_until(DOLLAR, clock, timedelta(hours=1)))
        clock.advance(timedelta(minutes=59))
        await app.execute(exchange(mine.rwf, mine.usd, "1320"))
        clock.advance(timedelta(minutes=1))
        with pytest.raises(RateUnavailable) as refused:
            await app.execute(exchange(mine.rwf, mine.usd, "1320"))
        assert refused.value.transaction is not None
        assert await app.transactions.get(refused.value.transaction.id) == refused.value.transaction
        assert await balances(app, mine) == (18_680, 100)

    async def test_a_refused_exchange_moves_nothing(self, app: Session) -> None:
        await app.execute(DOLLAR)
        mine = await a_purse(app, "100")
        with pytest.raises(InsufficientFunds):
            await app.execute(exchange(mine.rwf, mine.usd, "101"))
        with pytest.raises(AmountTooSmall):
            await app.execute(exchange(mine.rwf, mine.usd, "13"))
        done = await app.submit_batch(
            atomic(exchange(mine.rwf, mine.usd, "100"), builders.withdrawal(mine.usd.id, "50", "USD"))
        )
        assert [one.rejection and one.rejection.code for one in transactions_of(done)] == [
            "rolled_back",
            "insufficient_funds",
        ]
        assert await balances(app, mine) == (100, 0)

    async def test_many_exchanges_in_both_directions_at_once(self, app: Session) -> None:
        """The audit at the end finds a currency that does not sum to zero."""
        await app.execute(DOLLAR)
        purses = [await a_purse(app, "100000", "100") for _ in range(3)]
        chance = random.Random(1)  # noqa: S311 - not a secret
        work: list[Awaitable[object]] = []
        for number in range(60):
            one, other = chance.choice(purses), chance.choice(purses)
            rising = SetRate(base="USD", quote="RWF", bid=str(1310 + number), ask=str(1400 + number))
            choices: list[Any] = [exchange(one.rwf, other.usd, "1000"), exchange(one.usd, other.rwf, "1.50"), rising]
            work.append(app.execute(chance.choice(choices)))
        await all_at_once(work)

    async def test_each_process_uses_a_new_rate_at_once(self, crew: Sequence[Session]) -> None:
        one, other, *_ = crew
        await one.execute(DOLLAR)
        mine = await a_purse(one, "100000")
        await other.execute(exchange(mine.rwf, mine.usd, "13200"))
        await one.execute(SetRate(base="USD", quote="RWF", bid="2000", ask="2000"))
        done = await other.execute(exchange(mine.rwf, mine.usd, "20000"))
        assert done.entries[-1].amount_minor == 1_000


def replace_until(command: SetRate, clock: FrozenClock, after: timedelta) -> SetRate:
    """Return a command that sets a rate until some time after now."""
    return SetRate(
        base=command.base, quote=command.quote, bid=command.bid, ask=command.ask, valid_until=clock() + after
    )


async def balances(app: Session, purse: Purse) -> tuple[int, int]:
    """Return the balances of both wallets."""
    rwf, usd = [(await app.wallets.get(one.id)).ledger_balance for one in purse]
    return rwf, usd
