"""Deposit money that comes from outside the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.command import MoneyFields, post_transfer
from tekana.domain.book import Book
from tekana.domain.errors import (
    CurrencyMismatch,
    CustomerNotActive,
    LimitExceeded,
    Refused,
    WalletNotActive,
    WalletNotFound,
)
from tekana.domain.identifiers import WalletId, house_wallet_id
from tekana.domain.lock_set import HouseWalletRef, LockSet
from tekana.domain.money import Currency
from tekana.domain.transaction import Transaction, TransactionRequest


class DepositFunds(MoneyFields, frozen=True, kw_only=True, tag_field="type", tag="deposit"):
    """Put money into a wallet, out of the currency's settlement wallet."""

    NAME: ClassVar[str] = "DepositFunds"
    IDS: ClassVar[tuple[str, ...]] = ("wallet_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (
        WalletNotFound,
        CurrencyMismatch,
        WalletNotActive,
        CustomerNotActive,
        LimitExceeded,
    )
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "type": "deposit",
        "wallet_id": "0198d2a0-0000-7000-8000-000000000002",
        "amount": "10000",
        "currency": "RWF",
        "reference": "invoice-17",
    }

    wallet_id: WalletId

    def to_request(self) -> TransactionRequest:
        settlement = house_wallet_id("settlement", Currency(self.currency))
        return self.transaction_request("deposit", settlement, self.wallet_id)

    def locks(self) -> LockSet:
        return LockSet((self.wallet_id,), (HouseWalletRef("settlement", Currency(self.currency)),))

    def decide(self, book: Book) -> Transaction:
        payee = book.customer_wallet(self.wallet_id, self.currency)
        settlement = book.house_wallet("settlement", payee.currency)
        return post_transfer(book, self.to_request(), settlement, payee)
