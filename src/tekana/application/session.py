"""A caller's session: commands and reads, with what their scopes allow."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import cast

from tekana.application.commands.batch import Batch, BatchOutcome, batch_outcome
from tekana.application.commands.command import AnswerT, Command
from tekana.application.engine.envelope import Envelope, Outcome
from tekana.application.executed import Executed, executed, raise_refusal
from tekana.application.session_reads import Parts, SessionReads
from tekana.domain.answers import Answer
from tekana.domain.audit_log import HERE, Origin
from tekana.domain.caller import Caller
from tekana.domain.policy import visible_quote, visible_transaction
from tekana.domain.quotes import Quote
from tekana.domain.transaction import Transaction
from tekana.domain.wallet import WALLETS_PER_CUSTOMER_MAX
from tekana.ports.page import PageRequest
from tekana.ports.wallets import WalletFilter


class Session(SessionReads):
    """The operations of one caller. All of them raise Forbidden if the caller lacks the required scope.

    `execute` a command (`tekana.__all__` lists them), or `submit_batch` many money commands; read with `customers`,
    `wallets`, `transactions`, `events` and `webhooks`; check the ledger with `audit`.
    """

    __slots__ = ("_engine",)

    def __init__(self, caller: Caller, parts: Parts, origin: Origin = HERE) -> None:
        super().__init__(caller, parts, origin)
        self._engine = parts.engine

    def as_caller(self, caller: Caller, origin: Origin = HERE) -> Session:
        """Return the session of another caller, or of another origin, on the same application."""
        return Session(caller, self._parts, origin)

    def _require_scopes_of(self, batch: Batch) -> None:
        for kind in (type(batch), *{type(one) for one in batch.transactions}):
            self.require_scope(kind.NAME, kind.SCOPE)

    async def execute(
        self, command: Command[AnswerT], *, key: str | None = None, request_id: str | None = None
    ) -> AnswerT:
        """Execute a command; with a `key`, at most once for any number of requests.

        Args:
            command: the command.
            key: an idempotency key of 1 to 255 characters; None executes the command each time.
            request_id: an id of the request, recorded with every change.

        Returns:
            The answer of the command: a new one, or the stored one of the same key.

        Raises:
            Forbidden: the caller lacks the command's scope.
            Refused: a rule forbids the command; `error.transaction` is the rejected transaction of a money command.
            IdempotencyKeyReused: the key was used for another command (a Refused).
            ApprovalPending: the command needs the approval of a second person, and was not executed.
            Unavailable: the outcome is unknown; retry with the same key.
        """
        return (await self.submit(command, key=key, request_id=request_id)).answer

    async def submit(
        self, command: Command[AnswerT], *, key: str | None = None, request_id: str | None = None
    ) -> Executed[AnswerT]:
        """Execute a command like `execute`, and also return whether the answer was replayed.

        A raised Refused has it in its attribute `replayed`.
        """
        self._require_scope_of(command)
        outcome = await self._engine.submit(Envelope(command, self.caller, key, request_id, self._origin.address))
        return executed(command, outcome if self.caller.customer_id is None else await self._visible_outcome(outcome))

    def enqueue(
        self, command: Command[AnswerT], *, key: str | None = None, request_id: str | None = None
    ) -> asyncio.Future[Outcome]:
        """Queue a command like `submit`, without a task of its own; `executed` converts the outcome.

        Raises:
            Forbidden, InvalidRequest, Overloaded: at once; the future raises all other errors.
        """
        self._require_scope_of(command)
        outcome = self._engine.enqueue(Envelope(command, self.caller, key, request_id, self._origin.address))
        return outcome if self.caller.customer_id is None else asyncio.ensure_future(self._await_visible(outcome))

    async def submit_batch(
        self, batch: Batch, *, key: str | None = None, request_id: str | None = None
    ) -> BatchOutcome:
        """Execute many money commands in one request; with a `key`, at most once for any number of requests.

        A refused command does not raise: its transaction is a rejected one.

        Raises:
            Forbidden: the caller lacks the scope.
            InvalidRequest: a command needs the approval of a second person; nothing was done.
            IdempotencyKeyReused: the key was used for another request; nothing was done.
            Unavailable: the outcome of some commands is unknown; retry with the same key.
        """
        outcomes = await self.execute_batch(batch, key=key, request_id=request_id)
        return batch_outcome(batch, [one.answer for one in outcomes], replayed=all(one.replayed for one in outcomes))

    async def execute_batch(
        self, batch: Batch, *, key: str | None = None, request_id: str | None = None
    ) -> list[Outcome]:
        """Execute many money commands like `submit_batch`, and return the outcome of each of them."""
        self._require_scopes_of(batch)
        outcomes = await self._engine.submit_batch(
            batch, caller=self.caller, key=key, request_id=request_id, address=self._origin.address
        )
        return outcomes if self.caller.customer_id is None else [await self._visible_outcome(one) for one in outcomes]

    async def preview(self, command: Command[AnswerT]) -> AnswerT:
        """Return or raise what `execute` would now (a dry run), or would once it is approved. Nothing is stored."""
        self._require_scope_of(command)
        answer = await self._visible(await self._engine.preview(Envelope(command, self.caller)))
        raise_refusal(answer, replayed=False)
        return cast("AnswerT", answer)

    async def preview_batch(self, batch: Batch) -> BatchOutcome:
        """Return what `submit_batch` would now (a dry run). Nothing is stored.

        Raises:
            Forbidden: the caller lacks the scope.
            InvalidRequest: a command needs the approval of a second person.
        """
        self._require_scopes_of(batch)
        answers = await self._engine.preview_batch(batch, self.caller)
        return batch_outcome(batch, [await self._visible(one) for one in answers], replayed=False)

    async def _await_visible(self, outcome: asyncio.Future[Outcome]) -> Outcome:
        return await self._visible_outcome(await outcome)

    async def _visible_outcome(self, outcome: Outcome) -> Outcome:
        return Outcome(await self._visible(outcome.answer), outcome.replayed)

    async def _visible(self, answer: Answer) -> Answer:
        """Return what the caller may see of an answer: a customer sees no entries, and no fees, of other customers."""
        customer_id = self.caller.customer_id
        if customer_id is None or not isinstance(answer, Transaction | Quote):
            return answer
        owned = WalletFilter(customer_id=customer_id)  # not the customer, whose data may be unavailable
        wallets = await self._store.wallets(self.caller).list(owned, PageRequest(limit=WALLETS_PER_CUSTOMER_MAX))
        own = {one.id for one in wallets.items}
        if isinstance(answer, Quote):
            return visible_quote(answer, own)
        return visible_transaction(self.caller, answer, own) or replace(answer, entries=())
