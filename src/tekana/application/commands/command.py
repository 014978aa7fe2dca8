"""What a command is: data that can cross a process border, and a pure decision on a Book."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable
from uuid import UUID

import msgspec
from msgspec.structs import force_setattr

from tekana.application.commands.validation import (
    MetadataField,
    Time,
    check_all,
    check_metadata,
    check_text,
    to_id,
    to_time,
)
from tekana.domain.book import Answer, Book
from tekana.domain.caller import Scope
from tekana.domain.errors import InvalidRequest, Refused
from tekana.domain.events import TransactionType
from tekana.domain.identifiers import WalletId
from tekana.domain.lock_set import LockSet
from tekana.domain.money import Currency, Money, normalize_amount
from tekana.domain.transaction import Leg, Transaction, TransactionRequest
from tekana.domain.wallet import Wallet

AnswerT = TypeVar("AnswerT", bound=Answer)
AnswerT_co = TypeVar("AnswerT_co", bound=Answer, covariant=True)


class Command(Protocol[AnswerT_co]):
    """Something that a caller can have done, once for each idempotency key. The answer is kept under the key.

    It declares on its class, once, what everything around it needs to know of it:

    Attributes:
        NAME: the stable name, on a bus and in fingerprints. It never changes, even where the class does.
        SCOPE: what a caller must be allowed to do.
        REFUSALS: the errors that it is refused with.
        EXAMPLE: a body, as a client would send it.
    """

    NAME: ClassVar[str]
    SCOPE: ClassVar[Scope]
    REFUSALS: ClassVar[tuple[type[Refused], ...]]
    EXAMPLE: ClassVar[Mapping[str, Any]]

    def partition_key(self) -> UUID | None:
        """Return the aggregate whose commands a bus keeps in order; None if there is none yet."""
        ...

    def locks(self) -> LockSet:
        """Return what to lock before deciding."""
        ...

    def decide(self, book: Book) -> AnswerT_co:
        """Change the Book, or raise a Refused and leave it as it was. Pure: time and ids come from the Book.

        It posts at most one transaction, which then is the answer: one key leads to one.
        """
        ...


@runtime_checkable
class MoneyCommand(Command[Transaction], Protocol):
    """A command that moves money. Refused, it leaves a rejected transaction behind."""

    def to_request(self) -> TransactionRequest:
        """Return what is asked for, in the terms that every type of transaction shares."""
        ...


class Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The base of every command: immutable data, the same over HTTP, a bus or a file.

    Defaults are left out when it is encoded, so that a field that comes later changes no fingerprint of today.

    Attributes:
        IDS: the fields that hold identifiers; text is converted, anything else refused.
    """

    IDS: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for name in self.IDS:
            given = getattr(self, name)
            if not isinstance(given, UUID):
                force_setattr(self, name, to_id(name, given))

    def partition_key(self) -> UUID | None:
        """Return the first identifier."""
        key: UUID | None = getattr(self, self.IDS[0]) if self.IDS else None
        return key


class MoneyFields(Struct, frozen=True, kw_only=True):
    """What every command that moves money carries.

    Attributes:
        amount: a positive decimal string in major units of the currency, such as "12.50".
        currency: an ISO 4217 code.
        reference: the caller's own name for the transaction.
        effective_at: the value date, where it is not the moment of posting.
    """

    SCOPE: ClassVar[Scope] = "transactions:write"

    amount: str
    currency: str
    description: str | None = None
    reference: str | None = None
    metadata: MetadataField | None = None
    effective_at: Time | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            self._normalize_amount()
        except InvalidRequest:
            check_all(self._normalize_amount, *self._checks())
        check_all(*self._checks())

    def _normalize_amount(self) -> None:
        """Write the amount with all decimals, so that "5" and "5.00" are one request."""
        amount = normalize_amount(self.amount, self.currency)
        if amount is not self.amount:
            force_setattr(self, "amount", amount)

    def _checks(self) -> Iterator[Callable[[], None]]:
        if (description := self.description) is not None:
            yield lambda: check_text("description", description, most=500)
        if (reference := self.reference) is not None:
            yield lambda: check_text("reference", reference, most=200, one_line=True)
        if (metadata := self.metadata) is not None:
            yield lambda: check_metadata(metadata)
        if (effective_at := self.effective_at) is not None:
            yield lambda: force_setattr(self, "effective_at", to_time("effective_at", effective_at))

    @property
    def money(self) -> Money:
        """The amount."""
        return Money(int(self.amount.replace(".", "")), Currency(self.currency))  # all decimals are there

    def transaction_request(
        self, type_: TransactionType, from_wallet_id: WalletId, to_wallet_id: WalletId
    ) -> TransactionRequest:
        """Return the request for a transaction of this type, from the one wallet to the other."""
        return TransactionRequest(
            type=type_,
            amount=self.money,
            from_wallet_id=from_wallet_id,
            to_wallet_id=to_wallet_id,
            description=self.description,
            reference=self.reference,
            metadata=self.metadata,
            effective_at=self.effective_at,
        )


def post_transfer(book: Book, request: TransactionRequest, payer: Wallet, payee: Wallet) -> Transaction:
    """Post the amount whole: out of the one wallet, into the other."""
    minor, currency = request.amount.minor, request.amount.currency
    return book.post(request, (Leg(payer, -minor, currency), Leg(payee, minor, currency)))
