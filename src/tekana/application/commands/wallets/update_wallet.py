"""Update the name, the metadata and the kind of a wallet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from msgspec import UNSET, UnsetType
from msgspec.structs import force_setattr

from tekana.application.commands.command import PartialUpdate
from tekana.application.commands.validation import (
    MetadataField,
    WalletKindField,
    check_all,
    check_metadata,
    check_optional,
    check_wallet_kind,
    normal_name,
)
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.errors import Refused, WalletKindForbidden, WalletNotActive, WalletNotFound
from tekana.domain.identifiers import WalletId
from tekana.domain.lock_set import LockSet
from tekana.domain.wallet import Wallet
from tekana.domain.wallet_kinds import require_may_set


class UpdateWallet(PartialUpdate, frozen=True, kw_only=True):
    """Change the given details of a wallet. None clears one; metadata is replaced as a whole.

    Attributes:
        kind: what the wallet may do from now on: for operators to change.
    """

    NAME: ClassVar[str] = "UpdateWallet"
    SCOPE: ClassVar[Scope] = "wallets:open"
    IDS: ClassVar[tuple[str, ...]] = ("wallet_id",)
    CHANGEABLE: ClassVar[tuple[str, ...]] = ("name", "metadata", "kind")
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (WalletNotFound, WalletNotActive, WalletKindForbidden)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {"name": "Savings", "metadata": {"goal": "a house"}}

    wallet_id: WalletId
    name: str | UnsetType | None = UNSET
    metadata: MetadataField | UnsetType | None = UNSET
    kind: WalletKindField | UnsetType = UNSET

    def __post_init__(self) -> None:
        super().__post_init__()
        check_all(
            lambda: check_optional(self.name, self._normalize_name),
            lambda: check_optional(self.metadata, check_metadata),
            lambda: None if self.kind is UNSET else check_wallet_kind(self.kind),
        )

    def _normalize_name(self, name: str) -> None:
        force_setattr(self, "name", normal_name("name", name, most=100))

    def locks(self) -> LockSet:
        return LockSet((self.wallet_id,))

    def decide(self, book: Book) -> Wallet:
        wallet = book.customer_wallet(self.wallet_id)
        if self.kind is not UNSET:
            require_may_set(book.caller)
        wallet.require_open()
        changes = {name: value for name, value in self.changes().items() if getattr(wallet, name) != value}
        if changes:
            book.change_wallet(wallet, wallet.update(changes, book.now))
        return replace(wallet)
