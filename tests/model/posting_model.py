"""A model of wallets and postings: who may move money, in which order balances change, and what the terms say.

Wallets and customers have numbers, from 0, in the order in which they were made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from tests.model.fee_model import Fee, FeeModel, Schedule
from tests.model.limit_model import Account, LimitModel, Limits, Override, Use
from tests.model.records import (
    Held,
    Hold,
    House,
    Leg,
    ModelWallet,
    Place,
    Posted,
    Recorded,
    Refused,
    Result,
    WalletKind,
    WalletState,
    require,
)

WEEK: Final = timedelta(days=7)
"""For how long a hold can be captured."""


@dataclass
class PostingModel:
    """Customers (whether they are active), wallets, transactions, the operator's wallets, and the terms.

    Attributes:
        rate: what the operator pays and takes for one USD, in RWF.
    """

    now: datetime
    customers: list[bool] = field(default_factory=list)
    wallets: list[ModelWallet] = field(default_factory=list)
    records: list[Recorded] = field(default_factory=list)
    houses: Counter[House] = field(default_factory=Counter)
    limits: LimitModel = field(default_factory=LimitModel)
    fees: FeeModel = field(default_factory=FeeModel)
    rate: tuple[int, int] | None = None

    # ------------------------------------------------------------------ customers and wallets

    def register(self, currency: str) -> Result:
        """Add a customer with a first wallet."""
        self.customers.append(True)
        self.wallets.append(ModelWallet(len(self.customers) - 1, currency))
        return "done"

    def open_wallet(self, owner: int, currency: str, kind: WalletKind) -> Result:
        """Open a further wallet of an active customer."""
        if not self.customers[owner]:
            return "customer_not_active"
        self.wallets.append(ModelWallet(owner, currency, kind))
        return "done"

    def set_wallet_state(self, number: int, state: WalletState) -> Result:
        """Freeze, unfreeze or close a wallet."""
        wallet = self.wallets[number]
        if wallet.state == "closed":
            return "done" if state == "closed" else "wallet_not_active"
        if state == "closed" and (wallet.balance or wallet.held):
            return "wallet_not_empty"
        wallet.state = state
        return "done"

    def set_kind(self, number: int, kind: WalletKind) -> Result:
        """Change the kind of an open wallet."""
        wallet = self.wallets[number]
        if wallet.state == "closed":
            return "wallet_not_active"
        wallet.kind = kind
        return "done"

    def set_customer_active(self, number: int, *, active: bool) -> Result:
        """Suspend or reactivate a customer."""
        self.customers[number] = active
        return "done"

    def verify(self, number: int, tier: str) -> Result:
        """Verify an active customer to a tier."""
        if not self.customers[number]:
            return "customer_not_active"
        self.limits.tiers[number] = tier
        return "done"

    # ------------------------------------------------------------------ terms

    def set_limits(self, tier: str, currency: str, limits: Limits) -> Result:
        """Set the limits of a tier."""
        self.limits.of_tiers[tier, currency] = limits
        return "done"

    def override(self, number: int, currency: str, limits: Limits, until: datetime) -> Result:
        """Override limits of a customer."""
        self.limits.overrides[Account(number, currency)] = Override(limits, until)
        return "done"

    def set_rate(self, bid: int, ask: int) -> Result:
        """Set what the operator pays and takes for one USD, in RWF."""
        self.rate = bid, ask
        return "done"

    def create_fee_schedule(self, new: Schedule) -> Result:
        """Add a fee schedule, whose shares are in wallets of its currency."""
        if any(self.wallets[wallet].currency != new.scope.currency for wallet, _ in new.shares):
            return "currency_mismatch"
        return self.fees.create(new)

    def end_fee_schedule(self, number: int, at: datetime | None) -> Result:
        """End a fee schedule."""
        return self.fees.end(number, at or self.now, self.now)

    # ------------------------------------------------------------------ money

    def charge(self, type_: str, amount: int, currency: str, payer: Place, payee: Place) -> Fee | None:
        """Return what a transaction costs now, by the tier of the customer who asked for it."""
        own = payee if isinstance(payer, House) else payer
        assert isinstance(own, int)
        tier = self.limits.tiers.get(self.wallets[own].owner, "0")
        schedule = self.fees.find(type_, currency, tier, self.now)
        fee = None if schedule is None else schedule.charge(amount)
        require(fee is None or fee.paid_by == "payer" or fee.total <= amount, "fee_exceeds_amount")
        return fee

    def charged(self, record: Recorded, fee: Fee | None) -> Recorded:
        """Add a fee to a transaction, without the shares that cannot be paid now."""
        if fee is None:
            return record
        source, fees = record.payer if fee.paid_by == "payer" else record.payee, House("fees", record.currency)
        legs: list[Leg] = [(source, -fee.fee), (fees, fee.fee)]
        if fee.tax:
            legs += [(source, -fee.tax), (House("taxes", record.currency), fee.tax)]
        shares = []
        for wallet, share in fee.shares:
            with_share: list[Leg] = [*legs, (fees, -share), (wallet, share)]
            if self._can_be_paid(wallet, [*record.legs, *with_share]):
                legs = with_share
                shares.append((wallet, share))
        record.fee, record.fee_legs = fee._replace(shares=tuple(shares)), tuple(legs)
        return record

    def post(self, record: Recorded, legs: Sequence[Leg], *, counts: bool = True) -> Posted:
        """Post legs one after the other, and record the transaction; if one is refused, none is posted."""
        changes: list[tuple[Place, int, int]] = []
        try:
            for place, change in legs:
                self.require_moves(place, change, sum(other for one, other in legs if one == place))
                changes.append((place, change, self._change(place, change)))
            record.uses = self._use(legs) if counts else []
        except Refused:
            for place, change, _ in changes:
                self._change(place, -change)
            raise
        self.records.append(record)
        return Posted(record.type, record.amount, tuple(changes), record.fee)

    def hold(self, record: Recorded) -> Held:
        """Hold the amount of a transaction, and record it."""
        self.require_moves(record.payer, -record.amount, -record.amount)
        self.require_moves(record.payee, record.amount, record.amount)
        self.wallets[record.customer].held += record.amount
        record.hold = Hold(record.amount, self.now + WEEK)
        self.records.append(record)
        return record.hold.shown

    def require_moves(self, place: Place, change: int, net: int) -> None:
        """Require that money can leave or enter a wallet, in a transaction that moves `net` in it in all."""
        if isinstance(place, House):
            return
        wallet = self.wallets[place]
        require(self.customers[wallet.owner], "customer_not_active")
        require(not _is_stopped(wallet, net), "wallet_not_active")
        require(change > 0 or wallet.balance - wallet.held >= -change, "insufficient_funds")

    def _can_be_paid(self, number: int, legs: Sequence[Leg]) -> bool:
        """Return whether the last leg, a share, can be posted with the others."""
        wallet = self.wallets[number]
        account, nets = Account(wallet.owner, wallet.currency), self._nets(legs)
        return (
            self.customers[wallet.owner]
            and not _is_stopped(wallet, sum(change for place, change in legs if place == number))
            and self.limits.allow(account, nets[account], self._balance(account) + nets[account], self.now)
        )

    def _change(self, place: Place, change: int) -> int:
        """Change a balance, and return the new one."""
        if isinstance(place, House):
            self.houses[place] += change
            return self.houses[place]
        self.wallets[place].balance += change
        return self.wallets[place].balance

    def _use(self, legs: Iterable[Leg]) -> list[Use]:
        """Count posted legs for limits. Refuse what these do not allow."""
        nets = self._nets(legs)
        balances = {account: self._balance(account) for account in nets}
        uses = self.limits.use(nets, balances, self.now)
        if uses is None:
            raise Refused("limit_exceeded")
        return uses

    def _nets(self, legs: Iterable[Leg]) -> dict[Account, int]:
        """Return what legs move into each account, or out of it."""
        nets: dict[Account, int] = {}
        for place, change in legs:
            if not isinstance(place, House):
                account = Account(self.wallets[place].owner, self.wallets[place].currency)
                nets[account] = nets.get(account, 0) + change
        return nets

    def _balance(self, account: Account) -> int:
        """Return what is in all wallets of an account."""
        return sum(one.balance for one in self.wallets if (one.owner, one.currency) == account)


def _is_stopped(wallet: ModelWallet, net: int) -> bool:
    """Return whether a wallet stops a transaction that moves `net` in it."""
    return wallet.state in ("closed", "frozen") or (wallet.state == "no debits" and net < 0)
