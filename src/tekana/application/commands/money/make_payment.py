"""Pay another customer for goods or services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.money.transfer_funds import BetweenWallets
from tekana.domain.book import Book
from tekana.domain.transaction import Transaction, TransactionRequest


class MakePayment(BetweenWallets, frozen=True, kw_only=True, tag_field="type", tag="payment"):
    """Pay for goods or services: move money from the payer's wallet to the seller's, of the same currency."""

    NAME: ClassVar[str] = "MakePayment"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "type": "payment",
        "from_wallet_id": "0198d2a0-0000-7000-8000-000000000002",
        "to_wallet_id": "0198d2a0-0000-7000-8000-000000000004",
        "amount": "1200",
        "currency": "RWF",
        "reference": "invoice-17",
    }

    def to_request(self) -> TransactionRequest:
        return self.transaction_request("payment", self.from_wallet_id, self.to_wallet_id)

    def decide(self, book: Book) -> Transaction:
        return self.post(book, self.to_request())
