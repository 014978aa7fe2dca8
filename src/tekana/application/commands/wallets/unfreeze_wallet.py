"""Unfreeze a wallet: money may move again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from tekana.application.commands.command import Struct
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.errors import Refused, WalletNotActive, WalletNotFound
from tekana.domain.identifiers import WalletId
from tekana.domain.lock_set import LockSet
from tekana.domain.wallet import Wallet


class UnfreezeWallet(Struct, frozen=True, kw_only=True):
    """End the freeze of a wallet. Does nothing if it is active already."""

    NAME: ClassVar[str] = "UnfreezeWallet"
    SCOPE: ClassVar[Scope] = "wallets:freeze"
    IDS: ClassVar[tuple[str, ...]] = ("wallet_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (WalletNotFound, WalletNotActive)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    wallet_id: WalletId

    def locks(self) -> LockSet:
        return LockSet((self.wallet_id,))

    def decide(self, book: Book) -> Wallet:
        wallet = book.customer_wallet(self.wallet_id)
        wallet.require_open()
        if wallet.status == "frozen":
            book.change_wallet(wallet, wallet.unfreeze(book.now))
        return replace(wallet)
