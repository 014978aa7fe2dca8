"""What the execution of a command returns, and the errors that it raises instead."""

from __future__ import annotations

from typing import Generic, NamedTuple, cast

from tekana.application.commands.command import AnswerT, Command
from tekana.application.engine.envelope import Outcome
from tekana.domain.answers import Answer
from tekana.domain.approvals import Approval
from tekana.domain.errors import ApprovalPending, Refused, rebuild_refusal
from tekana.domain.transaction import Rejection, Transaction


class Executed(NamedTuple, Generic[AnswerT]):
    """The answer of a command.

    Attributes:
        answer: the customer, wallet or transaction that the command returns.
        replayed: whether the answer is the stored one of an earlier request with the same key.
    """

    answer: AnswerT
    replayed: bool


def executed(command: Command[AnswerT], outcome: Outcome) -> Executed[AnswerT]:
    """Return the answer of a command. Raise Refused if it was refused, ApprovalPending if it needs an approval."""
    answer, replayed = outcome
    if isinstance(answer, Approval) and answer.command == command.NAME:
        raise ApprovalPending(answer, replayed=replayed)
    raise_refusal(answer, replayed=replayed)
    return Executed(cast("AnswerT", answer), replayed)


def refusal_of(answer: Answer) -> Refused | None:
    """Build the error of a refused command from its answer; None if the command was not refused."""
    rejection = answer.rejection if isinstance(answer, Transaction) else answer
    if not isinstance(rejection, Rejection):
        return None
    error = rebuild_refusal(rejection)
    error.transaction = answer if isinstance(answer, Transaction) else None
    return error


def raise_refusal(answer: Answer, *, replayed: bool) -> None:
    """Raise the error of a refused command, marked as replayed or not; return if it was not refused."""
    if isinstance(answer, Transaction) and answer.rejection is None:  # as most answers are
        return
    error = refusal_of(answer)
    if error is not None:
        error.replayed = replayed
        raise error
