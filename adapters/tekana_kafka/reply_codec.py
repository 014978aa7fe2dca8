"""A reply as a message: an answer, or an error that is raised again where the question came from."""

from __future__ import annotations

from typing import Final

import msgspec

from tekana.application.engine.envelope import Outcome
from tekana.domain import errors
from tekana.domain.book import Answer
from tekana.domain.errors import FieldError, InvalidRequest, Refused, TekanaError, Unavailable
from tekana.domain.transaction import Transaction
from tekana_kafka.codec import codec_of

OUTCOME: Final = codec_of(Outcome)
OUTCOMES: Final = codec_of(tuple[Outcome, ...])
ANSWER: Final = codec_of(Answer)

_KINDS: Final = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, TekanaError)
}


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error on the bus: the name of its class, words for people, and what else errors of its kind say."""

    error: str
    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    transaction: Transaction | None = None
    request_id: str | None = None
    replayed: bool = False


_read_failure = msgspec.json.Decoder(Failure).decode
_write_failure = msgspec.json.Encoder().encode


def failure(error: Exception) -> bytes:
    """The error as it goes over the bus. What was not foreseen is told without its words: they may hold secrets."""
    if not isinstance(error, TekanaError):
        error = Unavailable("the service failed")
    refused = error if isinstance(error, Refused) else Refused()
    return _write_failure(
        Failure(
            error=type(error).__name__,
            code=error.code,
            detail=str(error),
            errors=error.errors if isinstance(error, InvalidRequest) else (),
            transaction=refused.transaction if isinstance(refused.transaction, Transaction) else None,
            request_id=refused.request_id,
            replayed=refused.replayed,
        )
    )


def error_in(body: bytes) -> TekanaError:
    """The error that a reply tells of; Unavailable for one of a kind that this version does not know."""
    told = _read_failure(body)
    kind = _KINDS.get(told.error, Unavailable)
    if issubclass(kind, InvalidRequest):
        return kind(*told.errors)
    error = kind(told.detail)
    if isinstance(error, Refused):
        error.transaction = told.transaction
        error.request_id = told.request_id
        error.replayed = told.replayed
    return error
