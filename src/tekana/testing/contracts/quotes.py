"""Quotes: kept, bound to what was quoted, and used once, also where many come at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tekana.application import (
    CreateQuote,
    EndFeeSchedule,
    ReactivateCustomer,
    ReverseTransaction,
    Session,
    SetRate,
    SuspendCustomer,
    VoidHold,
)
from tekana.application.commands.fees.schedule_fields import NewFeeBand
from tekana.domain.caller import MAIN_TENANT, customer_caller
from tekana.domain.errors import (
    CustomerNotActive,
    FeeExceedsAmount,
    IdempotencyKeyReused,
    InsufficientFunds,
    InvalidRequest,
    LimitExceeded,
    QuoteExpired,
    QuoteMismatch,
    QuoteNotFound,
    QuoteUsed,
    RateUnavailable,
    WalletNotFound,
)
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
from tekana.testing.contracts.limits import tier_0
from tekana.testing.contracts.races import CONTESTANTS, ROUNDS
from tekana.testing.contracts.wallet_kinds import a_merchant, payment


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

    async def test_a_quote_stays_unused_by_what_does_not_move_money(self, app: Session, clock: FrozenClock) -> None:
        """By dry runs, and by movements that a limit, the balance, the customer's status or a batch refuses."""
        await app.execute(tier_0())
        customer, [payer] = await a_customer(app, "31")
        payee = await a_wallet(app)
        await app.execute(a_schedule())
        movement = builders.transfer(payer.id, payee.id, "20")
        quoted = as_quoted(movement, await app.execute(CreateQuote(movement=movement)))
        for _ in range(2):
            assert (await app.preview(quoted)).status == "posted"
        tried = transactions_of(await app.preview_batch(atomic(quoted)))
        assert [one.status for one in tried] == ["posted"]
        await app.execute(tier_0(largest_transaction="29"))
        with pytest.raises(LimitExceeded):
            await app.execute(quoted, key="above a limit")
        await app.execute(tier_0())
        taken = await app.execute(builders.movement("hold", payer.id, payee.id, "2"))
        with pytest.raises(InsufficientFunds):
            await app.execute(quoted)
        await app.execute(VoidHold(transaction_id=taken.id))
        await app.execute(SuspendCustomer(customer_id=customer.id, reason="a dispute"))
        assert (await app.execute(CreateQuote(movement=movement))).total_debit.minor == 30
        with pytest.raises(CustomerNotActive):
            await app.execute(quoted)
        await app.execute(ReactivateCustomer(customer_id=customer.id))
        refused = transactions_of(await app.submit_batch(atomic(quoted, builders.withdrawal(payer.id, "2"))))
        assert [one.rejection and one.rejection.code for one in refused] == ["rolled_back", "insufficient_funds"]
        assert (await app.execute(quoted)).status == "posted"
        with pytest.raises(LimitExceeded):  # as it was answered first
            await app.execute(quoted, key="above a limit")
        assert await balances(app, payer, payee) == [1, 20]

    async def test_of_two_in_one_batch_the_first_uses_the_quote(self, app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        movement = builders.transfer(payer.id, payee.id, "20")
        quoted = as_quoted(movement, await app.execute(CreateQuote(movement=movement)))
        done = transactions_of(await app.submit_batch(builders.independent(quoted, quoted, movement)))
        assert [one.rejection and one.rejection.code for one in done] == [None, "quote_used", None]
        assert await balances(app, payer, payee) == [60, 40]

    async def test_a_repeated_request_gets_its_first_answer_after_the_quote_has_expired(
        self, app: Session, clock: FrozenClock
    ) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        movement = builders.transfer(payer.id, payee.id, "20")
        quote = await app.execute(CreateQuote(movement=movement), key="a quote")
        quoted = as_quoted(movement, quote)
        posted = await app.execute(quoted, key="in time")
        clock.advance(2 * QUOTE_LIFETIME)
        assert await app.execute(quoted, key="in time") == posted
        assert await app.execute(CreateQuote(movement=movement), key="a quote") == quote
        late = as_quoted(movement, await app.execute(CreateQuote(movement=movement)))
        clock.advance(QUOTE_LIFETIME)
        for _ in range(2):
            with pytest.raises(QuoteExpired):
                await app.execute(late, key="too late")
        with pytest.raises(IdempotencyKeyReused):
            await app.execute(late, key="in time")
        assert await balances(app, payer, payee) == [80, 20]

    async def test_customers_see_the_fees_of_quotes_that_they_pay(self, app: Session) -> None:
        aline, shop = await a_customer(app, "100"), await a_merchant(app)
        await app.execute(a_schedule("payment", "4", paid_by="payee"))
        await app.execute(a_schedule("transfer", "3"))
        of_aline = app.as_caller(customer_caller(MAIN_TENANT, aline.customer.id))
        paying, sending = payment(aline.wallets[0], shop.id), builders.transfer(aline.wallets[0].id, shop.id, "20")
        for _ in range(2):
            quote = await of_aline.execute(CreateQuote(movement=paying), key="a quote")
            assert (quote.charge, quote.total_debit.minor, quote.total_credit.minor) == (None, 10, 10)
        shown = await of_aline.execute(CreateQuote(movement=sending))
        assert shown.charge is not None
        assert shown.total_debit.minor == 23
        await of_aline.execute(as_quoted(paying, quote))
        with pytest.raises(FeeExceedsAmount) as refused:
            await of_aline.execute(msgspec.structs.replace(paying, amount="3"))
        assert "4" not in str(refused.value)
        assert await balances(app, aline.wallets[0], shop) == [90, 6]

    async def test_partners_use_the_quotes_of_their_tenant(self, app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        movement = builders.transfer(payer.id, payee.id, "20")
        of_operator = as_quoted(movement, await app.execute(CreateQuote(movement=movement)))
        partner = app.as_caller(builders.partner())
        assert (await partner.execute(of_operator)).status == "posted"
        there = app.as_caller(builders.partner("elsewhere"))
        one, other = [(await there.execute(builders.person())).wallets[0] for _ in range(2)]
        await there.execute(builders.deposit(one.id, "50"))
        abroad = builders.transfer(one.id, other.id, "20")
        quote = await there.execute(CreateQuote(movement=abroad))
        with pytest.raises(QuoteNotFound):
            await partner.execute(as_quoted(movement, quote))
        with pytest.raises(WalletNotFound):
            await partner.execute(as_quoted(abroad, quote))
        with pytest.raises(QuoteMismatch):
            await app.execute(as_quoted(movement, quote))
        await there.execute(as_quoted(abroad, quote))

    async def test_a_quote_of_the_largest_amount(self, app: Session) -> None:
        """Its fee and its tax come on top; what leaves in all is more than one transaction moves."""
        payer, payee = await a_wallet(app), await a_wallet(app)
        most = str(10**15)
        await app.execute(a_schedule(bands=(NewFeeBand(flat=most, percentage="100"),), tax_percentage="100"))
        await app.execute(tier_0())
        movement = builders.transfer(payer.id, payee.id, most)
        quote = await app.execute(CreateQuote(movement=movement))
        assert (quote.total_debit.minor, quote.total_credit.minor) == (5 * 10**15, 10**15)
        with pytest.raises(InsufficientFunds):
            await app.execute(as_quoted(movement, quote))
        for _ in range(5):
            await app.execute(builders.deposit(payer.id, most))
        posted = await app.execute(as_quoted(movement, quote))
        await app.execute(ReverseTransaction(transaction_id=posted.id, amount=str(10**15 - 7)))
        await app.execute(ReverseTransaction(transaction_id=posted.id))
        assert await balances(app, payer, payee) == [5 * 10**15, 0]
        assert await house_balance(app, "fees") == 0

    async def test_of_many_at_once_one_uses_a_quote(self, crew: Sequence[Session], clock: FrozenClock) -> None:
        app = crew[0]
        await app.execute(DOLLAR)
        await app.execute(a_schedule(flat="1"))
        payer, payee = await a_wallet(app, "100000"), await a_wallet(app)
        movement = builders.transfer(payer.id, payee.id, "2")
        for number in range(1, ROUNDS + 1):
            quote = await app.execute(CreateQuote(movement=movement))
            quoted = as_quoted(movement, quote)
            outcomes = await all_outcomes(crew[n % len(crew)].execute(quoted) for n in range(CONTESTANTS))
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
