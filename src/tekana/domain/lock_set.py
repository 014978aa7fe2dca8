"""The lock set: the aggregates that a command has locked before it is decided, and their locked state.

Wallets have a field of their own, as most commands lock nothing else. All other aggregates are named by a `LockKind`,
which each aggregate declares beside its class; each store has a row mapping for it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from tekana.domain.identifiers import HouseRole, WalletId, house_wallet_id
from tekana.domain.money import Currency
from tekana.domain.terms import NO_TERMS, Terms

if TYPE_CHECKING:
    from tekana.domain.wallet import Wallet

IdT = TypeVar("IdT", bound=Hashable)
ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class LockKind(Generic[IdT, ItemT]):
    """A kind of lockable item, and the wallets that are locked with an item.

    Attributes:
        name: the stable name, unique among kinds.
        wallets_of: returns the wallets to lock with an item, if the item itself names them.
    """

    name: str
    wallets_of: Callable[[ItemT], Iterable[WalletId]] | None = None

    def ref(self, item_id: IdT) -> Ref:
        """Return a reference to one item, for a LockSet."""
        return Ref(self, item_id)


class Ref(NamedTuple):
    """A reference to one item of a kind."""

    kind: LockKind[Any, Any]
    id: Any


TERMS: Final = LockKind[int, bool]("terms")
"""The lock kind of the terms, for what depends on all fee schedules. Its one item has the id TERMS_ID."""

TERMS_ID: Final = 1


class HouseWalletRef(NamedTuple):
    """A reference to a house wallet. The engine that locks it chooses the stripe."""

    role: HouseRole
    currency: Currency


class LockSet(NamedTuple):
    """The aggregates to lock before a command is decided."""

    wallets: tuple[WalletId, ...] = ()
    house_wallets: tuple[HouseWalletRef, ...] = ()
    others: tuple[Ref, ...] = ()

    def of(self, kind: LockKind[IdT, ItemT]) -> list[IdT]:
        """Return the ids of a kind in this set."""
        return [ref.id for ref in self.others if ref.kind == kind]

    def items(self) -> set[Hashable]:
        """Return the ids of the wallets, and the references to all other items. House wallets have to be resolved."""
        return {*self.wallets, *self.others}


NO_LOCKS: Final = LockSet()
"""Nothing to lock."""


def merge(lock_sets: Iterable[LockSet], stripe: int) -> LockSet:
    """Return the union of lock sets, with house wallets resolved to their ids.

    Args:
        lock_sets: one for each command of a group.
        stripe: the number of the house wallet to use for each role and currency.
    """
    wallets: set[WalletId] = set()
    others: dict[Ref, None] = {}
    for named, house_wallets, refs in lock_sets:
        wallets.update(named)
        for role, currency in house_wallets:
            wallets.add(house_wallet_id(role, currency, stripe))
        if refs:
            others.update(dict.fromkeys(refs))
    return LockSet(tuple(wallets), (), tuple(others))


@dataclass(slots=True)
class LockedState:
    """The items that a store read and locked until the unit of work ends. Items that do not exist are absent.

    Attributes:
        now: the time of the unit of work, by the store's clock.
        wallets: by id.
        others: by kind's name, then by id.
        terms: the terms in force.
        busy: the ids of wallets and the Refs of items that another unit of work has locked; they are absent above.
    """

    now: datetime
    wallets: dict[WalletId, Wallet]
    others: dict[str, dict[Any, Any]] = field(default_factory=dict)
    busy: frozenset[Hashable] = frozenset()
    terms: Terms = NO_TERMS

    def of(self, kind: LockKind[IdT, ItemT]) -> dict[IdT, ItemT]:
        """Return the locked items of a kind, by id."""
        return self.others.setdefault(kind.name, {})
