"""The front door of the core: do things, and read how things stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, cast

from tekana.application.bus import Service
from tekana.application.commands.batch import Batch, BatchOutcome, failed_index
from tekana.application.commands.command import AnswerT, Command
from tekana.application.engine.command_queue import Envelope
from tekana.application.engine.engine import Engine
from tekana.application.webhooks.webhooks import Webhooks
from tekana.application.workers.relay import relay_warnings
from tekana.domain.book import Answer
from tekana.domain.errors import Refused, Unavailable, refusal_named
from tekana.domain.transaction import Rejection, Transaction
from tekana.ports.audit import Audit
from tekana.ports.customers import Customers
from tekana.ports.events import Events
from tekana.ports.outbox import Outbox
from tekana.ports.store import Readers, Store
from tekana.ports.transactions import Transactions
from tekana.ports.wallets import Wallets

LOCAL_OPERATOR = "local"
"""The caller of everything, until callers have to show who they are."""


class Executed(NamedTuple, Generic[AnswerT]):
    """A command's answer, and whether it was given before under the same key."""

    answer: AnswerT
    replayed: bool


class Tekana:
    """An e-wallet back-end at work: commands in, answers out, and readers for how things stand.

    `execute` a command from `tekana` (its `__all__` lists them), or `submit_batch` many that move money; read through
    `customers`, `wallets`, `transactions` and `events`; have events delivered with `webhooks`; check that the ledger is
    whole with `audit`. Safe to use from many tasks of one event loop.

    `store` and `engine` do the work, here or through a gateway. `service` is what takes work off a bus in this process.
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
        """`outbox` is the one that a relay publishes, if one does: `check_ready` warns when it does not keep up."""
        self._store = store
        self._engine = engine
        self._outbox = outbox
        self._service = service
        self._webhooks = webhooks

    @property
    def customers(self) -> Customers:
        """Read customers."""
        return self._store.customers

    @property
    def wallets(self) -> Wallets:
        """Read wallets, their entries, and their balance at a time."""
        return self._store.wallets

    @property
    def transactions(self) -> Transactions:
        """Read transactions."""
        return self._store.transactions

    @property
    def events(self) -> Events:
        """Read what happened."""
        return self._store.events

    @property
    def webhooks(self) -> Webhooks:
        """Have events delivered over HTTP. Raises Unavailable if this application was put together without."""
        if self._webhooks is None:
            raise Unavailable("this application delivers no webhooks")
        return self._webhooks()

    @property
    def outbox(self) -> Outbox | None:
        """How far the relay is that publishes what happens; None where no bus is known."""
        return self._outbox

    @property
    def audit(self) -> Audit:
        """Check every invariant of the ledger. Raises Unavailable at a gateway, which has no ledger."""
        if not isinstance(self._store, Store):
            raise Unavailable("there is no ledger here: audit it where it is kept")
        return self._store.audit

    async def execute(
        self,
        command: Command[AnswerT],
        *,
        key: str | None = None,
        caller: str = LOCAL_OPERATOR,
        request_id: str | None = None,
    ) -> AnswerT:
        """Do what the command says; with a `key`, once, however often it is asked.

        Raises:
            Refused: a rule says no; a refused movement of money is kept as `error.transaction`.
            Unavailable: the outcome is unknown; ask again with the same key.
        """
        done = await self.submit(command, key=key, caller=caller, request_id=request_id)
        return done.answer

    async def submit(
        self,
        command: Command[AnswerT],
        *,
        key: str | None = None,
        caller: str = LOCAL_OPERATOR,
        request_id: str | None = None,
    ) -> Executed[AnswerT]:
        """Like `execute`, and says whether the answer is a repeated one. Refusals raised carry `replayed` as well."""
        outcome = await self._engine.submit(Envelope(command, caller, key, request_id))
        _raise_refusal(outcome.answer, replayed=outcome.replayed)
        return Executed(cast("AnswerT", outcome.answer), outcome.replayed)

    async def submit_batch(
        self,
        batch: Batch,
        *,
        key: str | None = None,
        caller: str = LOCAL_OPERATOR,
        request_id: str | None = None,
    ) -> BatchOutcome:
        """Move money many times in one request; with a `key`, once, however often it is asked.

        A movement that is refused raises nothing: its transaction is a rejected one.

        Raises:
            IdempotencyKeyReused: the key was used for something else; nothing was done.
            Unavailable: the outcome of some of it is unknown; ask again with the same key.
        """
        outcomes = await self._engine.submit_batch(batch, caller=caller, key=key, request_id=request_id)
        transactions = tuple([cast("Transaction", one.answer) for one in outcomes])
        replayed = all(one.replayed for one in outcomes)
        return BatchOutcome(transactions, failed_index(batch, transactions), replayed)

    async def preview(self, command: Command[AnswerT], *, caller: str = LOCAL_OPERATOR) -> AnswerT:
        """What `execute` would answer or raise now. Nothing is kept."""
        answer = await self._engine.preview(Envelope(command, caller))
        _raise_refusal(answer, replayed=False)
        return cast("AnswerT", answer)

    async def check_ready(self) -> Sequence[str]:
        """Raises Unavailable, with the reason, if money cannot be moved now.

        Gives what an operator should know all the same, each in a sentence.
        """
        self._engine.check_serving()
        if self._service is not None:
            await self._service.check_ready()
        warnings = await self._store.check_ready() or ()
        return warnings if self._outbox is None else [*warnings, *await relay_warnings(self._outbox)]


def refusal_of(answer: Answer) -> Refused | None:
    """The refusal that an answer tells of, as an error; None if it was done."""
    rejection = answer.rejection if isinstance(answer, Transaction) else answer
    if not isinstance(rejection, Rejection):
        return None
    error = refusal_named(rejection.error, rejection.detail)
    error.transaction = answer if isinstance(answer, Transaction) else None
    error.request_id = rejection.request_id
    return error


def _raise_refusal(answer: Answer, *, replayed: bool) -> None:
    error = refusal_of(answer)
    if error is not None:
        error.replayed = replayed
        raise error
