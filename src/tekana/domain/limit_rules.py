"""The rules of limits: what each transaction uses of them, and what a customer has left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from tekana.domain.errors import LimitExceeded
from tekana.domain.identifiers import CustomerId, WalletId
from tekana.domain.limits import (
    LIMIT_NAMES,
    TIERS,
    WINDOW_NAMES,
    LimitOverride,
    LimitSet,
    ReachedLimit,
)
from tekana.domain.money import Currency
from tekana.domain.terms import PreparedLimits, Terms, prepared
from tekana.domain.transaction import TRANSACTION_TYPES, Leg, TransactionRequest, TransactionTypeRules
from tekana.domain.usage import (
    NO_USAGE,
    Period,
    Usage,
    period_of,
    usage_at,
    usage_with,
    usage_without,
    window_end,
    window_of,
)

if TYPE_CHECKING:
    from tekana.domain.customer import Customer
    from tekana.domain.wallet import Wallet

_NOTHING: tuple[Wallet, ...] = ()


class Undone(NamedTuple):
    """A transaction that a reversal undoes, as limits see it.

    Attributes:
        posted_at: when it was posted, and counted.
        moved: what it moved in each wallet; the amounts are negative where money left.
        amount: its amount.
        before, after: how much of that is reversed before and after the reversal.
    """

    posted_at: datetime
    moved: Mapping[WalletId, int]
    amount: int
    before: int
    after: int

    @property
    def is_whole(self) -> bool:
        """Return whether nothing is left of the transaction after the reversal."""
        return self.after == self.amount

    def given_back(self, net_minor: int) -> int:
        """Return what the reversal gives back of what was used, with the same sign: all parts together are all of it.

        It depends on the amount alone, whether fees are given back or kept.
        """
        given = abs(net_minor) * self.after // self.amount - abs(net_minor) * self.before // self.amount
        return given if net_minor > 0 else -given


class LimitRules:
    """The limits in one unit of work.

    Args:
        terms: the terms in force.
        wallets: the locked wallets, by id. With a wallet that shares the usage of another, that other one is locked.
    """

    __slots__ = ("_moment", "_period", "_terms", "_wallets", "_zone")

    def __init__(self, terms: Terms, wallets: Mapping[WalletId, Wallet]) -> None:
        self._terms = terms
        self._zone = terms.zone
        self._wallets = wallets
        self._moment: datetime | None = None
        self._period = Period(0, 0, 0)

    def apply(
        self, request: TransactionRequest, legs: Sequence[Leg], moment: datetime, undone: Undone | None = None
    ) -> Sequence[Wallet]:
        """Count legs of a request that were just posted, and compare with the limits.

        What a transaction moves between wallets of one customer is not counted. A reversal is compared with nothing: it
        gives back a part of what its original, `undone`, has used in the present day, week and month.

        Returns:
            The wallets without a leg whose usage changed.

        Raises:
            LimitExceeded: a limit of the payer or the payee does not allow it. Nothing was counted.
        """
        rules = TRANSACTION_TYPES[request.type]
        counts = rules.counts_for_limits and not request.gives_back
        for wallet, _, _ in legs:
            if wallet.usage_wallet_id is not None or undone is not None:
                return self._apply_to_customers(rules, legs, moment, undone, counts=counts)
        if not counts:
            return _NOTHING
        period = self._period if moment is self._moment else self._begin(moment)
        used: list[tuple[Wallet, Usage]] = []
        for wallet, net_minor, _ in legs if len(legs) == 2 else _sums(legs):
            if wallet.house is None:
                usage = usage_at(wallet.usage, period)
                is_shown = net_minor < 0 or rules.payer is not None
                used.append((wallet, self._used(wallet, usage, net_minor, moment, is_shown=is_shown)))
        for wallet, usage in used:
            wallet.usage = usage
        return _NOTHING

    def allow(self, legs: Sequence[Leg], wallet: Wallet, moment: datetime) -> bool:
        """Return whether limits allow what legs that are not posted yet move in the wallets of a wallet's customer."""
        first = self._first_of(wallet)
        net_minor = sum(
            leg.amount_minor for leg in legs if leg.wallet.house is None and self._first_of(leg.wallet) is first
        )
        if net_minor == 0:
            return True
        usage = usage_at(first.usage, self._begin(moment))
        try:
            self._used(first, usage, net_minor, moment, is_shown=False, unposted_minor=net_minor)
        except LimitExceeded:
            return False
        return True

    def _first_of(self, wallet: Wallet) -> Wallet:
        """Return the customer's first wallet in the currency, which has the usage."""
        return wallet if wallet.usage_wallet_id is None else self._wallets[wallet.usage_wallet_id]

    def _begin(self, moment: datetime) -> Period:
        self._moment = moment
        self._period = period = period_of(moment, self._zone)
        return period

    def _apply_to_customers(
        self,
        rules: TransactionTypeRules,
        legs: Sequence[Leg],
        moment: datetime,
        undone: Undone | None,
        *,
        counts: bool,
    ) -> Sequence[Wallet]:
        """Apply any legs. Some may be in wallets that share the usage of a customer's first one."""
        period = self._period if moment is self._moment else self._begin(moment)
        by_first: dict[WalletId, list[Leg]] = {}
        for leg in legs:
            if leg.wallet.house is None:
                by_first.setdefault(leg.wallet.usage_wallet_id or leg.wallet.id, []).append(leg)
        counted = {first_id: sum(leg.amount_minor for leg in own) for first_id, own in by_first.items()}
        if undone is not None:
            counted = self._by_first(undone.moved)
        used: list[tuple[Wallet, Usage]] = []
        for first_id in by_first | counted:
            first, net_minor = self._wallets[first_id], counted.get(first_id, 0)
            moved_elsewhere = sum(leg.amount_minor for leg in by_first.get(first_id, ()) if leg.wallet is not first)
            is_counted = net_minor != 0 and (undone is not None or counts)
            usage = usage_at(first.usage, period) if is_counted else first.usage or NO_USAGE
            usage = usage._replace(elsewhere=usage.elsewhere + moved_elsewhere)
            if is_counted and undone is not None:
                usage = self._given_back(usage, net_minor, undone)
            elif is_counted:
                is_shown = net_minor < 0 or rules.payer is not None
                usage = self._used(first, usage, net_minor, moment, is_shown=is_shown)
            used.append((first, usage))
        for first, usage in used:
            first.usage = usage
        with_legs = {id(leg.wallet) for leg in legs}
        return [first for first, _ in used if id(first) not in with_legs]

    def _by_first(self, moved: Mapping[WalletId, int]) -> dict[WalletId, int]:
        """Return what was moved in customers' wallets, by the first wallet of each."""
        sums: dict[WalletId, int] = {}
        for wallet_id, minor in moved.items():
            wallet = self._wallets[wallet_id]
            if wallet.house is None:
                first_id = wallet.usage_wallet_id or wallet_id
                sums[first_id] = sums.get(first_id, 0) + minor
        return sums

    def _given_back(self, usage: Usage, net_minor: int, undone: Undone) -> Usage:
        """Return the usage without what a reversal gives back of what its original has used."""
        if undone.posted_at < self._terms.counted_from:
            return usage
        period = period_of(undone.posted_at, self._terms.zone_at(undone.posted_at))
        return usage_without(usage, period, undone.given_back(net_minor), is_whole=undone.is_whole)

    def _used(
        self,
        wallet: Wallet,
        usage: Usage,
        net_minor: int,
        moment: datetime,
        *,
        is_shown: bool,
        unposted_minor: int = 0,
    ) -> Usage:
        """Return the usage with a transaction. Raise LimitExceeded if a limit does not allow it.

        Args:
            wallet: the customer's first wallet in the currency.
            usage: what was used before it.
            net_minor: what the transaction moves, below zero if it is outgoing.
            moment: when.
            is_shown: whether the refusal names the limit: not to a payer, if it is one of the payee.
            unposted_minor: what of it is not in the balance yet.
        """
        after = usage_with(usage, net_minor)
        limits = limits_of(self._terms, wallet.tier, wallet.currency, wallet.limit_override, moment)
        if limits is None:
            return after
        (largest, largest_balance, *_), outgoing, incoming = limits
        if largest is not None and abs(net_minor) > largest:
            self._refuse(wallet, usage, 0, largest, largest, is_shown=is_shown)
        if largest_balance is not None and net_minor > 0:
            balance = wallet.ledger_balance + usage.elsewhere + unposted_minor
            if balance > largest_balance:
                left = max(largest_balance - (balance - net_minor), 0)
                self._refuse(wallet, usage, 1, largest_balance, left, is_shown=is_shown)
        for place, limit in outgoing if net_minor < 0 else incoming:
            if after[place] > limit:
                self._refuse(wallet, usage, place + 1, limit, max(limit - usage[place], 0), is_shown=is_shown)
        return after

    def _refuse(self, wallet: Wallet, usage: Usage, place: int, limit: int, left: int, *, is_shown: bool) -> NoReturn:
        if not is_shown:
            raise LimitExceeded("a limit of the wallet to pay into does not allow this")
        name = LIMIT_NAMES[place]
        resets_at = window_end(window_of(name), usage.day, self._zone) if name in WINDOW_NAMES else None
        reached = ReachedLimit(name, wallet.currency, limit, left, resets_at)
        raise LimitExceeded(str(reached), reached)


def _sums(legs: Sequence[Leg]) -> Iterable[Leg]:
    """Return one leg for each wallet, with the sum of its legs; none for a sum of zero."""
    sums: dict[WalletId, Leg] = {}
    for leg in legs:
        before = sums.get(leg.wallet.id)
        sums[leg.wallet.id] = (
            leg if before is None else leg._replace(amount_minor=leg.amount_minor + before.amount_minor)
        )
    return [leg for leg in sums.values() if leg.amount_minor]


def limits_of(
    terms: Terms, tier: str | None, currency: Currency, override: LimitOverride | None, moment: datetime
) -> PreparedLimits | None:
    """Return the limits of a customer with this tier and override at a time; None without any."""
    limits = terms.prepared.get((tier or TIERS[0], currency))
    if override is None or moment >= override.until:
        return limits
    return prepared(override.limits if limits is None else limits.limits.replaced_by(override.limits))


def limited_tier(customer: Customer) -> str | None:
    """Return the tier whose limits a customer has; None for the first. Tiers of before there were limits are none."""
    return customer.tier if customer.tier in TIERS[1:] else None


class LimitCopies(NamedTuple):
    """What the limits of a wallet depend on: copies of the customer's tier and override in its currency."""

    tier: str | None
    limit_override: LimitOverride | None


def limit_copies(customer: Customer, currency: Currency) -> LimitCopies:
    """Return the copies for the customer's wallets in a currency."""
    override = next((one for one in customer.limit_overrides if one.currency == currency), None)
    return LimitCopies(limited_tier(customer), override)


def copy_limits(customer: Customer, wallet: Wallet) -> bool:
    """Copy what a customer's limits depend on to a wallet of theirs, and return whether that changed something."""
    copies = limit_copies(customer, wallet.currency)
    changes = copies != (wallet.tier, wallet.limit_override)
    wallet.tier, wallet.limit_override = copies
    return changes


def share_usage(wallet: Wallet, others: Iterable[Wallet]) -> None:
    """Have a new wallet share the usage of the customer's first one in its currency, if there is one."""
    first = next((one for one in others if one.currency == wallet.currency and one.id != wallet.id), None)
    if first is not None:
        wallet.usage_wallet_id = first.usage_wallet_id or first.id


class LimitState(NamedTuple):
    """A limit of a customer, and what is used of it: amounts in minor units, or numbers of transactions.

    Attributes:
        limit: None without a limit.
        used: None for the largest transaction.
        left: None without a limit.
        resets_at: when the window ends; None for a limit of no window.
    """

    name: str
    limit: int | None
    used: int | None
    left: int | None
    resets_at: datetime | None


class CurrencyLimits(NamedTuple):
    """The limits of a customer in a currency, in the order of LIMIT_NAMES, and the override in force, if any."""

    currency: Currency
    limits: tuple[LimitState, ...]
    override: LimitOverride | None


class CustomerLimits(NamedTuple):
    """The limits of a customer in the currencies of their wallets, in alphabetical order.

    Attributes:
        tier: whose limits they have, unless they are overridden.
    """

    customer_id: CustomerId
    tier: str
    currencies: tuple[CurrencyLimits, ...]


def customer_limits(customer: Customer, wallets: Iterable[Wallet], terms: Terms, moment: datetime) -> CustomerLimits:
    """Return the limits of a customer with these wallets at a time."""
    firsts = {one.currency: one for one in wallets if one.usage_wallet_id is None}
    tier = limited_tier(customer) or TIERS[0]
    return CustomerLimits(
        customer.id, tier, tuple(_currency_limits(firsts[one], terms, moment) for one in sorted(firsts))
    )


def _currency_limits(first: Wallet, terms: Terms, moment: datetime) -> CurrencyLimits:
    override = first.limit_override
    if override is not None and moment >= override.until:
        override = None
    found = limits_of(terms, first.tier, first.currency, override, moment)
    limits = LimitSet() if found is None else found.limits
    usage = usage_at(first.usage, period_of(moment, terms.zone))
    used: tuple[int | None, ...] = (None, first.ledger_balance + usage.elsewhere, *usage[1:-1])
    states = []
    for name, limit, so_far in zip(LIMIT_NAMES, limits, used, strict=True):
        left = None if limit is None else max(limit - (so_far or 0), 0)
        ends = window_end(window_of(name), usage.day, terms.zone) if name in WINDOW_NAMES else None
        states.append(LimitState(name, limit, so_far, left, ends))
    return CurrencyLimits(first.currency, tuple(states), override)
