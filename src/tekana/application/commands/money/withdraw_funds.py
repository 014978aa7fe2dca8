"""Withdraw money to outside the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.command import MoneyFields, post_transfer
from tekana.domain.book import Book
from tekana.domain.errors import (
    CurrencyMismatch,
    CustomerNotActive,
    InsufficientFunds,
    Refused,
    WalletNotActive,
    WalletNotFound,
)
from tekana.domain.identifiers import WalletId, house_wallet_id
from tekana.domain.lock_set import HouseWalletRef, LockSet
from tekana.domain.money import Currency
from tekana.domain.transaction import Transaction, TransactionRequest


class WithdrawFunds(MoneyFields, frozen=True, kw_only=True, tag_field="type", tag="withdrawal"):
    """Take money out of a wallet, into the currency's settlement wallet."""

    NAME: ClassVar[str] = "WithdrawFunds"
    IDS: ClassVar[tuple[str, ...]] = ("wallet_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (
        WalletNotFound,
        CurrencyMismatch,
        WalletNotActive,
        CustomerNotActive,
        InsufficientFunds,
    )
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "type": "withdrawal",
        "wallet_id": "0198d2a0-0000-7000-8000-000000000002",
        "amount": "2500",
        "currency": "RWF",
    }

    wallet_id: WalletId

    def to_request(self) -> TransactionRequest:
        settlement = house_wallet_id("settlement", Currency(self.currency))
        return self.transaction_request("withdrawal", self.wallet_id, settlement)

    def locks(self) -> LockSet:
        return LockSet((self.wallet_id,), (HouseWalletRef("settlement", Currency(self.currency)),))

    def decide(self, book: Book) -> Transaction:
        payer = book.customer_wallet(self.wallet_id, self.currency)
        settlement = book.house_wallet("settlement", payer.currency)
        return post_transfer(book, self.to_request(), payer, settlement)
