"""Approve what another caller asked for: it is executed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.approvals.approvable import command_of
from tekana.application.commands.approvals.requests import ApprovalCommand, keep_decided, pending_request
from tekana.application.commands.command import Command, ExtendingCommand, decide_audited, record_refusal
from tekana.domain.answers import ANSWERS, Answer
from tekana.domain.approvals import APPROVALS
from tekana.domain.book import Book
from tekana.domain.caller import Caller
from tekana.domain.errors import Refused
from tekana.domain.lock_set import NO_LOCKS, LockedState, LockSet
from tekana.domain.transaction import Rejection, Transaction


class ApproveRequest(ApprovalCommand, frozen=True, kw_only=True):
    """Approve a command that another caller asked for, and execute it in their name, once. Its answer is the answer.

    If a rule refuses the command now, the approval has failed: it is not tried again.
    """

    NAME: ClassVar[str] = "ApproveRequest"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {}

    def further_locks(self, locked: LockedState) -> LockSet:
        """Return what the approved command needs."""
        approval = locked.of(APPROVALS).get(self.approval_id)
        if approval is None or approval.status != "pending":
            return NO_LOCKS
        command = command_of(approval)
        wallets, house_wallets, others = command.locks()
        if not isinstance(command, ExtendingCommand):
            return LockSet(wallets, house_wallets, others)
        more = command.further_locks(locked)
        return LockSet((*wallets, *more.wallets), (*house_wallets, *more.house_wallets), (*others, *more.others))

    def decide(self, book: Book) -> Answer:
        approval, command = pending_request(book, self.approval_id)
        answer = _decide_as(book, approval.asker, command)
        rejection = answer.rejection if isinstance(answer, Transaction) else answer
        kind = ANSWERS[type(answer)]
        decided, event = approval.approve(
            book.caller.subject,
            book.now,
            rejection_code=rejection.code if isinstance(rejection, Rejection) else None,
            resource=kind.resource,
            resource_id=kind.resource_id(answer),
        )
        keep_decided(book, decided, event)
        return answer


def _decide_as(book: Book, asker: Caller, command: Command[Answer]) -> Answer:
    """Decide a command in the name of the one who asked for it, who is not at the address of this request."""
    approver, address = book.caller, book.address
    book.caller, book.address = asker, None
    try:
        return decide_audited(command, book) if command.AUDITED else command.decide(book)
    except Refused as refusal:
        return record_refusal(command, refusal, book)
    finally:
        book.caller, book.address = approver, address
