"""A snapshot of a whole store, which the audit in plain Python reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple, Protocol, runtime_checkable
from uuid import UUID

from tekana.domain.customer import Customer
from tekana.domain.events import Event
from tekana.domain.holds import Hold
from tekana.domain.identifiers import TransactionId, WalletId
from tekana.domain.reversals import Original
from tekana.domain.terms import TimeZoneSetting
from tekana.domain.tier_limits import TierLimits
from tekana.domain.transaction import Entry, Transaction, events_of
from tekana.domain.wallet import Wallet
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord


@runtime_checkable
class CountsEvents(Protocol):
    """An aggregate that counts its events, as customers and wallets do."""

    @property
    def id(self) -> Any:
        """Return the id of the aggregate."""
        ...

    @property
    def event_count(self) -> int:
        """Return the number of the aggregate's events."""
        ...


class Snapshot(NamedTuple):
    """The contents of a store at one time.

    Attributes:
        outbox: in the order of the feed.
        others: the aggregates of other kinds that count their events.
        limits: every version of the limits of tiers.
        time_zones: the time zones of the days, weeks and months of limits, the last one in force.
        originals: the transactions that were reversed.
    """

    customers: Sequence[Customer]
    wallets: Sequence[Wallet]
    transactions: Sequence[Transaction]
    keys: Mapping[IdempotencyKey, IdempotencyRecord]
    outbox: Sequence[Transaction | Event]
    others: Sequence[CountsEvents] = ()
    limits: Sequence[TierLimits] = ()
    time_zones: Sequence[TimeZoneSetting] = ()
    originals: Sequence[Original] = ()

    @property
    def reversed_amounts(self) -> dict[TransactionId, int]:
        """Return what of transactions counts as reversed, in minor units; without those of which nothing does."""
        return {one.id: one.reversed_minor for one in self.originals}

    def event_counts(self) -> dict[UUID, int]:
        """Return the number of events of each aggregate but transactions, as the aggregate counts them."""
        counting: Iterable[CountsEvents] = chain(self.customers, self.wallets, self.others)
        return {one.id: one.event_count for one in counting}

    def holds(self) -> dict[TransactionId, Hold]:
        """Return the holds by id."""
        return {one.id: one for one in self.others if isinstance(one, Hold)}

    def history(self) -> dict[WalletId, list[Entry]]:
        """Return each wallet's entries, by version."""
        entries: dict[WalletId, list[Entry]] = defaultdict(list)
        for transaction in self.transactions:
            for entry in transaction.entries:
                entries[entry.wallet_id].append(entry)
        for mine in entries.values():
            mine.sort(key=lambda entry: entry.version)
        return entries

    def moments(self) -> dict[WalletId, list[datetime]]:
        """Return the posting times of each wallet's entries, by version."""
        posted: dict[WalletId, list[tuple[int, datetime]]] = defaultdict(list)
        for transaction in self.transactions:
            for entry in transaction.entries:
                posted[entry.wallet_id].append((entry.version, transaction.created_at))
        return {wallet_id: [at for _, at in sorted(lines)] for wallet_id, lines in posted.items()}

    def events(self) -> Iterator[Event]:
        """Yield every event of the outbox, in order."""
        for one in self.outbox:
            if isinstance(one, Transaction):
                yield from events_of(one)
            else:
                yield one
