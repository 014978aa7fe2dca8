"""The reader of reports on the whole ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, NamedTuple, Protocol

from tekana.domain.identifiers import HOUSE_ROLES, HouseRole
from tekana.domain.money import Currency, Money

CUSTOMERS: Final = "customers"

Account = HouseRole | Literal["customers"]
"""An account of the trial balance: a house wallet by its role, or all customers' wallets as one."""

ACCOUNTS: Final[tuple[Account, ...]] = (*HOUSE_ROLES, CUSTOMERS)
"""All accounts, in the order of the trial balance."""


class AccountBalance(NamedTuple):
    """A line of the trial balance.

    Attributes:
        account: the account; of a house role, all its stripes together.
        currency: its currency.
        wallet_count: the number of wallets that it is made of.
        balance_minor: the sum of their ledger balances, in minor units.
    """

    account: Account
    currency: Currency
    wallet_count: int
    balance_minor: int

    @property
    def debit(self) -> Money:
        """Return the balance of an account that owes: of an asset, such as the money in settlement."""
        return Money(max(-self.balance_minor, 0), self.currency)

    @property
    def credit(self) -> Money:
        """Return the balance of an account that is owed: of a liability, such as customers' money."""
        return Money(max(self.balance_minor, 0), self.currency)


class TrialBalance(NamedTuple):
    """The balances of all accounts at a time. Those of each currency sum to zero.

    Attributes:
        at: the time, aware.
        accounts: by currency, then in the order of ACCOUNTS.
    """

    at: datetime
    accounts: tuple[AccountBalance, ...]

    def totals(self) -> tuple[tuple[Money, Money], ...]:
        """Return the sums of debits and of credits of each currency, which are equal."""
        totals: dict[Currency, tuple[Money, Money]] = {}
        for one in self.accounts:
            debit, credit = totals.get(one.currency, (Money(0, one.currency), Money(0, one.currency)))
            totals[one.currency] = debit + one.debit, credit + one.credit
        return tuple(totals.values())


class Reports(Protocol):
    """Reports on the whole ledger, of all tenants."""

    async def trial_balance(self, at: datetime | None = None) -> TrialBalance:
        """Return the balance of each account at a time, all of one snapshot.

        Args:
            at: an aware datetime, inclusive; None means now.

        Raises:
            Unavailable: the store cannot be reached.
        """
        ...


def in_order(accounts: list[AccountBalance]) -> tuple[AccountBalance, ...]:
    """Return accounts in the order of a trial balance."""
    return tuple(sorted(accounts, key=lambda one: (one.currency, ACCOUNTS.index(one.account))))
