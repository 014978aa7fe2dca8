"""Problems: how every refusal and failure is reported, as RFC 9457 says. One table maps families of errors to statuses.

A problem's `type` is `urn:tekana:problem:<code>`: a name, not an address. Clients program against `code`.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, cast
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import UNSET, UnsetType

from tekana import (
    ApprovalPending,
    ApproverForbidden,
    ConcurrentUpdate,
    EventsDropped,
    Forbidden,
    GrantForbidden,
    HouseForbidden,
    InvalidRequest,
    NotFound,
    Overloaded,
    OwnApproval,
    ReachedLimit,
    Refused,
    RuleRefused,
    SignInUnavailable,
    StateConflict,
    TekanaError,
    Unauthenticated,
    Unavailable,
    WalletKindForbidden,
)
from tekana.domain.limits import shown_value
from tekana_litestar.approval_view import approval_response
from tekana_litestar.fields import CURRENCY, REJECTED_ID, REQUEST_ID, meta, time
from tekana_litestar.log_limits import RepeatLimit
from tekana_litestar.quotas import Quota
from tekana_litestar.responses import PROBLEM_JSON, HttpResponse, encode, replay_header

if TYPE_CHECKING:
    from litestar.types import HTTPScope

_log = logging.getLogger("tekana.http")
_log.addFilter(RepeatLimit())

OUTCOME_UNKNOWN: Final = "unknown: retry with the same key"
CHALLENGE: Final = 'Bearer realm="tekana"'
"""The value of `WWW-Authenticate`, the same whatever is wrong with a credential."""

NOT_NOW: Final = "cannot be answered now: try again"


class IdempotencyKeyRequired(InvalidRequest):
    """Money moves only under a key, by which a repeated request differs from a new one."""

    code = "idempotency_key_required"


class PreconditionRequired(InvalidRequest):
    """`If-Match` is missing: a change must say which version it was made from."""


class BodyTooLarge(InvalidRequest):
    """The body is over 64 KiB, or that of a batch over 1 MiB."""


class RefusedOnArrival(InvalidRequest):
    """The connection is closed before the whole request was read. Names no fields."""

    def __init__(self, detail: str) -> None:
        super().__init__()
        self.detail = detail


class RequestTooSlow(RefusedOnArrival):
    """The request did not come within its deadline."""


class HeadersTooLarge(RefusedOnArrival):
    """The request line and the headers are over a limit."""


class WrongContentType(InvalidRequest):
    """The body is not declared to be JSON in UTF-8."""


class RateLimited(TekanaError):
    """The caller, or the address, sent more requests than it may. Nothing was done, and nothing is kept under the key.

    Args:
        quota: the limit that is reached.
    """

    code = "rate_limited"

    def __init__(self, quota: Quota) -> None:
        super().__init__(f"too many requests: try again in {quota.retry_after_seconds} s, under the same key")
        self.quota = quota


# The first family that an error belongs to gives its status.
FAMILIES: Final[tuple[tuple[type[TekanaError], int], ...]] = (
    (RequestTooSlow, 408),
    (BodyTooLarge, 413),
    (WrongContentType, 415),
    (PreconditionRequired, 428),
    (RateLimited, 429),
    (HeadersTooLarge, 431),
    (InvalidRequest, 400),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (GrantForbidden, 403),
    (HouseForbidden, 403),
    (OwnApproval, 403),
    (ApproverForbidden, 403),
    (WalletKindForbidden, 403),
    (NotFound, 404),
    (EventsDropped, 410),
    (StateConflict, 409),
    (ConcurrentUpdate, 412),
    (RuleRefused, 422),
    (Unavailable, 503),
    (TekanaError, 503),  # not set up as it should be: a missing adapter
)

_FRAMEWORK_DETAILS: Final = {
    404: "there is nothing at this path",
    405: "this path does not have this method: see Allow",
}


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with the request: where, and why."""

    field: str
    message: str


class LimitProblem(msgspec.Struct, frozen=True, kw_only=True):
    """The limit that refused a movement: amounts in major units, or numbers of transactions, as text."""

    name: Annotated[str, meta("Its name, as in a customer's limits.", "daily_outgoing_amount")]
    currency: Annotated[str, CURRENCY]
    limit: Annotated[str, meta("The limit.", "2000000")]
    left: Annotated[str, meta("What is left of it.", "1500")]
    resets_at: Annotated[datetime | None, time("When it begins anew; null if it does not.", "2026-01-31T22:00:00Z")]

    @classmethod
    def from_domain(cls, one: ReachedLimit) -> LimitProblem:
        """Return what clients see of a limit that refused them."""
        limit, left = (shown_value(one.name, value, one.currency) for value in (one.limit, one.left))
        return cls(name=one.name, currency=one.currency, limit=limit, left=left, resets_at=one.resets_at)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was not done. Programs read `code`; people read `detail`."""

    type: Annotated[str, meta("`urn:tekana:problem:` and the code.", format="uri")]
    title: str
    status: int
    detail: Annotated[str, meta("For people to read. Its words may change.")]
    code: Annotated[str, meta("Stable: what programs should read.")]
    request_id: Annotated[str, meta("The name of the request in our logs.", REQUEST_ID)]
    errors: Annotated[tuple[FieldProblem, ...], meta("What is wrong with the request, field by field.")] | UnsetType = (
        UNSET
    )
    limit: Annotated[LimitProblem, meta("The limit that refused it, unless it is the payee's.")] | UnsetType = UNSET
    transaction_id: (
        Annotated[UUID, meta("The rejected transaction that keeps the attempt.", REJECTED_ID)] | UnsetType
    ) = UNSET


def status_of(kind: type[TekanaError]) -> int:
    """Return the status that a kind of error is answered with."""
    return next(status for family, status in FAMILIES if issubclass(kind, family))


def problem(code: str, status: int, detail: str, request_id: str, **more: Any) -> Problem:
    """Return a problem with the type and title that belong to its code."""
    title = code.replace("_", " ").capitalize()
    kind = f"urn:tekana:problem:{code}"
    return Problem(type=kind, title=title, status=status, detail=detail, code=code, request_id=request_id, **more)


def problem_of(error: Exception, request_id: str, *, reading: bool) -> Problem:
    """Return the problem of an error. Only tekana's own words: a driver's may hold SQL or a DSN."""
    unknown = NOT_NOW if reading else OUTCOME_UNKNOWN
    match error:
        case RefusedOnArrival():
            return problem(error.code, status_of(type(error)), error.detail, request_id)
        case InvalidRequest():
            wrong = tuple(FieldProblem(field=one.field, message=one.message) for one in error.errors)
            return problem(error.code, status_of(type(error)), str(error), request_id, errors=wrong)
        case Refused():
            first = error.request_id or request_id  # so that a repeated refusal has the same bytes
            kept = UNSET if error.transaction is None else error.transaction.id
            limit = UNSET if error.limit is None else LimitProblem.from_domain(error.limit)
            return problem(error.code, status_of(type(error)), str(error), first, transaction_id=kept, limit=limit)
        case EventsDropped() | Unauthenticated() | Forbidden() | Overloaded() | SignInUnavailable() | RateLimited():
            return problem(error.code, status_of(type(error)), str(error), request_id)
        case HTTPException(status_code=status) if status < 500:
            code = "not_found" if status == 404 else "invalid_request"
            return problem(code, status, _FRAMEWORK_DETAILS.get(status, "the request is malformed"), request_id)
        case _:
            return problem(Unavailable.code, 503, unknown, request_id)


def problem_response(error: Exception, request_id: str, *, reading: bool) -> HttpResponse:
    """Return the response to a request that failed, or that waits for the approval of a second person.

    An unexpected error is logged whole, its outcome is unknown.
    """
    if isinstance(error, ApprovalPending):
        return approval_response(error.approval, replayed=error.replayed)
    problem = problem_of(error, request_id, reading=reading)
    headers: list[tuple[str, str]] = []
    pause_seconds = 0
    if problem.status == 503:
        _note(error, request_id)
        retry_after = getattr(error, "retry_after", Unavailable.retry_after)
        headers.append(("Retry-After", str(retry_after)))
        if isinstance(error, Overloaded):  # clients that ask again at once would leave no time for those let in
            pause_seconds = retry_after
    if isinstance(error, RateLimited):
        headers += [("Retry-After", str(error.quota.retry_after_seconds)), *error.quota.headers()]
    if isinstance(error, Unauthenticated):
        headers.append(("WWW-Authenticate", CHALLENGE))
    if isinstance(error, Refused):
        headers += replay_header(error.replayed)
    if isinstance(error, HTTPException) and error.status_code == 405:
        headers.append(("Allow", allowed_methods(error)))
    return HttpResponse(problem.status, encode(problem), headers, media_type=PROBLEM_JSON, pause_seconds=pause_seconds)


def allowed_methods(error: HTTPException) -> str:
    """Return the methods of a path, as an error of Litestar's names them, in a fixed order."""
    return ", ".join(sorted((error.headers or {}).get("allow", "").split(", ")))


def _note(error: Exception, request_id: str) -> None:
    kind = type(error).__name__  # part of the message, so that each kind is limited by itself
    if isinstance(error, TekanaError):
        _log.warning(f"request %s: {kind}: %s", request_id, error)
    else:
        _log.error(f"request %s failed: {kind}", request_id, exc_info=error)


def problem_of_request(scope: HTTPScope, error: Exception) -> HttpResponse:
    """Return the response to a request that failed with this error."""
    return problem_response(error, scope["state"]["request_id"], reading=scope["method"] in ("GET", "HEAD"))


def handle_exception(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Litestar's exception handler for everything that a handler, a dependency or a guard raises."""
    return cast("Response[Any]", problem_of_request(request.scope, error))
