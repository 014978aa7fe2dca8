"""The bodies of replies: an answer, or an error for the client to raise."""

from __future__ import annotations

from typing import Final, NamedTuple

from tekana.application.engine.envelope import Outcome
from tekana.application.webhooks.webhooks import Configured
from tekana.domain import errors
from tekana.domain.errors import (
    Conflict,
    FieldError,
    InvalidRequest,
    Overloaded,
    Refused,
    TekanaError,
    Unavailable,
    rebuild_refusal,
)
from tekana.domain.transaction import Rejection, Transaction
from tekana.domain.webhooks import WebhookDelivery, WebhookEndpoint
from tekana_kafka.codec import codec_of

OUTCOME: Final = codec_of(Outcome)
OUTCOMES: Final = codec_of(tuple[Outcome, ...])
CONFIGURED: Final = codec_of(Configured)
ENDPOINT: Final = codec_of(WebhookEndpoint)
DELIVERY: Final = codec_of(WebhookDelivery)
NOTHING: Final = codec_of(None)

_KINDS: Final = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, TekanaError)
}


class Failure(NamedTuple):
    """An error on the bus: the name of its class, its message, and the other attributes of its class."""

    error: str
    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    transaction: Transaction | None = None
    request_id: str | None = None
    replayed: bool = False
    family: str | None = None


_FAILURE: Final = codec_of(Failure)


def has_private_text(error: Exception) -> bool:
    """Return whether the text of an error is for the operator alone: it may name hosts, users and what drivers say."""
    if isinstance(error, Unavailable):
        return not isinstance(error, Conflict | Overloaded)  # whose texts are the core's own
    return not isinstance(error, TekanaError)


def encode_error(error: Exception) -> bytes:
    """Return the error as the body of a reply, without a text that is for the operator alone."""
    if has_private_text(error):
        error = Unavailable("the service failed, and its log says why; the outcome is unknown: retry with the same key")
    refused = error if isinstance(error, Refused) else Refused()
    return _FAILURE.encode(
        Failure(
            error=error.NAME if isinstance(error, Refused) else type(error).__name__,
            code=error.code,
            detail=str(error),
            errors=error.errors if isinstance(error, InvalidRequest) else (),
            transaction=refused.transaction,
            request_id=refused.request_id,
            replayed=refused.replayed,
            family=refused.stored_family(),
        )
    )


def decode_error(body: bytes) -> TekanaError:
    """Decode the error in the body of a reply; Unavailable for one that is unknown to this version.

    Raises:
        msgspec.DecodeError: the body does not contain an error.
    """
    failure: Failure = _FAILURE.decode(body)
    kind = _KINDS.get(failure.error, Unavailable)
    if issubclass(kind, InvalidRequest):
        return kind(*failure.errors)
    if failure.family is not None:  # of a class that may be unknown in this process
        values = (failure.error, failure.code, failure.detail, failure.request_id, failure.family)
        error: TekanaError = rebuild_refusal(Rejection(*values))
    else:
        error = kind(failure.detail)
    if isinstance(error, Refused):
        error.transaction = failure.transaction
        error.request_id = failure.request_id
        error.replayed = failure.replayed
    return error
