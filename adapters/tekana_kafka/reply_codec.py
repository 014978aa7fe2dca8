"""The bodies of replies: an answer, or an error for the client to raise."""

from __future__ import annotations

from typing import Final, NamedTuple

from tekana.application.engine.envelope import Outcome
from tekana.domain import errors
from tekana.domain.errors import (
    ApprovalPending,
    Conflict,
    FieldError,
    InvalidRequest,
    KeyUnavailable,
    Overloaded,
    Refused,
    SignInUnavailable,
    TekanaError,
    Unavailable,
    rebuild_refusal,
)
from tekana.domain.transaction import Rejection, Transaction
from tekana_kafka.codec import codec_of
from tekana_kafka.message_cipher import UnverifiedPrincipal

OUTCOME: Final = codec_of(Outcome)
OUTCOMES: Final = codec_of(tuple[Outcome, ...])

_KINDS: Final = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, TekanaError) and kind is not ApprovalPending  # travels as an answer
}


_PUBLIC: Final = (Conflict, KeyUnavailable, Overloaded, SignInUnavailable, UnverifiedPrincipal)
"""The kinds of Unavailable whose texts are written for clients."""


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


def public_error(error: Exception) -> TekanaError:
    """Return the error that a reply may hold.

    It is another one where the text is for the operator alone, as it may name hosts, users and what drivers say.
    """
    is_private = isinstance(error, Unavailable) and not isinstance(error, _PUBLIC)
    if isinstance(error, TekanaError) and not is_private:
        return error
    return Unavailable("the service failed, and its log says why; the outcome is unknown: retry with the same key")


def encode_error(error: Exception) -> bytes:
    """Return the error as the body of a reply, without a text that is for the operator alone."""
    shown = public_error(error)
    refused = shown if isinstance(shown, Refused) else Refused()
    return _FAILURE.encode(
        Failure(
            error=shown.NAME if isinstance(shown, Refused) else type(shown).__name__,
            code=shown.code,
            detail=str(shown),
            errors=shown.errors if isinstance(shown, InvalidRequest) else (),
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
