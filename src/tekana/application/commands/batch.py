"""A batch: many money commands in one request, executed atomically or independently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, cast

from msgspec.structs import force_setattr

from tekana.application.commands.command import Struct
from tekana.application.commands.money import AnyMoneyCommand, DepositFunds, TransferFunds
from tekana.domain.answers import Answer, BatchMode
from tekana.domain.caller import Scope
from tekana.domain.errors import RolledBack, invalid
from tekana.domain.transaction import Rejection, Transaction

BATCH_SIZE_MAX = 1_000


class Batch(Struct, frozen=True, kw_only=True):
    """1 to 1,000 money commands in one request.

    "atomic": all commands are executed, or none. "independent": each is executed or refused as if it were sent alone.

    A refused command has the same error as if it were sent alone; in an atomic batch, all others have RolledBack.
    """

    NAME: ClassVar[str] = "Batch"
    SCOPE: ClassVar[Scope] = "transactions:send"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "mode": "atomic",
        "transactions": [DepositFunds.EXAMPLE, TransferFunds.EXAMPLE],
    }

    mode: BatchMode
    transactions: tuple[AnyMoneyCommand, ...]

    def __post_init__(self) -> None:
        if self.mode not in ("atomic", "independent"):
            raise invalid("mode", 'must be "atomic" or "independent"')
        if not 1 <= len(self.transactions) <= BATCH_SIZE_MAX:
            raise invalid("transactions", f"must be 1 to {BATCH_SIZE_MAX:,} transactions, not {len(self.transactions)}")
        force_setattr(self, "transactions", tuple(self.transactions))

    @property
    def has_personal_data(self) -> bool:
        """Return whether a command of the batch has personal data."""
        return any(one.has_personal_data for one in self.transactions)


class BatchOutcome(NamedTuple):
    """The result of a batch.

    Attributes:
        transactions: one for each command, in order, posted or rejected; the rejection alone of a command that names
            an item that does not exist, so that it led to no transaction.
        failed_index: the index, from 0, of the command that an atomic batch failed on; None if none was refused, and
            for an independent batch.
        replayed: whether all transactions are stored answers of an earlier request with the same key.
    """

    transactions: tuple[Transaction | Rejection, ...]
    failed_index: int | None
    replayed: bool


def batch_outcome(batch: Batch, answers: Sequence[Answer], *, replayed: bool) -> BatchOutcome:
    """Return the outcome of a batch, from the answers of its commands: transactions, or rejections alone."""
    transactions = tuple([cast("Transaction | Rejection", one) for one in answers])
    return BatchOutcome(transactions, _failed_index(batch, transactions), replayed)


def _failed_index(batch: Batch, transactions: Sequence[Transaction | Rejection]) -> int | None:
    """Return the index of the command that was refused in an atomic batch, or None."""
    if batch.mode == "independent":
        return None
    rejections = (one if isinstance(one, Rejection) else one.rejection for one in transactions)
    return next((index for index, one in enumerate(rejections) if one and one.code != RolledBack.code), None)
