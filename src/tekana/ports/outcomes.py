"""The reader of outcomes: what the commands under a caller's idempotency keys led to."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol
from uuid import UUID

from tekana.domain.answers import ANSWERS, ResourceType
from tekana.domain.errors import OutcomeNotFound
from tekana.domain.transaction import Rejection, Transaction
from tekana.ports.unit_of_work import IdempotencyRecord

OutcomeStatus = Literal["succeeded", "refused", "decided"]
"""How a command ended. A batch is `decided`: its transactions show which of them were done."""


class CommandOutcome(NamedTuple):
    """What the command under an idempotency key led to: the id of its answer, without the data in it.

    Attributes:
        idempotency_key: the key.
        resource: what the command returned; None if it was refused and left nothing.
        resource_id: the id of that; None for a batch, whose transactions `TransactionFilter.idempotency_key` finds.
        rejection: why the command was refused; None if it was not.
    """

    idempotency_key: str
    resource: ResourceType | None
    resource_id: UUID | None
    rejection: Rejection | None = None

    @property
    def status(self) -> OutcomeStatus:
        """Return how the command ended."""
        if self.resource == "batch":
            return "decided"
        return "succeeded" if self.rejection is None else "refused"


class Outcomes(Protocol):
    """The outcomes of the caller's commands under keys. Those of other callers are not found."""

    async def get(self, key: str) -> CommandOutcome:
        """Return the outcome of the command under a key, as soon as it is stored.

        Raises:
            OutcomeNotFound: no command of the caller's is stored under this key: none was sent, or it is not decided
                yet. The same command under the same key is then executed, once.
            Unavailable: the store cannot be reached.
        """
        ...


def outcome_of(key: str, record: IdempotencyRecord | None) -> CommandOutcome:
    """Return the outcome that the record of a key shows. Raises OutcomeNotFound if there is none."""
    if record is None:
        raise OutcomeNotFound("nothing is stored under this idempotency key")
    answer = record.answer
    kind = ANSWERS[type(answer)]
    rejection = answer.rejection if isinstance(answer, Transaction) else answer
    return CommandOutcome(
        key, kind.resource, kind.resource_id(answer), rejection if isinstance(rejection, Rejection) else None
    )
