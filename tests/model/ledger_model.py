"""A model of the ledger: what each request must lead to, in plain Python, without the code of the core.

Wallets and customers have numbers, from 0, in the order in which they were made.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

WalletState = Literal["active", "no debits", "frozen", "closed"]

HOUSE: Final = {"deposit": ("settlement", None), "withdrawal": (None, "settlement")}
"""The house wallet that pays or is paid, where a type of transaction has one."""


class Movement(NamedTuple):
    """A request to move money; of a deposit or withdrawal, both wallets are the customer's."""

    type: str
    payer: int
    payee: int
    amount: int
    currency: str


class Posted(NamedTuple):
    """A posted transaction: the changes of customers' wallets, each with the balance after it, in order."""

    type: str
    amount: int
    changes: tuple[tuple[int, int, int], ...]


Result = Posted | str
"""What a request leads to: a transaction, or the code of a refusal. Of other requests than for money, "done"."""


@dataclass
class ModelWallet:
    """A customer's wallet."""

    owner: int
    currency: str
    kind: Literal["personal", "merchant"] = "personal"
    balance: int = 0
    state: WalletState = "active"


@dataclass
class LedgerModel:
    """Customers (whether they are active), and wallets."""

    customers: list[bool] = field(default_factory=list)
    wallets: list[ModelWallet] = field(default_factory=list)

    def register(self, currency: str) -> None:
        """Add a customer with a first wallet."""
        self.customers.append(True)
        self.wallets.append(ModelWallet(len(self.customers) - 1, currency))

    def open_wallet(self, owner: int, currency: str, kind: Literal["personal", "merchant"]) -> Result:
        """Open a further wallet of an active customer."""
        if not self.customers[owner]:
            return "customer_not_active"
        self.wallets.append(ModelWallet(owner, currency, kind))
        return "done"

    def move(self, asked: Movement) -> Result:
        """Move money, or return the code of the refusal."""
        house_payer, house_payee = HOUSE.get(asked.type, (None, None))
        payer = None if house_payer else asked.payer
        payee = None if house_payee else asked.payee
        parties = [one for one in (payer, payee) if one is not None]
        if any(self.wallets[one].currency != asked.currency for one in parties):
            return "currency_mismatch"
        if payer == payee:
            return "same_wallet"
        if asked.type == "payment" and self.wallets[asked.payee].kind != "merchant":
            return "payee_not_merchant"
        for one, is_debit in ((payer, True), (payee, False)):
            code = None if one is None else self._refusal(one, asked.amount, is_debit=is_debit)
            if code is not None:
                return code
        changes = []
        for one, change in ((payer, -asked.amount), (payee, asked.amount)):
            if one is not None:
                self.wallets[one].balance += change
                changes.append((one, change, self.wallets[one].balance))
        return Posted(asked.type, asked.amount, tuple(changes))

    def _refusal(self, number: int, amount: int, *, is_debit: bool) -> str | None:
        wallet = self.wallets[number]
        if not self.customers[wallet.owner]:
            return "customer_not_active"
        if wallet.state in ("closed", "frozen") or (wallet.state == "no debits" and is_debit):
            return "wallet_not_active"
        return "insufficient_funds" if is_debit and wallet.balance < amount else None

    def batch(self, movements: Sequence[Movement], *, all_or_none: bool) -> list[Result]:
        """Move money many times."""
        before = deepcopy(self.wallets)
        results: list[Result] = []
        for one in movements:
            results.append(self.move(one))
            if all_or_none and isinstance(results[-1], str):
                self.wallets = before
                failed = len(results) - 1
                return [results[-1] if place == failed else "rolled_back" for place in range(len(movements))]
        return results

    def set_wallet_state(self, number: int, state: WalletState) -> Result:
        """Freeze, unfreeze or close a wallet."""
        wallet = self.wallets[number]
        if wallet.state == "closed":
            return "done" if state == "closed" else "wallet_not_active"
        if state == "closed" and wallet.balance:
            return "wallet_not_empty"
        wallet.state = state
        return "done"

    def set_customer_active(self, number: int, *, active: bool) -> None:
        """Suspend or reactivate a customer."""
        self.customers[number] = active
