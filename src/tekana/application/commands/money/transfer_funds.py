"""Transfer: money goes from one wallet to another."""

from __future__ import annotations

from tekana.application.commands.command import MoneyFields, move
from tekana.domain.book import Book, LockSet
from tekana.domain.errors import SameWallet
from tekana.domain.identifiers import WalletId
from tekana.domain.transaction import Transaction, TransactionRequest


class TransferFunds(MoneyFields, frozen=True, kw_only=True, tag_field="type", tag="transfer"):
    """Move money from one wallet to another of the same currency.

    Refused with: SameWallet, WalletNotFound, CurrencyMismatch, WalletNotActive, CustomerNotActive, InsufficientFunds,
    LimitExceeded.
    """

    from_wallet_id: WalletId
    to_wallet_id: WalletId

    def to_request(self) -> TransactionRequest:
        return self.transaction_request("transfer", self.from_wallet_id, self.to_wallet_id)

    def locks(self) -> LockSet:
        return LockSet(wallets=(self.from_wallet_id, self.to_wallet_id))

    def decide(self, book: Book) -> Transaction:
        book.customer_wallet(self.from_wallet_id, self.currency)
        book.customer_wallet(self.to_wallet_id, self.currency)
        if self.from_wallet_id == self.to_wallet_id:
            raise SameWallet("a wallet cannot pay itself")
        return move(book, self.to_request())
