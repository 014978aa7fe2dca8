"""The reader of outcomes: what the commands under a caller's idempotency keys led to."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol
from uuid import UUID

from tekana.domain.answers import Answer, BatchRecord, CustomerWithWallets
from tekana.domain.errors import OutcomeNotFound
from tekana.domain.transaction import Rejection, Transaction
from tekana.domain.wallet import Wallet
from tekana.domain.webhook_answers import (
    ChangedWebhook,
    ConfiguredWebhook,
    DeletedWebhook,
    QueuedWebhook,
    WebhookReference,
)
from tekana.domain.webhooks import WebhookDelivery, WebhookEndpoint
from tekana.ports.unit_of_work import IdempotencyRecord

OutcomeStatus = Literal["succeeded", "refused", "decided"]
"""How a command ended. A batch is `decided`: its transactions show which of them were done."""

ResourceType = Literal["customer", "wallet", "transaction", "batch", "webhook_endpoint", "webhook_delivery"]


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
    if isinstance(answer, Rejection):
        return CommandOutcome(key, None, None, answer)
    rejection = answer.rejection if isinstance(answer, Transaction) else None
    return CommandOutcome(key, *_resource_of(answer), rejection)


def _resource_of(answer: Answer | WebhookReference) -> tuple[ResourceType | None, UUID | None]:
    found: tuple[ResourceType | None, UUID | None] = (None, None)
    match answer:
        case Transaction():
            found = "transaction", answer.id
        case CustomerWithWallets():
            found = "customer", answer.customer.id
        case Wallet():
            found = "wallet", answer.id
        case BatchRecord():
            found = "batch", None
        case WebhookDelivery():
            found = "webhook_delivery", answer.id
        case QueuedWebhook():
            found = "webhook_delivery", answer.delivery_id
        case WebhookEndpoint():
            found = "webhook_endpoint", answer.id
        case ConfiguredWebhook() | ChangedWebhook() | DeletedWebhook():
            found = "webhook_endpoint", answer.endpoint_id
    return found
