"""Reject what another caller asked for: nothing is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.approvals.requests import ApprovalCommand, keep_decided, pending_request
from tekana.application.commands.validation import check_text
from tekana.domain.approvals import Approval
from tekana.domain.book import Book


class RejectRequest(ApprovalCommand, frozen=True, kw_only=True):
    """Reject a command that another caller asked for, with a reason. It is never executed."""

    NAME: ClassVar[str] = "RejectRequest"
    EXAMPLE: ClassVar[Mapping[str, Any]] = {"reason": "The statement of the bank shows no such payment"}

    reason: str

    def __post_init__(self) -> None:
        super().__post_init__()
        check_text("reason", self.reason, most=500)

    def decide(self, book: Book) -> Approval:
        approval, _ = pending_request(book, self.approval_id)
        decided, event = approval.reject(book.caller.subject, book.now, self.reason)
        keep_decided(book, decided, event)
        return decided
