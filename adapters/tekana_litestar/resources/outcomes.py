"""Outcomes: what a request with an idempotency key led to."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Router
from litestar.di import NamedDependency

from tekana import CommandOutcome, OutcomeNotFound
from tekana.domain.answers import ResourceType
from tekana.ports.outcomes import OutcomeStatus
from tekana.ports.readers import SessionReaders
from tekana_litestar import fields
from tekana_litestar.fields import meta
from tekana_litestar.headers import check_idempotency_key
from tekana_litestar.operation import Call, Returns, query
from tekana_litestar.queries import Query
from tekana_litestar.responses import Response, json_response
from tekana_litestar.views import shown


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the request with an idempotency key led to."""

    idempotency_key: Annotated[str, meta("The key.", "a-new-key")]
    status: Annotated[
        OutcomeStatus,
        meta("A batch is `decided`: its transactions show which of them were done.", "succeeded"),
    ]
    resource: Annotated[
        ResourceType | None, meta("What it created or changed; null if it was refused and left nothing.", "transaction")
    ]
    resource_id: Annotated[
        UUID | None,
        meta("The id of that; null for a batch: list the transactions by the key.", fields.TRANSACTION_ID),
    ]
    rejection_code: Annotated[str | None, meta("Why it was refused, for programs; null if it was not.")]
    rejection_detail: Annotated[str | None, meta("Why it was refused, for people; null if it was not.")]

    @classmethod
    def from_domain(cls, one: CommandOutcome) -> Outcome:
        """Return what clients see of an outcome."""
        code, detail = (one.rejection.code, one.rejection.detail) if one.rejection else (None, None)
        return shown(cls, one, rejection_code=code, rejection_detail=detail)


class OutcomeQuery(Query, frozen=True, kw_only=True):
    """Which outcome."""

    idempotency_key: Annotated[str, meta("The key of the request.", "a-new-key", minLength=1, maxLength=255)]

    def __post_init__(self) -> None:
        check_idempotency_key("idempotency_key", self.idempotency_key)


@query("/", Returns(200, Outcome), query=OutcomeQuery, refusals=(OutcomeNotFound,), does=SessionReaders.outcomes)
async def get_outcome(call: NamedDependency[Call[None, OutcomeQuery]]) -> Response:
    """Look up the outcome of a request.

    What the request with this idempotency key of yours led to, as soon as it is stored; keys of others are not found.
    404 means that nothing is stored under the key yet: repeat the request with the same key to have it done, once.
    """
    return json_response(200, Outcome.from_domain(await call.session.outcomes.get(call.query.idempotency_key)))


ROUTER: Final = Router("/v1/outcomes", tags=["Transactions"], route_handlers=[get_outcome])
