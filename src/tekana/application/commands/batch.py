"""A batch: many movements of money in one request, all or none, or each on its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import force_setattr

from tekana.application.commands.command import Struct
from tekana.application.commands.money.deposit_funds import DepositFunds
from tekana.application.commands.money.transfer_funds import TransferFunds
from tekana.application.commands.money.withdraw_funds import WithdrawFunds
from tekana.domain.book import BatchMode
from tekana.domain.errors import RolledBack, invalid
from tekana.domain.transaction import Transaction

BATCH_SIZE_MAX = 1_000

AnyMoneyCommand = DepositFunds | WithdrawFunds | TransferFunds
"""A command that moves money, told from the others by its `type`."""


class Batch(Struct, frozen=True, kw_only=True):
    """1 to 1,000 movements of money in one request.

    "atomic": all are done, or none. "independent": each is done or refused as if it had been sent alone.

    Refused with: for each movement, what it is refused with alone; in an atomic batch, RolledBack for all the others.
    """

    mode: BatchMode
    transactions: tuple[AnyMoneyCommand, ...]

    def __post_init__(self) -> None:
        if self.mode not in ("atomic", "independent"):
            raise invalid("mode", 'must be "atomic" or "independent"')
        if not 1 <= len(self.transactions) <= BATCH_SIZE_MAX:
            raise invalid("transactions", f"must be 1 to {BATCH_SIZE_MAX:,} transactions, not {len(self.transactions)}")
        force_setattr(self, "transactions", tuple(self.transactions))


class BatchOutcome(NamedTuple):
    """What a batch led to: for each movement, in their order, a transaction, posted or rejected.

    `failed_index` tells which movement, counted from 0, kept an atomic batch from being done; None if it was done, and
    for an independent one. `replayed` tells that all of it was decided before, under the same key.
    """

    transactions: tuple[Transaction, ...]
    failed_index: int | None
    replayed: bool


def failed_index(batch: Batch, transactions: Sequence[Transaction]) -> int | None:
    """Which movement kept an atomic batch from being done, if one did."""
    if batch.mode == "independent":
        return None
    rejected = ((index, one.rejection) for index, one in enumerate(transactions) if one.rejection)
    return next((index for index, rejection in rejected if rejection.code != RolledBack.code), None)
