"""Freeze: money can no longer leave a wallet, or no longer move at all."""

from __future__ import annotations

from dataclasses import replace

from tekana.application.commands.command import Struct
from tekana.application.commands.validation import check_text
from tekana.domain.book import Book, LockSet
from tekana.domain.errors import invalid
from tekana.domain.events import WalletFrozen
from tekana.domain.identifiers import WalletId
from tekana.domain.wallet import FreezeScope, Wallet


class FreezeWallet(Struct, frozen=True, kw_only=True):
    """Stop money from leaving the wallet ("debits"), or from leaving and entering ("all"), with the reason.

    A wallet that is frozen already takes the new scope and reason.

    Refused with: WalletNotFound, WalletNotActive (closed).
    """

    wallet_id: WalletId
    scope: FreezeScope
    reason: str

    def __post_init__(self) -> None:
        if self.scope not in ("debits", "all"):
            raise invalid("scope", 'must be "debits" or "all"')
        check_text("reason", self.reason, most=500)

    def locks(self) -> LockSet:
        return LockSet(wallets=(self.wallet_id,))

    def decide(self, book: Book) -> Wallet:
        wallet = book.customer_wallet(self.wallet_id)
        wallet.require_open()
        if (wallet.freeze_scope, wallet.freeze_reason) != (self.scope, self.reason):
            wallet.status = "frozen"
            wallet.freeze_scope = self.scope
            wallet.freeze_reason = self.reason
            sequence = book.change_wallet(wallet)
            book.record(
                WalletFrozen(wallet_id=wallet.id, sequence=sequence, occurred_at=wallet.updated_at, scope=self.scope)
            )
        return replace(wallet)
