"""The lock set: what a command needs locked before it is decided, and what a store found.

Wallets are named apart, as most commands lock nothing else. Everything else is named by its `LockKind`, of which there
may be any number: an aggregate declares its own beside its class, and each store has a row mapping for it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from tekana.domain.identifiers import HouseRole, WalletId, house_wallet_id
from tekana.domain.money import Currency

if TYPE_CHECKING:
    from tekana.domain.wallet import Wallet

IdT = TypeVar("IdT", bound=Hashable)
ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class LockKind(Generic[IdT, ItemT]):
    """A kind of things that can be locked, and which wallets are locked with one of them.

    Attributes:
        name: the stable name, unique among kinds.
        wallets_of: the wallets that a locked item brings along, where the item itself names them.
    """

    name: str
    wallets_of: Callable[[ItemT], Iterable[WalletId]] | None = None

    def ref(self, item_id: IdT) -> Ref:
        """Name one item for a LockSet."""
        return Ref(self, item_id)


class Ref(NamedTuple):
    """One item of a kind."""

    kind: LockKind[Any, Any]
    id: Any


class HouseWalletRef(NamedTuple):
    """One of the operator's wallets: the engine that locks it chooses the stripe."""

    role: HouseRole
    currency: Currency


class LockSet(NamedTuple):
    """What a command needs locked before it is decided."""

    wallets: tuple[WalletId, ...] = ()
    house_wallets: tuple[HouseWalletRef, ...] = ()
    others: tuple[Ref, ...] = ()

    def of(self, kind: LockKind[IdT, ItemT]) -> list[IdT]:
        """Return the ids that are named of a kind."""
        return [ref.id for ref in self.others if ref.kind == kind]


def merge(lock_sets: Iterable[LockSet], stripe: int) -> LockSet:
    """Return one lock set for all of these, with house wallets named by their ids.

    Args:
        lock_sets: what each command of a group needs.
        stripe: which of the house wallets of a role and currency to use.
    """
    wallets: set[WalletId] = set()
    others: dict[Ref, None] = {}
    for one in lock_sets:
        wallets.update(one.wallets)
        for role, currency in one.house_wallets:
            wallets.add(house_wallet_id(role, currency, stripe))
        if one.others:
            others.update(dict.fromkeys(one.others))
    return LockSet(tuple(wallets), (), tuple(others))


@dataclass(slots=True)
class LockedState:
    """What a store found, locked until the unit of work ends. What does not exist is absent.

    Attributes:
        now: the moment of the unit of work, by the store's clock.
        wallets: by id.
        others: by kind's name, then by id.
        busy: the wallets' ids and the Refs of what exists and is absent, as another unit of work has locked it.
    """

    now: datetime
    wallets: dict[WalletId, Wallet]
    others: dict[str, dict[Any, Any]] = field(default_factory=dict)
    busy: frozenset[Hashable] = frozenset()

    def of(self, kind: LockKind[IdT, ItemT]) -> dict[IdT, ItemT]:
        """Return the locked items of a kind, by id."""
        return self.others.setdefault(kind.name, {})
