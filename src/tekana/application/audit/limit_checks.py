"""The check of limits: what customers moved, compared with the limits that were in force then."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple

from tekana.application.audit.snapshot import Snapshot
from tekana.domain.events import CustomerVerified, LimitsOverridden
from tekana.domain.identifiers import CustomerId, TransactionId, WalletId
from tekana.domain.limit_rules import Undone, limit_copies
from tekana.domain.limits import LIMIT_NAMES, TIERS, LimitOverride, LimitSet
from tekana.domain.terms import DEFAULT_TIME_ZONE, zone_of
from tekana.domain.transaction import TRANSACTION_TYPES, ReversalDetails, Transaction
from tekana.domain.usage import NO_USAGE, Period, Usage, period_of, period_of_day, usage_at, usage_with, usage_without
from tekana.domain.wallet import Wallet

GRACE: Final = timedelta(minutes=1)
"""For how long limits of before count as in force: a decision read them, and then waited for locks."""


class Movement(NamedTuple):
    """What a transaction moved out of a customer's wallets in a currency (below zero), or into them.

    Attributes:
        first_id: the customer's first wallet in the currency.
        balance: that of all these wallets afterwards.
        counts: whether the transaction counts for limits.
        net_minor: of a reversal, what its original moved.
        undone: of a reversal, what it undoes, if that counts.
    """

    first_id: WalletId
    transaction: Transaction
    net_minor: int
    balance: int
    counts: bool
    undone: Undone | None


def limit_breaches(snapshot: Snapshot) -> Iterator[str]:
    """Yield a text for each movement above a limit, and each wallet whose copies or usage are wrong."""
    yield from _wrong_copies(snapshot)
    firsts = {one.id: one for one in snapshot.wallets if one.customer_id is not None and one.usage_wallet_id is None}
    times = _Times(snapshot)
    usages: dict[WalletId, Usage] = {}
    for movement in _movements(snapshot):
        first, moment = firsts.get(movement.first_id), movement.transaction.created_at
        if first is None or not (movement.counts or movement.undone) or not movement.net_minor:
            continue
        usage = usage_at(usages.get(first.id), times.period_of(moment))
        if movement.undone is not None:
            undone, given_back = movement.undone, movement.undone.given_back(movement.net_minor)
            period = times.period_of(undone.posted_at)
            usages[first.id] = usage_without(usage, period, given_back, is_whole=undone.is_whole)
            continue
        usages[first.id] = usage = usage_with(usage, movement.net_minor)
        for name, value in _compared(movement, usage):
            allowed = times.allowed(first, name, moment)
            if allowed is not None and value > allowed:
                yield f"wallet {first.id}: {name} is {value}, above {allowed}, after {movement.transaction.id}"
    yield from _wrong_usages(snapshot, firsts, usages)


def _movements(snapshot: Snapshot) -> Iterator[Movement]:
    """Yield what every posted transaction moved, in order of time."""
    first_of = {one.id: one.usage_wallet_id or one.id for one in snapshot.wallets if one.house is None}
    balances: dict[WalletId, int] = defaultdict(int)
    in_order = sorted(snapshot.transactions, key=attrgetter("created_at", "id"))
    undone_by = _undone_by(in_order, first_of)
    for transaction in in_order:
        rules, undone = TRANSACTION_TYPES.get(transaction.request.type), undone_by.get(transaction.id)
        sums = _sums(transaction, first_of)
        for first_id, net in sums.items():
            balances[first_id] += net
        counts = rules is not None and rules.counts_for_limits and not transaction.request.gives_back
        for first_id, net in (sums if undone is None else undone.moved).items():
            yield Movement(first_id, transaction, net, balances[first_id], counts, undone)


def _sums(transaction: Transaction, first_of: Mapping[WalletId, WalletId]) -> dict[WalletId, int]:
    """Return what a transaction moved, by the first wallet of each customer in its currency."""
    sums: dict[WalletId, int] = defaultdict(int)
    for entry in transaction.entries:
        if entry.wallet_id in first_of:
            sums[first_of[entry.wallet_id]] += entry.amount_minor
    return sums


def _undone_by(
    transactions: Sequence[Transaction], first_of: Mapping[WalletId, WalletId]
) -> dict[TransactionId, Undone]:
    """Return what each reversal undoes, of transactions in order of time."""
    known = {one.id: one for one in transactions}
    reversed_minor: dict[TransactionId, int] = defaultdict(int)
    found: dict[TransactionId, Undone] = {}
    for one in transactions:
        relation, details = one.request.relates_to, one.request.details
        original = None if relation is None else known.get(relation.transaction_id)
        if one.status != "posted" or original is None or not isinstance(details, ReversalDetails):
            continue
        before = reversed_minor[original.id]
        reversed_minor[original.id] = after = before + details.of_original
        if original.status == "posted" and TRANSACTION_TYPES[original.request.type].counts_for_limits:
            amount = original.request.amount.minor or 1  # zero is a breach of another invariant
            found[one.id] = Undone(original.created_at, _sums(original, first_of), amount, before, after)
    return found


def _compared(movement: Movement, usage: Usage) -> Iterator[tuple[str, int]]:
    """Yield the names of the limits of a movement, and what is to be at most the limit."""
    yield "largest_transaction", abs(movement.net_minor)
    if movement.net_minor > 0:
        yield "largest_balance", movement.balance
    direction = "outgoing" if movement.net_minor < 0 else "incoming"
    for name, value in usage._asdict().items():
        if direction in name:
            yield name, value


def _wrong_copies(snapshot: Snapshot) -> Iterator[str]:
    """Yield the wallets whose tier, override or first wallet are not those of their customer."""
    customers = {one.id: one for one in snapshot.customers}
    firsts: dict[tuple[Any, str], list[Wallet]] = defaultdict(list)
    for wallet in snapshot.wallets:
        customer = customers.get(wallet.customer_id) if wallet.customer_id else None
        if customer is None:
            continue
        if limit_copies(customer, wallet.currency) != (wallet.tier, wallet.limit_override):
            override = wallet.limit_override
            yield f"wallet {wallet.id}: of tier {wallet.tier}, overridden by {override}, unlike its customer"
        if wallet.usage_wallet_id is None:
            firsts[customer.id, wallet.currency].append(wallet)
    for wallet in snapshot.wallets:
        own = firsts.get((wallet.customer_id, wallet.currency), [])
        if wallet.customer_id in customers and wallet.usage_wallet_id not in (None, *(one.id for one in own)):
            other = wallet.usage_wallet_id
            yield f"wallet {wallet.id}: shares the usage of {other}, which is no wallet of its customer"
    for (customer_id, currency), own in firsts.items():
        if len(own) > 1:
            yield f"customer {customer_id}: {len(own)} wallets in {currency} count their usage apart"


def _wrong_usages(
    snapshot: Snapshot, firsts: Mapping[WalletId, Wallet], usages: Mapping[WalletId, Usage]
) -> Iterator[str]:
    """Yield the wallets whose usage is not what was moved."""
    elsewhere: dict[WalletId, int] = defaultdict(int)
    for wallet in snapshot.wallets:
        if wallet.usage_wallet_id is not None:
            elsewhere[wallet.usage_wallet_id] += wallet.ledger_balance
    for first in firsts.values():
        found, expected = first.usage or NO_USAGE, usages.get(first.id, NO_USAGE)
        period = period_of_day(max(found.day, expected.day))
        expected = usage_at(expected, period)._replace(elsewhere=elsewhere[first.id])
        if usage_at(found, period) != expected:
            yield f"wallet {first.id}: its usage is {tuple(found)}, not {tuple(expected)}"


class _Times:
    """What was in force when: time zones, limits of tiers, tiers and overrides of customers."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._zones = [*snapshot.time_zones]
        self._owners = {one.id: one.customer_id for one in snapshot.wallets}
        key = attrgetter("tier", "currency")
        settings = sorted(snapshot.limits, key=attrgetter("tier", "currency", "version"))
        self._limits = {name: list(versions) for name, versions in groupby(settings, key=key)}
        self._tiers: dict[CustomerId, list[CustomerVerified]] = defaultdict(list)
        self._overrides: dict[tuple[CustomerId, str], list[LimitsOverridden]] = defaultdict(list)
        for event in snapshot.events():
            if isinstance(event, CustomerVerified):
                self._tiers[event.customer_id].append(event)
            elif isinstance(event, LimitsOverridden):
                self._overrides[event.customer_id, event.currency].append(event)

    def period_of(self, moment: datetime) -> Period:
        """Return the day, week and month of a moment in the time zone that was in force."""
        found = _last(self._zones, moment, "valid_from")
        return period_of(moment, zone_of(DEFAULT_TIME_ZONE if found is None else found.name))

    def allowed(self, first: Wallet, name: str, moment: datetime) -> int | None:
        """Return the largest value of a limit of a wallet's customer that was in force, or just before."""
        place, largest = LIMIT_NAMES.index(name), 0
        for one in self._moments(first, moment):
            limit = self._in_force(first, one)[place]
            if limit is None:
                return None
            largest = max(largest, limit)
        return largest

    def _moments(self, first: Wallet, moment: datetime) -> Iterator[datetime]:
        """Yield the time before which nothing counts, every later change, and the time itself."""
        begin = moment - GRACE
        yield begin
        yield moment
        owner = self._owners[first.id]
        assert owner is not None  # noqa: S101 - house wallets have no limits
        overrides = self._overrides.get((owner, first.currency), ())
        changes = [one.occurred_at for one in (*self._tiers.get(owner, ()), *overrides)]
        changes += [one.until for one in overrides]
        changes += [one.valid_from for tier in TIERS for one in self._limits.get((tier, first.currency), ())]
        yield from (one for one in changes if begin < one <= moment)

    def _in_force(self, first: Wallet, moment: datetime) -> LimitSet:
        owner: Any = self._owners[first.id]
        verified = _last(self._tiers.get(owner, ()), moment, "occurred_at")
        tier = TIERS[0] if verified is None or verified.tier not in TIERS else verified.tier
        setting = _last(self._limits.get((tier, first.currency), ()), moment, "valid_from")
        limits = LimitSet() if setting is None else setting.limits
        override = _last(self._overrides.get((owner, first.currency), ()), moment, "occurred_at")
        if override is None or moment >= override.until:
            return limits
        return limits.replaced_by(override_of(override).limits)


def override_of(event: LimitsOverridden) -> LimitOverride:
    """Return the override that an event is about, without its reason."""
    limits = LimitSet(*(getattr(event, name) for name in LIMIT_NAMES))
    return LimitOverride(event.currency, limits, "", event.until)


def _last(ones: Sequence[Any], moment: datetime, name: str) -> Any:
    """Return the last one from no later than a moment; they are in order of time."""
    place = bisect_right(ones, moment, key=attrgetter(name))
    return ones[place - 1] if place else None
