"""Reports on the whole ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec
from litestar import Router
from litestar.di import NamedDependency
from msgspec import UNSET, UnsetType

from tekana.application.exchange_positions import ExchangePosition as DomainPosition
from tekana.application.exchange_positions import ExchangePositions as DomainPositions
from tekana.ports.readers import SessionReaders
from tekana.ports.reports import Account, AccountBalance
from tekana.ports.reports import TrialBalance as DomainTrialBalance
from tekana_litestar import fields
from tekana_litestar.fields import POSTED_AT, meta
from tekana_litestar.operation import Call, Returns, query
from tekana_litestar.queries import Query
from tekana_litestar.responses import Response, json_response
from tekana_litestar.views import shown, utc

_DEBIT: Final = meta("What the account is owed, in major units; zero if it owes.", "0")
_CREDIT: Final = meta("What the account owes, in major units; zero if it is owed.", "8500")


class AccountLine(msgspec.Struct, frozen=True, kw_only=True):
    """The balance of an account in a currency: of a house role, or of all customers' wallets."""

    account: Annotated[Account, meta("A role of the operator's own wallets, or `customers`.", "customers")]
    currency: Annotated[str, fields.CURRENCY]
    wallet_count: Annotated[int, meta("How many wallets it is made of.", 1)]
    debit: Annotated[str, _DEBIT]
    credit: Annotated[str, _CREDIT]

    @classmethod
    def from_domain(cls, one: AccountBalance) -> AccountLine:
        """Return what clients see of an account."""
        return shown(cls, one, debit=one.debit.major, credit=one.credit.major)


class CurrencyTotal(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of a currency, which are equal."""

    currency: Annotated[str, fields.CURRENCY]
    debit: Annotated[str, meta("The sum of all debits.", "8500")]
    credit: Annotated[str, meta("The sum of all credits.", "8500")]


class TrialBalance(msgspec.Struct, frozen=True, kw_only=True):
    """The balances of all accounts at a time."""

    at: Annotated[datetime, fields.time(None, POSTED_AT)]
    accounts: tuple[AccountLine, ...]
    totals: tuple[CurrencyTotal, ...]

    @classmethod
    def from_domain(cls, one: DomainTrialBalance) -> TrialBalance:
        """Return what clients see of a trial balance."""
        return cls(
            at=utc(one.at),
            accounts=tuple([AccountLine.from_domain(each) for each in one.accounts]),
            totals=tuple(
                [
                    CurrencyTotal(currency=debit.currency, debit=debit.major, credit=credit.major)
                    for debit, credit in one.totals()
                ]
            ),
        )


class TrialBalanceQuery(Query, frozen=True, kw_only=True):
    """When."""

    at: Annotated[datetime, fields.time("The moment to look at; without it, now.")] | UnsetType = UNSET


@query("/trial-balance", Returns(200, TrialBalance), query=TrialBalanceQuery, does=SessionReaders.reports)
async def get_trial_balance(call: NamedDependency[Call[None, TrialBalanceQuery]]) -> Response:
    """Read the trial balance.

    The balance of each of the operator's own accounts, and of all customers' money as one liability, in each currency,
    after everything that was posted at that moment or before; without `at`, now. Debits and credits of a currency are
    equal. It needs `tenants:all` as well.
    """
    at = None if call.query.at is UNSET else call.query.at
    return json_response(200, TrialBalance.from_domain(await call.session.reports.trial_balance(at)))


class ExchangePosition(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator holds of a currency from exchanges."""

    currency: Annotated[str, meta("The currency that is held.", "USD")]
    balance: Annotated[str, meta("How much, in major units; below zero if more was given out than came in.", "100.00")]
    base: Annotated[str | None, meta("The base of the rate that it is valued at; null if none applies.", "USD")]
    quote: Annotated[str | None, meta("The quote currency of that rate.", "RWF")]
    bid: Annotated[str | None, meta("The bid of that rate; it is valued between bid and ask.", "1310.25")]
    ask: Annotated[str | None, meta("The ask of that rate.", "1320")]
    value: Annotated[
        str | None, meta("Its value, in major units of the currency asked for; null without a rate.", "131512")
    ]

    @classmethod
    def from_domain(cls, one: DomainPosition) -> ExchangePosition:
        """Return what clients see of a position."""
        rate = one.rate
        prices = (None,) * 4 if rate is None else (rate.base, rate.quote, rate.bid, rate.ask)
        base, quote, bid, ask = prices
        return cls(
            currency=one.balance.currency,
            balance=one.balance.major,
            base=base,
            quote=quote,
            bid=bid,
            ask=ask,
            value=None if one.value is None else one.value.major,
        )


class ExchangePositions(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator holds of each currency from exchanges, now."""

    at: Annotated[datetime, fields.time(None, POSTED_AT)]
    currency: Annotated[str, fields.CURRENCY]
    positions: tuple[ExchangePosition, ...]
    profit: Annotated[
        str | None,
        meta("What all positions are worth together: a loss is below zero. Null if one has no value.", "512"),
    ]

    @classmethod
    def from_domain(cls, one: DomainPositions) -> ExchangePositions:
        """Return what clients see of the positions."""
        return cls(
            at=utc(one.at),
            currency=one.currency,
            positions=tuple([ExchangePosition.from_domain(each) for each in one.positions]),
            profit=None if one.profit is None else one.profit.major,
        )


class PositionsQuery(Query, frozen=True, kw_only=True):
    """In which currency."""

    currency: Annotated[str, meta("The currency of the values and of the profit.", "RWF")]


@query("/exchange-positions", Returns(200, ExchangePositions), query=PositionsQuery, does=SessionReaders.reports)
async def get_exchange_positions(call: NamedDependency[Call[None, PositionsQuery]]) -> Response:
    """Read the exchange positions.

    What the operator holds of each currency from exchanges, and what it is worth between the bid and the ask that apply
    now. All of it together is the profit of all exchanges so far, as the operator's `exchange` wallets began at zero.
    It needs `tenants:all` as well.
    """
    found = await call.session.exchange_positions(call.query.currency)
    return json_response(200, ExchangePositions.from_domain(found))


ROUTER: Final = Router(
    "/v1/reports",
    tags=["Reports"],
    opt={"about_tag": "The whole ledger, for accountants."},
    route_handlers=[get_trial_balance, get_exchange_positions],
)
