"""Close a wallet: it is empty and stays so."""

from __future__ import annotations

from dataclasses import replace

from tekana.application.commands.command import Struct
from tekana.domain.book import Book, LockSet
from tekana.domain.events import WalletClosed
from tekana.domain.identifiers import WalletId
from tekana.domain.wallet import Wallet


class CloseWallet(Struct, frozen=True, kw_only=True):
    """Close an empty wallet. Final. A closed wallet stays closed.

    Refused with: WalletNotFound, WalletNotEmpty.
    """

    wallet_id: WalletId

    def locks(self) -> LockSet:
        return LockSet(wallets=(self.wallet_id,))

    def decide(self, book: Book) -> Wallet:
        wallet = book.customer_wallet(self.wallet_id)
        wallet.require_empty()
        close_wallet(book, wallet)
        return replace(wallet)


def close_wallet(book: Book, wallet: Wallet) -> None:
    """Close an empty wallet on the Book, if it is open."""
    if wallet.status == "closed":
        return
    wallet.status = "closed"
    wallet.freeze_scope = wallet.freeze_reason = None
    sequence = book.change_wallet(wallet)
    book.record(WalletClosed(wallet_id=wallet.id, sequence=sequence, occurred_at=wallet.updated_at))
