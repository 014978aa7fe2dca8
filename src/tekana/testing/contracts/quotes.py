"""Quotes: kept, bound to what was quoted, and used once, also where many come at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from tekana.application import CreateQuote, EndFeeSchedule, Session, SetRate
from tekana.domain.caller import MAIN_TENANT, customer_caller
from tekana.domain.errors import InvalidRequest, QuoteExpired, QuoteNotFound, QuoteUsed, RateUnavailable, WalletNotFound
from tekana.domain.quotes import QUOTE_LIFETIME, Quote
from tekana.domain.transaction import ExchangeDetails, Transaction
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.builders import atomic
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.exchange import DOLLAR, a_purse, exchange
from tekana.testing.contracts.fees import a_schedule, balances, house_balance
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, a_wallet, all_at_once, all_outcomes, by_hand, transactions_of
from tekana.testing.contracts.hold_races import ROUNDS

_CONTESTANTS = 32


def as_quoted(movement: Any, quote: Quote) -> Any:
    """Return a money command that names a quote."""
    fields = {name: getattr(movement, name) for name in movement.__struct_fields__}
    return type(movement)(**{**fields, "quote_id": quote.id})


class QuotesContract(Contract):
    """The contract of quotes."""

    async def test_a_quote_is_kept(self, app: Session, clock: FrozenClock) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        schedule = await app.execute(a_schedule(tax_percentage="18"))
        movement = builders.transfer(payer.id, payee.id, "20")
        quote = await app.execute(CreateQuote(movement=movement), key="a quote")
        assert quote.charge is not None
        assert (quote.charge.fee, quote.charge.tax, quote.charge.schedule_id) == (10, 2, schedule.id)
        assert (quote.total_debit.minor, quote.total_credit.minor) == (32, 20)
        assert (quote.created_at, quote.expires_at) == (clock(), clock() + QUOTE_LIFETIME)
        clock.advance(timedelta(seconds=1))
        assert await app.execute(CreateQuote(movement=movement), key="a quote") == quote
        await app.execute(EndFeeSchedule(fee_schedule_id=schedule.id))
        posted = await app.execute(as_quoted(movement, quote), key="a transfer")
        assert posted.request.charge == quote.charge
        assert await app.execute(as_quoted(movement, quote), key="a transfer") == posted
        with pytest.raises(QuoteUsed):
            await app.execute(as_quoted(movement, quote))
        assert (await balances(app, payer, payee), await house_balance(app, "fees")) == ([68, 20], 10)

    async def test_a_quote_keeps_its_rate(self, app: Session, clock: FrozenClock) -> None:
        purse = await a_purse(app, "13200")
        await app.execute(
            SetRate(base="USD", quote="RWF", bid="1310", ask="1320", valid_until=clock() + QUOTE_LIFETIME)
        )
        movement = exchange(purse.rwf, purse.usd, "13200")
        quote = await app.execute(CreateQuote(movement=movement))
        assert isinstance(quote.exchange, ExchangeDetails)
        assert (quote.total_debit.minor, quote.total_credit.minor) == (13_200, 1_000)
        await app.execute(SetRate(base="USD", quote="RWF", bid="1", ask="9999"))
        posted = await app.execute(as_quoted(movement, quote))
        assert posted.request.details == quote.exchange
        assert await balances(app, purse.rwf, purse.usd) == [0, 1_000]

    async def test_without_a_rate_there_is_no_quote(self, app: Session) -> None:
        purse = await a_purse(app, "13200")
        with pytest.raises(RateUnavailable):
            await app.execute(CreateQuote(movement=exchange(purse.rwf, purse.usd, "13200")))

    async def test_a_quote_expires(self, app: Session, clock: FrozenClock) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        movement = builders.transfer(payer.id, payee.id, "20")
        quote = await app.execute(CreateQuote(movement=movement))
        clock.advance(QUOTE_LIFETIME)
        with pytest.raises(QuoteExpired):
            await app.execute(as_quoted(movement, quote))

    async def test_customers_quote_and_use_what_is_theirs(self, app: Session) -> None:
        aline, bosco = await a_customer(app, "100"), await a_customer(app, "100")
        of_aline, of_bosco = (app.as_caller(customer_caller(MAIN_TENANT, one.customer.id)) for one in (aline, bosco))
        movement = builders.transfer(aline.wallets[0].id, bosco.wallets[0].id, "20")
        with pytest.raises(WalletNotFound):
            await of_bosco.execute(CreateQuote(movement=movement))
        quote = await of_aline.execute(CreateQuote(movement=movement))
        back = builders.transfer(bosco.wallets[0].id, aline.wallets[0].id, "20")
        with pytest.raises(QuoteNotFound):
            await of_bosco.execute(as_quoted(back, quote))
        elsewhere = app.as_caller(builders.partner("elsewhere"))
        with pytest.raises(WalletNotFound):
            await elsewhere.execute(as_quoted(movement, quote))
        await of_aline.execute(as_quoted(movement, quote))

    async def test_movements_without_fees_and_rates_have_no_quotes(self, app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        quote = await app.execute(CreateQuote(movement=builders.transfer(payer.id, payee.id, "20")))
        with pytest.raises(InvalidRequest):
            as_quoted(builders.movement("hold", payer.id, payee.id, "20"), quote)
        with pytest.raises(InvalidRequest):
            CreateQuote(movement=as_quoted(builders.transfer(payer.id, payee.id, "20"), quote))

    async def test_a_batch_uses_a_quote_once(self, app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        movement = builders.transfer(payer.id, payee.id, "20")
        quote = await app.execute(CreateQuote(movement=movement))
        quoted = as_quoted(movement, quote)
        refused = transactions_of(await app.submit_batch(atomic(quoted, quoted)))
        assert [one.rejection and one.rejection.code for one in refused] == ["rolled_back", "quote_used"]
        done = transactions_of(await app.submit_batch(atomic(quoted, movement)))
        assert [one.status for one in done] == ["posted"] * 2
        assert await balances(app, payer, payee) == [60, 40]

    async def test_of_many_at_once_one_uses_a_quote(
        self, store: Store, crew: Sequence[Session], clock: FrozenClock
    ) -> None:
        app = crew[0]
        await app.execute(DOLLAR)
        await app.execute(a_schedule(flat="1"))
        payer, payee = await a_wallet(app, "100000"), await a_wallet(app)
        movement = builders.transfer(payer.id, payee.id, "2")
        for number in range(1, ROUNDS + 1):
            quote = await app.execute(CreateQuote(movement=movement))
            quoted = as_quoted(movement, quote)
            outcomes = await all_outcomes(crew[n % len(crew)].execute(quoted) for n in range(_CONTESTANTS))
            winners = [one for one in outcomes if isinstance(one, Transaction)]
            assert len(winners) == 1, outcomes
            assert {type(one) for one in outcomes} == {Transaction, QuoteUsed}
            assert await balances(app, payer, payee) == [100_000 - 3 * number, 2 * number]
            clock.advance(timedelta(milliseconds=1))

    async def test_units_that_race_for_a_quote_have_one_effect(self, store: Store, app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        movement = builders.transfer(payer.id, payee.id, "2")
        quote = await app.execute(CreateQuote(movement=movement))
        outcomes = await all_at_once(by_hand(store, as_quoted(movement, quote), caller=app.caller) for _ in range(12))
        statuses = [answer.status for answer, _ in outcomes if isinstance(answer, Transaction)]
        assert sorted(statuses) == ["posted"] + ["rejected"] * 11
        assert await balances(app, payer, payee) == [98, 2]
