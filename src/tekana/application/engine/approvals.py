"""Ask for the approval of a command instead of executing it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tekana.application.commands.command import Command, MoneyCommand, record_refusal
from tekana.domain.answers import Answer
from tekana.domain.approvals import APPROVALS, Approval, ApprovalRules
from tekana.domain.audit_log import Resource, requested_entry
from tekana.domain.book import Book
from tekana.domain.errors import InvalidRequest, Refused, invalid
from tekana.domain.identifiers import ApprovalId

_encode = msgspec.json.Encoder().encode


def request_approval(command: Command[Answer], book: Book) -> Answer:
    """Keep the command as a pending approval, and return that.

    The command is decided first, and rolled back: one that would be refused now is refused at once, as without an
    approval, so that no approver sees what the asker has no access to, or what cannot be done.
    """
    savepoint = book.savepoint(book.locked.wallets)
    try:
        command.decide(book)
    except Refused as refusal:
        return record_refusal(command, refusal, book)
    book.rollback_to(savepoint)
    approval = Approval(
        id=ApprovalId(book.new_id()),
        asker=book.caller,
        command=command.NAME,
        data=_encode(command).decode(),
        request_id=book.request_id,
        asked_at=book.now,
        expires_at=book.now + book.approval_rules.expire_after,
    )
    book.add(APPROVALS, approval.id, approval)
    book.record(approval.request(), approval.tenant)
    book.audit_log.append(requested_entry(book, Resource(APPROVALS.name, approval.id)))
    return approval


def batch_error(commands: Sequence[MoneyCommand], rules: ApprovalRules) -> InvalidRequest | None:
    """Return the error of a batch with a command that needs an approval; None if there is no such command."""
    needing = rules.commands
    if not needing:
        return None
    places = [index for index, one in enumerate(commands) if one.NAME in needing]
    if not places:
        return None
    name = commands[places[0]].NAME
    return invalid(f"transactions[{places[0]}]", f"{name} needs the approval of a second person: send it alone")
