"""Savepoints of a Book: a state that a refused command of a group, or a refused batch, rolls back to."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from tekana.domain.identifiers import WalletId
from tekana.domain.wallet import WALLETS, Wallet

if TYPE_CHECKING:
    from tekana.domain.book import Book

_WALLET_FIELDS = tuple(one.name for one in fields(Wallet))
_wallet_values = attrgetter(*_WALLET_FIELDS)


class Savepoint(NamedTuple):
    """A state to roll back to: copies of what may change, and the lengths of the collections of changes."""

    wallets: list[tuple[Wallet, tuple[Any, ...]]]
    others: dict[str, dict[Any, tuple[Any, Any]]]
    added: dict[str, dict[Any, Any]]
    changed: dict[str, dict[Any, Any]]
    outbox_size: int
    wallets_with_entries: int
    audit_log_size: int

    @classmethod
    def of(cls, book: Book, wallet_ids: Iterable[WalletId]) -> Savepoint:
        """Return a savepoint of a Book. Only these wallets may change until it is restored."""
        locked, changes = book.locked, book.changes
        named = [locked.wallets[one] for one in wallet_ids if one in locked.wallets]
        # A wallet that shares the usage of another one changes that, too.
        usages = {one.usage_wallet_id for one in named} - {one.id for one in named} - {None}
        found = [*named, *(locked.wallets[one] for one in usages if one is not None)]
        return cls(
            [(wallet, _wallet_values(wallet)) for wallet in found],
            {kind: {key: (one, copy(one)) for key, one in items.items()} for kind, items in locked.others.items()},
            {kind: dict(items) for kind, items in changes.added.items()},
            {kind: dict(items) for kind, items in changes.changed.items()},
            len(book.outbox),
            len(book.wallets_with_entries),
            len(book.audit_log),
        )

    def restore(self, book: Book) -> None:
        """Undo everything that was decided on the Book since the savepoint."""
        locked, changes = book.locked, book.changes
        for wallet, values in self.wallets:
            for name, value in zip(_WALLET_FIELDS, values, strict=True):
                setattr(wallet, name, value)
        for wallet_id in changes.added_of(WALLETS).keys() - self.added.get(WALLETS.name, {}).keys():
            del locked.wallets[wallet_id]
        for kind, items in self.others.items():
            locked.others[kind] = {key: _restored(one, before) for key, (one, before) in items.items()}
        for kind in locked.others.keys() - self.others.keys():
            locked.others[kind].clear()
        changes.added = {kind: dict(items) for kind, items in self.added.items()}
        changes.changed = {kind: dict(items) for kind, items in self.changed.items()}
        del book.outbox[self.outbox_size :]
        del book.audit_log[self.audit_log_size :]
        while len(book.wallets_with_entries) > self.wallets_with_entries:  # a dict keeps the order of insertion
            book.wallets_with_entries.popitem()


def _restored(item: Any, before: Any) -> Any:
    """Return a locked item in its earlier state: the same object with its fields reset, or the value itself."""
    if hasattr(before, "__dataclass_fields__") and not before.__dataclass_params__.frozen:
        for one in fields(before):
            setattr(item, one.name, getattr(before, one.name))
        return item
    return before
