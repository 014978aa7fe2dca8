"""What commands about an approval share: they find it if the caller may decide on it, and keep a decided one."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from tekana.application.commands.approvals.approvable import command_of
from tekana.application.commands.command import Command, Struct
from tekana.domain.approvals import APPROVALS, Approval, approval_not_found
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.errors import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalNotFound,
    ApproverForbidden,
    OwnApproval,
    Refused,
)
from tekana.domain.events import ApprovalEvent
from tekana.domain.identifiers import ApprovalId
from tekana.domain.lock_set import LockSet
from tekana.domain.policy import can_access, has_all_tenants, has_scope


class Requested(NamedTuple):
    """A pending approval, and its command."""

    approval: Approval
    command: Command[Any]


class ApprovalCommand(Struct, frozen=True, kw_only=True):
    """The base of commands that decide on an approval."""

    SCOPE: ClassVar[Scope] = "approvals:write"
    IDS: ClassVar[tuple[str, ...]] = ("approval_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (
        ApprovalNotFound,
        OwnApproval,
        ApproverForbidden,
        ApprovalDecided,
        ApprovalExpired,
    )

    approval_id: ApprovalId

    def locks(self) -> LockSet:
        return LockSet(others=(APPROVALS.ref(self.approval_id),))


def pending_request(book: Book, approval_id: ApprovalId) -> Requested:
    """Return a locked approval that the caller may decide on, and its command.

    Raises:
        ApprovalNotFound: the caller has no access to an approval with this id.
        OwnApproval: the caller asked for it. A subject is one person in every tenant.
        ApproverForbidden: the caller lacks the scope of the command, or the access to all tenants that the asker has.
        ApprovalDecided, ApprovalExpired: it cannot be decided any more.
    """
    approval = book.locked.of(APPROVALS).get(approval_id)
    if approval is None or not can_access(book.caller, approval.tenant, approval.asker.customer_id):
        raise approval_not_found(approval_id)
    if approval.asked_by == book.caller.subject:
        raise OwnApproval("you asked for this yourself: a second person has to decide on it")
    command = command_of(approval)
    needed: tuple[Scope, ...] = (command.SCOPE, "tenants:all") if has_all_tenants(approval.asker) else (command.SCOPE,)
    for scope in needed:
        if not has_scope(book.caller, scope):
            raise ApproverForbidden(f"this needs the scope {scope}")
    approval.require_pending(book.now)
    return Requested(approval, command)


def keep_decided(book: Book, decided: Approval, event: ApprovalEvent) -> None:
    """Have the decided approval saved in place of the one that was locked, and record the event."""
    book.locked.of(APPROVALS)[decided.id] = decided
    book.change(APPROVALS, decided.id, decided)
    book.record(event, decided.tenant)
