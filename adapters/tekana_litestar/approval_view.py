"""What clients see of an approval, also as the answer to a request that needs one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec

from tekana import Approval as DomainApproval
from tekana.domain.answers import ResourceType
from tekana.domain.approvals import ApprovalStatus
from tekana_litestar import fields
from tekana_litestar.fields import meta
from tekana_litestar.responses import HttpResponse, json_response
from tekana_litestar.views import shown

EXPIRES_AT: Final = "2026-02-01T12:05:00.123456Z"


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A request that waits for the approval of a second person, or was decided by one."""

    id: Annotated[UUID, meta(None, fields.APPROVAL_ID)]
    status: Annotated[
        ApprovalStatus,
        meta(
            "`approved`: it was done. `failed`: it was approved, and a rule refused it; ask again. `expired`: it was "
            "not decided in time.",
            "pending",
        ),
    ]
    command: Annotated[str, meta("What was asked for.", "AdjustBalance")]
    request: Annotated[dict[str, Any], meta("The fields of that.", fields.ADJUSTMENT)]
    asked_by: Annotated[str, meta("The subject of the caller who asked.", "key:1")]
    asked_at: Annotated[datetime, fields.time(None, fields.POSTED_AT)]
    expires_at: Annotated[datetime, fields.time("Until when it can be decided.", EXPIRES_AT)]
    decided_by: Annotated[str | None, meta("The subject of the caller who approved or rejected it.")]
    decided_at: Annotated[datetime | None, meta("When that was.", format="date-time")]
    reason: Annotated[str | None, meta("Why it was rejected; null if it was not.")]
    rejection_code: Annotated[str | None, meta("Why it failed, for programs; null if it did not.")]
    resource: Annotated[ResourceType | None, meta("What it created or changed.")]
    resource_id: Annotated[UUID | None, meta("The id of that.")]

    @classmethod
    def from_domain(cls, one: DomainApproval) -> Approval:
        """Return what clients see of an approval."""
        return shown(cls, one, request=msgspec.json.decode(one.data))


def approval_response(approval: DomainApproval, *, replayed: bool) -> HttpResponse:
    """Return the response to a request that waits for an approval."""
    return json_response(
        202, Approval.from_domain(approval), ("Location", f"/v1/approvals/{approval.id}"), replayed=replayed
    )
