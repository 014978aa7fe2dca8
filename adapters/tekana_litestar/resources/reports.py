"""Reports on the whole ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec
from litestar import Router
from litestar.di import NamedDependency
from msgspec import UNSET, UnsetType

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


ROUTER: Final = Router(
    "/v1/reports",
    tags=["Reports"],
    opt={"about_tag": "The whole ledger, for accountants."},
    route_handlers=[get_trial_balance],
)
