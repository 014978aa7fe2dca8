"""What the model of the ledger reads and answers: wallets, requests, transactions, holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Literal, NamedTuple, ParamSpec

from tests.model.fee_model import Fee
from tests.model.limit_model import Use

P = ParamSpec("P")

WalletState = Literal["active", "no debits", "frozen", "closed"]
WalletKind = Literal["personal", "merchant"]


class House(NamedTuple):
    """A wallet of the operator, by its role and currency."""

    role: str
    currency: str


Place = int | House
"""Where money is: the number of a customer's wallet, or a wallet of the operator."""

Leg = tuple[Place, int]
"""A change of a balance."""


class Movement(NamedTuple):
    """A request to move money; of a deposit or withdrawal, both wallets are the customer's.

    Attributes:
        quote: the number of the quote that it names.
    """

    type: str
    payer: int
    payee: int
    amount: int
    currency: str
    quote: int | None = None


class Posted(NamedTuple):
    """A posted transaction: the changes of all wallets, each with the balance after it, in order; and its fee."""

    type: str
    amount: int
    changes: tuple[tuple[Place, int, int], ...]
    fee: Fee | None


class Held(NamedTuple):
    """A hold, as a request about it shows it."""

    status: str
    amount: int
    captured: int


class Quoted(NamedTuple):
    """A quote: the fee, what leaves the payer's wallet, and what enters the payee's."""

    fee: Fee | None
    debit: int
    credit: int
    expires_at: datetime


Result = Posted | Held | Quoted | str
"""What a request leads to: a transaction, or the code of a refusal. Of other requests than for money, "done"."""


class Refused(Exception):
    """A rule forbids a request; its text is the code."""


def require(condition: object, code: str) -> None:
    """Refuse a request with a code, unless a condition holds."""
    if not condition:
        raise Refused(code)


def answered(function: Callable[P, Result]) -> Callable[P, Result]:
    """Return a function that returns the code of a refusal instead of raising it."""

    @wraps(function)
    def answer(*args: P.args, **kwargs: P.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except Refused as refused:
            return str(refused)

    return answer


@dataclass
class ModelWallet:
    """A customer's wallet."""

    owner: int
    currency: str
    kind: WalletKind = "personal"
    balance: int = 0
    held: int = 0
    state: WalletState = "active"


@dataclass
class Hold:
    """What changes of a hold."""

    amount: int
    expires_at: datetime
    captured: int = 0
    status: str = "pending"

    @property
    def left(self) -> int:
        """What is held."""
        return self.amount - self.captured if self.status == "pending" else 0

    @property
    def shown(self) -> Held:
        """The hold as it is now."""
        return Held(self.status, self.amount, self.captured)


@dataclass
class Recorded:
    """A transaction that was posted, or that holds money.

    Attributes:
        legs: what it moved of its amount, in order.
        fee_legs: what it moved of its fee, in order.
        uses: what it has used of limits.
        reversed: how much of its amount.
        held_back: the holds for its payer.
        reverses: of such a hold, the transaction.
    """

    type: str
    amount: int
    currency: str
    payer: Place
    payee: Place
    fee: Fee | None = None
    legs: tuple[Leg, ...] = ()
    fee_legs: tuple[Leg, ...] = ()
    uses: list[Use] = field(default_factory=list)
    reversed: int = 0
    held_back: list[Hold] = field(default_factory=list)
    hold: Hold | None = None
    reverses: Recorded | None = None

    @property
    def customer(self) -> int:
        """The wallet that pays, which is a customer's."""
        assert isinstance(self.payer, int)
        return self.payer

    @property
    def left(self) -> int:
        """What can still be reversed."""
        return self.amount - self.reversed - sum(one.captured + one.left for one in self.held_back)

    def part(self, moved: int, part: int) -> int:
        """Return what of something moved goes back with a part of the amount, so that all parts are the whole."""
        before, after = (abs(moved) * done // self.amount for done in (self.reversed, self.reversed + part))
        return after - before
