"""Withdrawal: money goes out to the world outside."""

from __future__ import annotations

from tekana.application.commands.command import MoneyFields, move
from tekana.domain.book import Book, LockSet
from tekana.domain.identifiers import WalletId, house_wallet_id
from tekana.domain.money import parse_currency
from tekana.domain.transaction import Transaction, TransactionRequest


class WithdrawFunds(MoneyFields, frozen=True, kw_only=True, tag_field="type", tag="withdrawal"):
    """Take money out of a wallet, into the currency's settlement wallet.

    Refused with: WalletNotFound, CurrencyMismatch, WalletNotActive, CustomerNotActive, InsufficientFunds.
    """

    wallet_id: WalletId

    def to_request(self) -> TransactionRequest:
        return self.transaction_request("withdrawal", self.wallet_id, self._settlement)

    def locks(self) -> LockSet:
        return LockSet(wallets=(self.wallet_id, self._settlement))

    def decide(self, book: Book) -> Transaction:
        book.customer_wallet(self.wallet_id, self.currency)
        return move(book, self.to_request())

    @property
    def _settlement(self) -> WalletId:
        return house_wallet_id("settlement", parse_currency(self.currency))
