"""The answers of commands, which are stored under idempotency keys and returned for every repetition."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Union
from uuid import UUID

from tekana.domain.answer_reference import AnswerReference
from tekana.domain.api_key_answers import ConfiguredApiKey, api_key_reference
from tekana.domain.api_keys import ApiKey
from tekana.domain.approvals import Approval
from tekana.domain.audit_log import Resource
from tekana.domain.customer import Customer
from tekana.domain.errors import NotFound
from tekana.domain.fees import FeeSchedule
from tekana.domain.holds import Hold, HoldReference, hold_reference
from tekana.domain.identifiers import CustomerId
from tekana.domain.limits import LimitOverride
from tekana.domain.quotes import Quote
from tekana.domain.rates import Rate
from tekana.domain.tier_limits import TierLimits
from tekana.domain.transaction import Rejection, Transaction
from tekana.domain.wallet import Wallet
from tekana.domain.webhook_answers import (
    ChangedWebhook,
    ConfiguredWebhook,
    DeletedWebhook,
    QueuedWebhook,
    delivery_reference,
    endpoint_reference,
)
from tekana.domain.webhooks import WebhookDelivery, WebhookEndpoint


class CustomerWithWallets(NamedTuple):
    """A customer and all their wallets, in order of opening."""

    customer: Customer
    wallets: tuple[Wallet, ...]


class OverriddenLimits(NamedTuple):
    """The limits of a customer that replace those of their tier."""

    customer_id: CustomerId
    override: LimitOverride


class ErasedCustomer(NamedTuple):
    """A customer whose personal data were erased, and when. It has no personal data, so it is kept."""

    id: CustomerId
    erased_at: datetime


BatchMode = Literal["atomic", "independent"]
"""Whether the transactions of a batch are all posted or all rejected, or decided one by one."""


class BatchRecord(NamedTuple):
    """The answer stored under a batch's key: its mode and size. Each transaction has a key of its own."""

    mode: BatchMode
    size: int


class AnswerKind(NamedTuple):
    """How the answers of a class are stored and named.

    Attributes:
        name: the name under which answers are stored with their key. It never changes, even where the class does. None
            if they are not stored there: a transaction has its own rows, and others have a reference.
        resource: what the command created or changed; None for nothing.
        resource_id: returns the id of that.
        customer_id: returns the customer whose data the answer holds, so that a store can erase these; None if it
            holds none.
        reference: returns the reference to keep under the key instead; None if the answer itself is kept.
    """

    name: str | None
    resource: str | None
    resource_id: Callable[[Any], UUID | None]
    customer_id: Callable[[Any], CustomerId] | None = None
    reference: Callable[[Any], AnswerReference] | None = None


def _no_id(_: object) -> None:
    return None


_endpoint_id: Final = attrgetter("endpoint_id")

ANSWERS: Final[dict[type, AnswerKind]] = {
    CustomerWithWallets: AnswerKind(
        "CustomerWithWallets", "customer", attrgetter("customer.id"), customer_id=attrgetter("customer.id")
    ),
    ErasedCustomer: AnswerKind("ErasedCustomer", "customer", attrgetter("id")),
    Rate: AnswerKind("Rate", "rate", attrgetter("id")),
    Quote: AnswerKind("Quote", "quote", attrgetter("id")),
    FeeSchedule: AnswerKind("FeeSchedule", "fee_schedule", attrgetter("id")),
    TierLimits: AnswerKind("TierLimits", "limits", attrgetter("id")),
    OverriddenLimits: AnswerKind("OverriddenLimits", "customer", attrgetter("customer_id")),
    Wallet: AnswerKind("Wallet", "wallet", attrgetter("id"), customer_id=attrgetter("customer_id")),
    Transaction: AnswerKind(None, "transaction", attrgetter("id")),
    Rejection: AnswerKind("Rejection", None, _no_id),
    BatchRecord: AnswerKind("Batched", "batch", _no_id),
    WebhookEndpoint: AnswerKind(None, "webhook_endpoint", attrgetter("id"), reference=endpoint_reference),
    ConfiguredWebhook: AnswerKind("ConfiguredWebhook", "webhook_endpoint", _endpoint_id),
    ChangedWebhook: AnswerKind("ChangedWebhook", "webhook_endpoint", _endpoint_id),
    DeletedWebhook: AnswerKind("DeletedWebhook", "webhook_endpoint", _endpoint_id),
    WebhookDelivery: AnswerKind(None, "webhook_delivery", attrgetter("id"), reference=delivery_reference),
    Approval: AnswerKind("Approval", "approval", attrgetter("id")),
    Hold: AnswerKind(None, "transaction", attrgetter("id"), reference=hold_reference),
    HoldReference: AnswerKind("HoldReference", "transaction", attrgetter("hold_id")),
    QueuedWebhook: AnswerKind("QueuedWebhook", "webhook_delivery", attrgetter("delivery_id")),
    ApiKey: AnswerKind(None, "api_key", attrgetter("id"), reference=api_key_reference),
    ConfiguredApiKey: AnswerKind("ConfiguredApiKey", "api_key", attrgetter("key_id")),
}
"""Every class of answers, and of references that are kept instead. A new one needs nothing but its entry here."""

if TYPE_CHECKING:
    Answer = object
    ResourceType = str
else:
    Answer = Union[tuple(kind for kind in ANSWERS if not issubclass(kind, AnswerReference))]  # noqa: UP007 - of as many as there are
    ResourceType = Literal[tuple(dict.fromkeys(one.resource for one in ANSWERS.values() if one.resource))]
"""`Answer`: the result of a command, stored under its idempotency key and returned again for every repetition: of a
class in ANSWERS. `ResourceType`: what a command created or changed."""


def resource_of(answer: Answer) -> Resource | None:
    """Return what a command with this answer created or changed; None for nothing."""
    kind = ANSWERS[type(answer)]
    resource_id = kind.resource_id(answer)
    return None if kind.resource is None or resource_id is None else Resource(kind.resource, resource_id)


ERASED_ANSWER: Final = Rejection(
    "CustomerNotFound", "not_found", "the customer's data were erased", None, NotFound.NAME
)
"""What stands under a key whose answer held the data of a customer who was erased."""


def answer_class(name: str) -> type:
    """Return the class of the answers that are stored under a name. Raises KeyError if there is none."""
    for kind, one in ANSWERS.items():
        if one.name == name:
            return kind
    raise KeyError(name)


def stored_form(answer: Answer) -> Answer:
    """Return what is kept of an answer under its key: the answer itself, or a reference."""
    reference = ANSWERS[type(answer)].reference
    return answer if reference is None else reference(answer)
