"""Approvals: commands that one caller has asked for, and that another one has to approve before they are executed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar, Final, Literal, NamedTuple
from uuid import UUID

from tekana.domain.caller import Caller
from tekana.domain.errors import ApprovalDecided, ApprovalExpired, ApprovalNotFound
from tekana.domain.events import ApprovalApproved, ApprovalEvent, ApprovalFailed, ApprovalRejected, ApprovalRequested
from tekana.domain.identifiers import ApprovalId
from tekana.domain.lock_set import LockKind

ApprovalStatus = Literal["pending", "approved", "rejected", "failed", "expired"]
"""`approved`: the command was executed. `failed`: it was approved, and then refused by a rule; it is not tried again.
`expired`: it was not decided in time. No row is stored as `expired`: readers compute it."""


class ApprovalRules(NamedTuple):
    """The operator's choice of what needs an approval.

    Attributes:
        commands: the stable names of the commands.
        expire_after: for how long an approval can be decided.
    """

    commands: frozenset[str] = frozenset()
    expire_after: timedelta = timedelta(hours=24)


NO_APPROVALS: Final = ApprovalRules()
"""Nothing needs an approval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A command that waits for a second person, or was decided by one. It belongs to the tenant of the asker.

    Attributes:
        asker: the caller who asked for the command, with their scopes at that time. The command is executed in their
            name.
        command: the stable name of the command.
        data: the command as JSON.
        request_id: the id of the request that asked.
        decided_by: the subject of the caller who approved or rejected; None while pending.
        reason: why it was rejected, by the caller who rejected it.
        rejection_code: the code of the rule that refused the approved command.
        resource, resource_id: what the executed command created or changed; None if there is no such thing.
        sequence: the number of its events.
    """

    AUDITED_FIELDS: ClassVar[tuple[str, ...]] = ("command", "status", "rejection_code", "resource", "resource_id")
    PERSONAL_FIELDS: ClassVar[tuple[str, ...]] = ("data", "reason")

    id: ApprovalId
    asker: Caller
    command: str
    data: str
    request_id: str | None
    asked_at: datetime
    expires_at: datetime
    status: ApprovalStatus = "pending"
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None
    rejection_code: str | None = None
    resource: str | None = None
    resource_id: UUID | None = None
    sequence: int = 1

    @property
    def tenant(self) -> str:
        """Return the tenant that it belongs to."""
        return self.asker.tenant

    @property
    def asked_by(self) -> str:
        """Return the subject of the caller who asked."""
        return self.asker.subject

    @property
    def event_count(self) -> int:
        """Return the number of its events."""
        return self.sequence

    def status_at(self, moment: datetime) -> ApprovalStatus:
        """Return its status at a time: a pending one expires."""
        return "expired" if self.status == "pending" and self.expires_at <= moment else self.status

    def shown_at(self, moment: datetime) -> Approval:
        """Return the approval with its status at a time, for readers."""
        return replace(self, status=self.status_at(moment))

    def require_pending(self, moment: datetime) -> None:
        """Raise ApprovalDecided or ApprovalExpired unless it can be decided at this time."""
        status = self.status_at(moment)
        if status == "expired":
            raise ApprovalExpired(f"the approval expired at {self.expires_at.isoformat()}")
        if status != "pending":
            raise ApprovalDecided(f"the approval was decided before: it is {status}")

    def request(self) -> ApprovalRequested:
        """Return the event of a new approval."""
        return ApprovalRequested(
            approval_id=self.id,
            sequence=1,
            occurred_at=self.asked_at,
            command=self.command,
            expires_at=self.expires_at,
        )

    def approve(
        self, by: str, at: datetime, *, rejection_code: str | None, resource: str | None, resource_id: UUID | None
    ) -> tuple[Approval, ApprovalEvent]:
        """Return the approval whose command was decided, and the event.

        Args:
            by: the subject of the approver.
            at: the time of the decision.
            rejection_code: the code of the refusal of the command; None if it was executed.
            resource, resource_id: what the command led to; a refused movement of money led to a transaction as well.
        """
        decided = replace(
            self,
            status="approved" if rejection_code is None else "failed",
            decided_by=by,
            decided_at=at,
            rejection_code=rejection_code,
            resource=resource,
            resource_id=resource_id,
            sequence=self.sequence + 1,
        )
        if rejection_code is not None:
            return decided, ApprovalFailed(
                approval_id=self.id,
                sequence=decided.sequence,
                occurred_at=at,
                command=self.command,
                asked_by=self.asked_by,
                rejection_code=rejection_code,
            )
        return decided, ApprovalApproved(
            approval_id=self.id,
            sequence=decided.sequence,
            occurred_at=at,
            command=self.command,
            asked_by=self.asked_by,
            resource=resource,
            resource_id=resource_id,
        )

    def reject(self, by: str, at: datetime, reason: str) -> tuple[Approval, ApprovalEvent]:
        """Return the rejected approval, and the event, which has no free text."""
        decided = replace(
            self, status="rejected", decided_by=by, decided_at=at, reason=reason, sequence=self.sequence + 1
        )
        return decided, ApprovalRejected(
            approval_id=self.id,
            sequence=decided.sequence,
            occurred_at=at,
            command=self.command,
            asked_by=self.asked_by,
        )


APPROVALS: Final = LockKind[ApprovalId, Approval]("approval")


def approval_not_found(approval_id: ApprovalId) -> ApprovalNotFound:
    """Build the refusal of a request about an approval that the caller has no access to."""
    return ApprovalNotFound(f"no approval has the id {approval_id}")
