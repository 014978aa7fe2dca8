"""Transfer money from one wallet to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.command import MoneyFields, post_transfer
from tekana.domain.book import Book
from tekana.domain.errors import (
    CurrencyMismatch,
    CustomerNotActive,
    InsufficientFunds,
    LimitExceeded,
    Refused,
    SameWallet,
    WalletNotActive,
    WalletNotFound,
)
from tekana.domain.identifiers import WalletId
from tekana.domain.lock_set import LockSet
from tekana.domain.transaction import Transaction, TransactionRequest


class BetweenWallets(MoneyFields, frozen=True, kw_only=True):
    """The base of commands that move money between two customer wallets of the same currency."""

    IDS: ClassVar[tuple[str, ...]] = ("from_wallet_id", "to_wallet_id")
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (
        SameWallet,
        WalletNotFound,
        CurrencyMismatch,
        WalletNotActive,
        CustomerNotActive,
        InsufficientFunds,
        LimitExceeded,
    )

    from_wallet_id: WalletId
    to_wallet_id: WalletId

    def locks(self) -> LockSet:
        return LockSet((self.from_wallet_id, self.to_wallet_id))

    def post(self, book: Book, request: TransactionRequest) -> Transaction:
        """Post the transaction between the two wallets."""
        payer = book.customer_wallet(self.from_wallet_id, self.currency)
        payee = book.customer_wallet(self.to_wallet_id, self.currency)
        if payer is payee:
            raise SameWallet("a wallet cannot pay itself")
        return post_transfer(book, request, payer, payee)


class TransferFunds(BetweenWallets, frozen=True, kw_only=True, tag_field="type", tag="transfer"):
    """Move money from one wallet to another of the same currency."""

    NAME: ClassVar[str] = "TransferFunds"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "type": "transfer",
        "from_wallet_id": "0198d2a0-0000-7000-8000-000000000002",
        "to_wallet_id": "0198d2a0-0000-7000-8000-000000000004",
        "amount": "2500",
        "currency": "RWF",
        "description": "Lunch",
    }

    def to_request(self) -> TransactionRequest:
        return self.transaction_request("transfer", self.from_wallet_id, self.to_wallet_id)

    def decide(self, book: Book) -> Transaction:
        return self.post(book, self.to_request())
