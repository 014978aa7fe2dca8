"""The front door of the core: a caller's session, with commands and readers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, cast

from tekana.application.bus import Service
from tekana.application.commands.batch import Batch, BatchOutcome, failed_index
from tekana.application.commands.command import AnswerT, Command
from tekana.application.engine.engine import Engine
from tekana.application.engine.envelope import Envelope, Outcome
from tekana.application.policy import require_scope
from tekana.application.readers import CheckedCustomers, CheckedTransactions, CheckedWallets
from tekana.application.webhooks.webhooks import Webhooks
from tekana.application.workers.relay import relay_warnings
from tekana.domain.book import Answer
from tekana.domain.caller import Caller
from tekana.domain.errors import Refused, Unavailable, rebuild_refusal
from tekana.domain.transaction import Rejection, Transaction
from tekana.ports.audit import Audit
from tekana.ports.customers import Customers
from tekana.ports.events import Events
from tekana.ports.outbox import Outbox
from tekana.ports.store import Readers, Store
from tekana.ports.transactions import Transactions
from tekana.ports.wallets import Wallets


class Executed(NamedTuple, Generic[AnswerT]):
    """A command's answer, and whether it was given before under the same key."""

    answer: AnswerT
    replayed: bool


class Tekana:
    """An e-wallet back-end at work: `as_caller` opens a session, through which everything is done and read.

    Safe to use from many tasks of one event loop.
    """

    def __init__(
        self,
        store: Readers,
        engine: Engine,
        *,
        outbox: Outbox | None = None,
        service: Service | None = None,
        webhooks: Callable[[], Webhooks] | None = None,
    ) -> None:
        """Put an application together.

        Args:
            store, engine: do the work, here or through a gateway.
            outbox: the one that a relay publishes, if one does: `check_ready` warns when it does not keep up.
            service: takes work off a bus in this process.
            webhooks: builds what owners of endpoints use.
        """
        self._store = store
        self._engine = engine
        self._outbox = outbox
        self._service = service
        self._webhooks = webhooks

    def as_caller(self, caller: Caller) -> Session:
        """Return a session in which everything is done and read on behalf of this caller. Cheap: one per request."""
        return Session(caller, self._store, self._engine, self._webhooks)

    @property
    def outbox(self) -> Outbox | None:
        """How far the relay is that publishes what happens; None where no bus is known."""
        return self._outbox

    async def check_ready(self) -> Sequence[str]:
        """Check that money can be moved now, and return warnings for an operator, each in a sentence.

        Raises Unavailable, with the reason, if it cannot.
        """
        self._engine.check_serving()
        if self._service is not None:
            await self._service.check_ready()
        warnings = await self._store.check_ready() or ()
        return warnings if self._outbox is None else [*warnings, *await relay_warnings(self._outbox)]


class Session:
    """What one caller can do and read.

    `execute` a command from `tekana` (its `__all__` lists them), or `submit_batch` many that move money; read through
    `customers`, `wallets`, `transactions` and `events`; have events delivered with `webhooks`; check that the ledger is
    whole with `audit`. Everything raises Forbidden where the caller lacks the scope.
    """

    __slots__ = ("_engine", "_store", "_webhooks", "caller")

    def __init__(
        self, caller: Caller, store: Readers, engine: Engine, webhooks: Callable[[], Webhooks] | None = None
    ) -> None:
        self.caller = caller
        self._store = store
        self._engine = engine
        self._webhooks = webhooks

    def as_caller(self, caller: Caller) -> Session:
        """Return the session of another caller on the same application."""
        return Session(caller, self._store, self._engine, self._webhooks)

    @property
    def customers(self) -> Customers:
        """Read customers."""
        require_scope(self.caller, "customers:read")
        return CheckedCustomers(self._store.customers(self.caller))

    @property
    def wallets(self) -> Wallets:
        """Read wallets, their entries, and their balance at a time."""
        require_scope(self.caller, "wallets:read")
        return CheckedWallets(self._store.wallets(self.caller))

    @property
    def transactions(self) -> Transactions:
        """Read transactions."""
        require_scope(self.caller, "transactions:read")
        return CheckedTransactions(self._store.transactions(self.caller))

    @property
    def events(self) -> Events:
        """Read what happened."""
        require_scope(self.caller, "events:read")
        return self._store.events(self.caller)

    @property
    def webhooks(self) -> Webhooks:
        """Have events delivered over HTTP. Raises Unavailable if this application was put together without."""
        if self._webhooks is None:
            raise Unavailable("this application delivers no webhooks")
        return self._webhooks()

    @property
    def audit(self) -> Audit:
        """Check every invariant of the ledger. Raises Unavailable at a gateway, which has no ledger."""
        require_scope(self.caller, "audit:read")
        if not isinstance(self._store, Store):
            raise Unavailable("there is no ledger here: audit it where it is kept")
        return self._store.audit

    async def execute(
        self, command: Command[AnswerT], *, key: str | None = None, request_id: str | None = None
    ) -> AnswerT:
        """Do what the command says; with a `key`, once, however often it is asked.

        Raises:
            Forbidden: the caller lacks the command's scope.
            Refused: a rule says no; a refused transaction is recorded as `error.transaction`.
            Unavailable: the outcome is unknown; ask again with the same key.
        """
        return (await self.submit(command, key=key, request_id=request_id)).answer

    async def submit(
        self, command: Command[AnswerT], *, key: str | None = None, request_id: str | None = None
    ) -> Executed[AnswerT]:
        """Do as `execute`, and return whether the answer is a repeated one; a refusal raised carries `replayed`."""
        require_scope(self.caller, command.SCOPE)
        return executed(command, await self._engine.submit(Envelope(command, self.caller, key, request_id)))

    def enqueue(
        self, command: Command[AnswerT], *, key: str | None = None, request_id: str | None = None
    ) -> asyncio.Future[Outcome]:
        """Do as `submit`, for a caller without a task of its own; `executed` reads the outcome.

        Raises Forbidden, InvalidRequest and Overloaded at once; the future raises the rest.
        """
        require_scope(self.caller, command.SCOPE)
        return self._engine.enqueue(Envelope(command, self.caller, key, request_id))

    async def submit_batch(
        self, batch: Batch, *, key: str | None = None, request_id: str | None = None
    ) -> BatchOutcome:
        """Execute many money commands in one request; with a `key`, once, however often it is asked.

        A command that is refused raises nothing: its transaction is a rejected one.

        Raises:
            Forbidden: the caller lacks the scope.
            IdempotencyKeyReused: the key was used for something else; nothing was done.
            Unavailable: the outcome of some of it is unknown; ask again with the same key.
        """
        require_scope(self.caller, batch.SCOPE)
        outcomes = await self._engine.submit_batch(batch, caller=self.caller, key=key, request_id=request_id)
        transactions = tuple([cast("Transaction", one.answer) for one in outcomes])
        replayed = all(one.replayed for one in outcomes)
        return BatchOutcome(transactions, failed_index(batch, transactions), replayed)

    async def preview(self, command: Command[AnswerT]) -> AnswerT:
        """Return or raise what `execute` would now. Nothing is kept."""
        require_scope(self.caller, command.SCOPE)
        answer = await self._engine.preview(Envelope(command, self.caller))
        _raise_refusal(answer, replayed=False)
        return cast("AnswerT", answer)


def executed(command: Command[AnswerT], outcome: Outcome) -> Executed[AnswerT]:  # noqa: ARG001 - its type is needed
    """The command's answer. Raises Refused if a rule refused it."""
    _raise_refusal(outcome.answer, replayed=outcome.replayed)
    return Executed(cast("AnswerT", outcome.answer), outcome.replayed)


def refusal_of(answer: Answer) -> Refused | None:
    """Build the refusal that an answer records, as an error; None if the command was done."""
    rejection = answer.rejection if isinstance(answer, Transaction) else answer
    if not isinstance(rejection, Rejection):
        return None
    error = rebuild_refusal(rejection)
    error.transaction = answer if isinstance(answer, Transaction) else None
    return error


def _raise_refusal(answer: Answer, *, replayed: bool) -> None:
    error = refusal_of(answer)
    if error is not None:
        error.replayed = replayed
        raise error
