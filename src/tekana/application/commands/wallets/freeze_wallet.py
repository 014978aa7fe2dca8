"""Freeze a wallet: no money may leave it, or none may leave or enter it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from tekana.application.commands.command import Struct
from tekana.application.commands.validation import check_all, check_text
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.errors import Refused, WalletNotActive, WalletNotFound, invalid
from tekana.domain.events import FreezeScope
from tekana.domain.identifiers import WalletId
from tekana.domain.lock_set import LockSet
from tekana.domain.wallet import Wallet


class FreezeWallet(Struct, frozen=True, kw_only=True):
    """Stop money from leaving the wallet ("debits"), or from leaving and entering ("all"), with the reason.

    If the wallet is frozen already, the new scope and reason replace the old ones.
    """

    NAME: ClassVar[str] = "FreezeWallet"
    SCOPE: ClassVar[Scope] = "wallets:freeze"
    IDS: ClassVar[tuple[str, ...]] = ("wallet_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (WalletNotFound, WalletNotActive)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {"scope": "debits", "reason": "reported stolen"}

    wallet_id: WalletId
    scope: FreezeScope
    reason: str

    def __post_init__(self) -> None:
        super().__post_init__()
        check_all(self._check_scope, lambda: check_text("reason", self.reason, most=500))

    def _check_scope(self) -> None:
        if self.scope not in ("debits", "all"):
            raise invalid("scope", 'must be "debits" or "all"')

    def locks(self) -> LockSet:
        return LockSet((self.wallet_id,))

    def decide(self, book: Book) -> Wallet:
        wallet = book.customer_wallet(self.wallet_id)
        wallet.require_open()
        if (wallet.freeze_scope, wallet.freeze_reason) != (self.scope, self.reason):
            book.change_wallet(wallet, wallet.freeze(self.scope, self.reason, book.now))
        return replace(wallet)
