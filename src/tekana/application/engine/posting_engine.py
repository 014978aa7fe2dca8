"""The posting engine: decides commands in groups, each group in one unit of work.

    commands ─> find their keys ─> lock what they touch ─> decide each in turn ─> save all of it ─> answer each

The commands that arrive while a unit of work is in flight make up the next one (group commit). A single command waits
for nothing; many share the cost of a commit, and a wallet that all of them touch costs no more than any other.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import count
from typing import NamedTuple

from tekana.application.commands.batch import Batch
from tekana.application.commands.validation import check_key
from tekana.application.engine.command_queue import CommandQueue, QueuedBatch, QueuedCommand, queued
from tekana.application.engine.contention import Lanes
from tekana.application.engine.decide import fingerprint_under
from tekana.application.engine.envelope import Envelope, Outcome
from tekana.application.engine.group_settler import GroupSettler
from tekana.application.engine.previews import Previews
from tekana.application.engine.statistics import EngineStatistics, OutcomeCounter
from tekana.domain.answers import Answer
from tekana.domain.approvals import NO_APPROVALS, ApprovalRules
from tekana.domain.book import Book
from tekana.domain.caller import Caller
from tekana.domain.errors import Overloaded, Unavailable
from tekana.domain.identifiers import NUMBER_BITS, WebhookEndpointId
from tekana.domain.lock_set import LockedState
from tekana.domain.money import Currency
from tekana.ports.clock import NewId
from tekana.ports.unit_of_work import KEY_SEPARATOR, BeginUnit, IdempotencyKey

# Two groups in flight keep the processor and the database busy at once. A second one is begun only when many wait:
# smaller groups cost more for each of their commands. Single commands get one more when all in flight are as large as
# only batches make them, and so take long.
_IN_FLIGHT_MAX = 2
_CROWD = 250

# As long as each pass of the event loop brings more commands, a group waits for the next pass, so that commands which
# arrive in one wave are one group. No time is lost by that, as the passes are spent on them.
_PASSES_MAX = 5

STALL_SECONDS = 120.0
"""For how long a group may be in flight: much longer than all its tries take while the store does not answer."""


class PostingEngine:
    """Decides commands in groups: one in flight, a second one while many wait, and one more past large batches.

    A command fails only for a reason of its own (see `group_settler`), and waits only for what it needs itself (see
    `contention`). A cancelled caller takes nothing back: its command is decided with its group. However a group ends,
    the engine goes on with the next.

    A group takes up to `largest_group` single commands, and one large batch or some small ones besides. Of both kinds
    apart, at most as many wait as `most_groups` groups take: what is accepted is decided within seconds, and many of
    one kind never shut out the other.
    """

    def __init__(  # noqa: PLR0913 - each by its name
        self,
        begin: BeginUnit,
        new_id: NewId,
        *,
        default_currency: Currency,
        new_secret: Callable[[WebhookEndpointId], str],
        hash_secret: Callable[[str], str] | None = None,
        approval_rules: ApprovalRules = NO_APPROVALS,
        largest_group: int = 500,
        most_groups: int = 20,
        stripe: int = 0,
        keep_customers: timedelta = timedelta(0),
    ) -> None:
        self._begin = begin
        self._new_id = new_id
        self._default_currency = default_currency
        self._new_secret = new_secret
        self._hash_secret = hash_secret or _cannot_hash
        self._approval_rules = approval_rules
        self._stripe = stripe
        self._keep_customers = keep_customers
        self._numbers = count(new_id().int & ((1 << NUMBER_BITS - 1) - 1))  # apart from those of other processes
        self._previews = Previews(begin, self._book, stripe)
        self._largest_group = largest_group
        self._queue = CommandQueue(largest_group, most_groups)
        self._counter = OutcomeCounter()
        self._settler = GroupSettler(begin, self._book, stripe, self._counter)
        self._lanes = Lanes(
            self._settler.settle,
            commands_max=largest_group * most_groups,
            lane_max=largest_group,
            counter=self._counter,
            stripe=stripe,
        )
        self._in_flight: dict[asyncio.Task[None], _InFlight] = {}
        self._look_is_due = False
        self._seen = 0
        self._passes = 0
        self._serving = False

    def start(self) -> None:
        """Begin to serve, on the running event loop."""
        self._serving = True

    async def stop(self) -> None:
        """Decide what waits, accept nothing new, and end."""
        self._serving = False
        while self._queue or self._in_flight:
            self._look_soon()
            await (asyncio.wait(self._in_flight) if self._in_flight else asyncio.sleep(0))
        await self._lanes.close()

    async def submit(self, envelope: Envelope) -> Outcome:
        """Have a command decided, for good.

        Cancelling the wait does not take the command back.

        Raises:
            InvalidRequest: the key is no text of 1 to 255 characters, or has the one that separates (U+001F) in it.
            IdempotencyKeyReused: the key was used for another command.
            Overloaded: too many commands wait; nothing was begun.
            Unavailable: the outcome is unknown; the same key finds it.
        """
        return await self.enqueue(envelope)

    def enqueue(self, envelope: Envelope) -> asyncio.Future[Outcome]:
        """Have a command decided, as `submit` does, for a caller without a task of its own."""
        key = self._accepted_key(envelope.caller, envelope.key, room=self._queue.can_accept())
        command = queued(key, fingerprint_under(key, envelope.command), envelope)
        self._queue.put(command)
        self._look_soon()
        return command.outcome

    async def submit_batch(
        self,
        batch: Batch,
        *,
        caller: Caller,
        key: str | None = None,
        request_id: str | None = None,
        address: str | None = None,
    ) -> list[Outcome]:
        """Have the commands of a batch decided, for good; returns the outcome of each.

        Like `submit` otherwise. The batch's key is used for all of it; what each command led to is kept under a key
        made of that and its place. So after a failure the same key finds what was done, and has the rest done.

        Raises:
            InvalidRequest, IdempotencyKeyReused, Overloaded: as `submit` does, for the whole batch.
            Unavailable: the outcome is unknown, at least of a part; the same key finds it.
        """
        room = self._queue.can_accept_batch(len(batch.transactions))
        accepted = self._accepted_key(caller, key, room=room)
        whole = QueuedBatch(accepted, fingerprint_under(accepted, batch), batch)
        members = [
            queued(
                IdempotencyKey(caller.tenant, caller.subject, f"{whole.key.key}{KEY_SEPARATOR}{place}"),
                whole.fingerprint,  # its key is never used alone
                Envelope(command, caller, request_id=request_id, address=address),
                whole,
                place,
            )
            for place, command in enumerate(batch.transactions)
        ]
        self._queue.put_batch(members)
        self._look_soon()
        return _all_or_raise(await _outcomes_of(members))

    def _accepted_key(self, caller: Caller, key: str | None, *, room: bool) -> IdempotencyKey:
        """The key to wait under, if there is room."""
        self.check_serving()
        if key is not None:
            check_key(key)
        if not room:
            raise Overloaded("too many requests are waiting: nothing was done, try again")
        return IdempotencyKey(caller.tenant, caller.subject, f"once-{uuid.uuid4()}" if key is None else key)

    def check_serving(self) -> None:
        """Raises Overloaded unless commands are being decided."""
        if not self._serving:
            raise Overloaded("not serving: starting up or shutting down")

    def check_alive(self) -> None:
        """Raises Unavailable if only a restart of the process helps: a group has been in flight for too long."""
        self.check_serving()
        now = asyncio.get_running_loop().time()
        for group in self._in_flight.values():
            if now - group.begun_at > STALL_SECONDS:
                raise Unavailable(f"a group of commands has been in flight for more than {STALL_SECONDS:g} s")

    def statistics(self) -> EngineStatistics:
        """Return how commands ended since this engine was built, what waits, and how full the house wallets are."""
        return EngineStatistics(
            outcomes=self._counter.counts(),
            waiting_commands=len(self._queue) + len(self._lanes),
            groups_in_flight=len(self._in_flight),
            house_wallet_levels=dict(self._settler.house_wallets.levels),
        )

    async def preview(self, envelope: Envelope) -> Answer:
        """Return what the command would lead to now; for a refused one, its rejected transaction. Nothing is kept."""
        return await self._previews.decide(envelope)

    async def preview_batch(self, batch: Batch, caller: Caller) -> Sequence[Answer]:
        """Return what each command of a batch would lead to now. Nothing is kept."""
        return await self._previews.decide_batch(batch, caller)

    def _look_soon(self) -> None:
        """Look at the queue once all that arrive at this moment are in it."""
        if not self._look_is_due:
            self._look_is_due = True
            asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        """Begin what is due. Called after each arrival and after each group, so that no command is forgotten."""
        self._look_is_due = False
        if len(self._queue) > self._seen and self._passes < _PASSES_MAX:
            self._seen = len(self._queue)
            self._passes += 1
            self._look_soon()
            return
        self._seen = self._passes = 0
        while self._queue and len(self._in_flight) < (_IN_FLIGHT_MAX if len(self._queue) >= _CROWD else 1):
            self._begin_work(self._queue.take_group())
        if self._queue.singles and all(group.has_large_batch for group in self._in_flight.values()):
            self._begin_work(self._queue.take_singles())

    def _begin_work(self, group: list[QueuedCommand]) -> None:
        group = self._lanes.divert(group)
        if group:
            work = asyncio.create_task(self._work(group), name="posting engine")
            self._in_flight[work] = _InFlight(len(group) > self._largest_group, work.get_loop().time())
            work.add_done_callback(self._end_work)

    def _end_work(self, work: asyncio.Task[None]) -> None:
        del self._in_flight[work]
        if not work.cancelled():
            work.exception()  # its commands have it
        self._look()

    async def _work(self, group: Sequence[QueuedCommand]) -> None:
        self._lanes.add(await self._settler.settle(group))

    def _book(self, locked: LockedState, caller: Caller) -> Book:
        return Book(
            locked,
            self._new_id,
            self._default_currency,
            caller,
            new_secret=self._new_secret,
            hash_secret=self._hash_secret,
            numbers=self._numbers,
            approval_rules=self._approval_rules,
            stripe=self._stripe,
            keep_customers=self._keep_customers,
        )


def _cannot_hash(_: str) -> str:
    raise Unavailable("this engine has no key to hash the secrets of API keys with")


class _InFlight(NamedTuple):
    """A group that is being decided: whether it has a large batch, and since when, by the event loop's clock."""

    has_large_batch: bool
    begun_at: float


async def _outcomes_of(members: Sequence[QueuedCommand]) -> list[Outcome | BaseException]:
    """Wait for the outcome or error of each command: mostly all come at once, so only the first is waited for."""
    outcomes: list[Outcome | BaseException] = []
    try:
        for one in members:
            try:
                outcomes.append(await one.outcome)
            except Exception as error:
                outcomes.append(error)
    except asyncio.CancelledError:
        for one in members:
            one.outcome.cancel()
        raise
    return outcomes


def _all_or_raise(outcomes: Sequence[Outcome | BaseException]) -> list[Outcome]:
    """Return the outcomes of a batch, if all are known. An error of all of its commands is the batch's own."""
    errors = [one for one in outcomes if isinstance(one, BaseException)]
    if not errors:
        return [one for one in outcomes if isinstance(one, Outcome)]
    if len(errors) == len(outcomes) and len({type(one) for one in errors}) == 1:
        raise errors[0]
    raise Unavailable("whether all of the batch was done is unknown: retry with the same key") from errors[0]
