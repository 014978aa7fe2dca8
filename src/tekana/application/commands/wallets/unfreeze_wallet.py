"""Unfreeze: money can move again."""

from __future__ import annotations

from dataclasses import replace

from tekana.application.commands.command import Struct
from tekana.domain.book import Book, LockSet
from tekana.domain.events import WalletUnfrozen
from tekana.domain.identifiers import WalletId
from tekana.domain.wallet import Wallet


class UnfreezeWallet(Struct, frozen=True, kw_only=True):
    """End a freeze. A wallet that is active already stays as it is.

    Refused with: WalletNotFound, WalletNotActive (closed).
    """

    wallet_id: WalletId

    def locks(self) -> LockSet:
        return LockSet(wallets=(self.wallet_id,))

    def decide(self, book: Book) -> Wallet:
        wallet = book.customer_wallet(self.wallet_id)
        wallet.require_open()
        if wallet.status == "frozen":
            wallet.status = "active"
            wallet.freeze_scope = wallet.freeze_reason = None
            sequence = book.change_wallet(wallet)
            book.record(WalletUnfrozen(wallet_id=wallet.id, sequence=sequence, occurred_at=wallet.updated_at))
        return replace(wallet)
