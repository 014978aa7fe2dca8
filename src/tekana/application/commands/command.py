"""What a command is: data that can cross a process border, and a pure decision on a Book."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, TypeVar, runtime_checkable

import msgspec
from msgspec.structs import force_setattr

from tekana.application.commands.validation import check_metadata, check_moment, check_text
from tekana.domain.book import Answer, Book, LockSet
from tekana.domain.identifiers import WalletId
from tekana.domain.money import Currency, Money
from tekana.domain.transaction import Leg, Transaction, TransactionRequest, TransactionType

AnswerT = TypeVar("AnswerT", bound=Answer)
AnswerT_co = TypeVar("AnswerT_co", bound=Answer, covariant=True)


class Command(Protocol[AnswerT_co]):
    """Something that people can do. Decided for good: the answer is kept under the command's idempotency key."""

    def locks(self) -> LockSet:
        """What to lock before deciding."""
        ...

    def decide(self, book: Book) -> AnswerT_co:
        """Change the Book, or raise a Refused and leave it as it was. Pure: time and ids come from the Book."""
        ...


@runtime_checkable
class MoneyCommand(Command[Transaction], Protocol):
    """A command that moves money. Refused, it leaves a rejected transaction behind."""

    def to_request(self) -> TransactionRequest:
        """The movement asked for, in the terms that every transaction shares."""
        ...


class Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The base of every command: immutable data, the same over HTTP, a bus or a file.

    Defaults are left out when it is encoded, so that a field that comes later changes no fingerprint of today.
    """


class MoneyFields(Struct, frozen=True, kw_only=True):
    """What every command that moves money carries.

    `amount` is a positive decimal string in major units of the ISO 4217 `currency`. `reference` is the caller's own
    name for the movement; `effective_at` its value date, when that is not the moment of posting.
    """

    amount: str
    currency: str
    description: str | None = None
    reference: str | None = None
    metadata: dict[str, str | int | float | bool | None] | None = None
    effective_at: datetime | None = None

    def __post_init__(self) -> None:
        # As it will be shown, so that "5" and "5.00" are one request.
        force_setattr(self, "amount", Money.parse(self.amount, self.currency).major)
        if self.description is not None:
            check_text("description", self.description, most=500)
        if self.reference is not None:
            check_text("reference", self.reference, most=200, one_line=True)
        if self.metadata is not None:
            check_metadata(self.metadata)
        if self.effective_at is not None:
            check_moment("effective_at", self.effective_at)

    def transaction_request(
        self, type_: TransactionType, from_wallet_id: WalletId, to_wallet_id: WalletId
    ) -> TransactionRequest:
        """The movement from the one wallet to the other, with what every money command carries."""
        return TransactionRequest(
            type=type_,
            money=Money(int(self.amount.replace(".", "")), Currency(self.currency)),  # all decimals are there
            from_wallet_id=from_wallet_id,
            to_wallet_id=to_wallet_id,
            description=self.description,
            reference=self.reference,
            metadata=self.metadata,
            effective_at=self.effective_at,
        )


def move(book: Book, movement: TransactionRequest) -> Transaction:
    """Post a movement whole: out of the one wallet, into the other."""
    minor = movement.money.minor
    return book.post(movement, (Leg(movement.from_wallet_id, -minor), Leg(movement.to_wallet_id, minor)))
