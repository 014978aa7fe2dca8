"""Close a wallet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from tekana.application.commands.command import Struct
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.errors import Refused, WalletNotEmpty, WalletNotFound
from tekana.domain.identifiers import WalletId
from tekana.domain.lock_set import LockSet
from tekana.domain.wallet import Wallet


class CloseWallet(Struct, frozen=True, kw_only=True):
    """Close an empty wallet. Final. Does nothing if it is closed already."""

    NAME: ClassVar[str] = "CloseWallet"
    SCOPE: ClassVar[Scope] = "wallets:write"
    IDS: ClassVar[tuple[str, ...]] = ("wallet_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (WalletNotFound, WalletNotEmpty)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    wallet_id: WalletId

    def locks(self) -> LockSet:
        return LockSet((self.wallet_id,))

    def decide(self, book: Book) -> Wallet:
        wallet = book.customer_wallet(self.wallet_id)
        wallet.require_empty()
        if wallet.status != "closed":
            book.change_wallet(wallet, wallet.close(book.now))
        return replace(wallet)
