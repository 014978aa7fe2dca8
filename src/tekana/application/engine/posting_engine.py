"""The posting engine: decides commands in groups, each group in one unit of work.

    commands ─> claim their keys ─> lock what they touch ─> decide each in turn ─> save all of it ─> answer each

The commands that arrive while a unit of work is in flight make up the next one (group commit). Nobody lingers: alone, a
command waits for nothing; in a crowd, the cost of a commit is shared, and a hot wallet costs no more than a cold one.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Sequence
from itertools import count

from tekana.application.commands.batch import Batch
from tekana.application.commands.validation import KEY_SEPARATOR, check_key
from tekana.application.engine.command_queue import CommandQueue, Envelope, Outcome, QueuedBatch, QueuedCommand, fail
from tekana.application.engine.decide import all_keys, all_locks, decide, decide_group, fingerprint, outcome_of
from tekana.domain.book import Answer, Book
from tekana.domain.caller import Caller
from tekana.domain.errors import Busy, Conflict, Overloaded, Refused, Unavailable
from tekana.domain.identifiers import NUMBER_BITS
from tekana.domain.lock_set import LockedState, merge
from tekana.domain.money import Currency
from tekana.ports.clock import NewId
from tekana.ports.unit_of_work import BeginUnit, IdempotencyKey

_TRIES = 3
_LONGEST_PAUSE = 0.02  # seconds, before the second try; twice as long before the third

# Two groups in flight keep the processor and the database busy at once. A second one is begun for a crowd only: smaller
# groups cost more for each of their commands. Those that came alone get one more when all in flight are as large as
# only batches make them, and so take long.
_MOST_IN_FLIGHT = 2
_CROWD = 250

# As long as each pass of the event loop brings more commands, a group waits for the next pass: so those who come in one
# wave are one group. No time is lost by that, as the passes are spent on them.
_MOST_PASSES = 5

_MOST_PREVIEWS = 2  # at once: they take connections and locks that real money needs


class PostingEngine:
    """Decides commands in groups: one in flight, a second one while a crowd waits, and one more past large batches.

    Each command of a group succeeds or is refused on its own; those of an atomic batch, together. A group that fails is
    tried again, then split, so nobody suffers for a neighbour. A caller that goes away takes nothing back: its command
    is decided with its group.

    A group takes up to `largest_group` commands that came alone, and one large batch or some small ones besides. Of
    both kinds apart, at most as many wait as `most_groups` groups take: who is let in is decided within seconds, and a
    crowd of one kind never shuts out the other.
    """

    def __init__(
        self,
        begin: BeginUnit,
        new_id: NewId,
        *,
        default_currency: Currency,
        largest_group: int = 500,
        most_groups: int = 20,
        stripe: int = 0,
    ) -> None:
        self._begin = begin
        self._new_id = new_id
        self._default_currency = default_currency
        self._stripe = stripe
        self._numbers = count(new_id().int & ((1 << NUMBER_BITS - 1) - 1))  # apart from those of other processes
        self._previews = asyncio.Semaphore(_MOST_PREVIEWS)
        self._largest_group = largest_group
        self._waiting = CommandQueue(largest_group, most_groups)
        self._in_flight: dict[asyncio.Task[None], bool] = {}  # and whether there is a large batch in the group
        self._looking = False
        self._seen = 0
        self._passes = 0
        self._serving = False

    def start(self) -> None:
        """Begin to serve, on the running event loop."""
        self._serving = True

    async def stop(self) -> None:
        """Decide what waits, take nothing new, and end."""
        self._serving = False
        while self._waiting or self._in_flight:
            self._look_soon()
            await (asyncio.wait(self._in_flight) if self._in_flight else asyncio.sleep(0))

    async def submit(self, envelope: Envelope) -> Outcome:
        """Have a command decided, for good.

        Cancelling the wait does not take the command back.

        Raises:
            InvalidRequest: the key is no text of 1 to 255 characters, or has the one that separates (U+001F) in it.
            IdempotencyKeyReused: the key was used for another command.
            Overloaded: too many commands wait; nothing was begun.
            Unavailable: the outcome is unknown; the same key will tell.
        """
        return await self.enqueue(envelope)

    def enqueue(self, envelope: Envelope) -> asyncio.Future[Outcome]:
        """Have a command decided, as `submit` does, for a caller without a task of its own."""
        key = self._admitted(envelope.caller, envelope.key, room=self._waiting.can_accept())
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.join(QueuedCommand(key, fingerprint(envelope.command.NAME, envelope.command), envelope, outcome))
        self._look_soon()
        return outcome

    async def submit_batch(
        self, batch: Batch, *, caller: Caller, key: str | None = None, request_id: str | None = None
    ) -> list[Outcome]:
        """Have the movements of a batch decided, for good; gives the outcome of each.

        Like `submit` otherwise. The batch's key is used for all of it; what each movement led to is kept under a key
        made of that and its place. So after a failure the same key finds what was done, and has the rest done.

        Raises:
            InvalidRequest, IdempotencyKeyReused, Overloaded: as `submit` does, for the whole batch.
            Unavailable: the outcome is unknown, at least of a part; the same key will tell.
        """
        room = self._waiting.can_accept_batch(len(batch.transactions))
        whole = QueuedBatch(self._admitted(caller, key, room=room), fingerprint(batch.NAME, batch), batch)
        new_future = asyncio.get_running_loop().create_future
        members = [
            QueuedCommand(
                IdempotencyKey(caller.tenant, caller.subject, f"{whole.key.key}{KEY_SEPARATOR}{place}"),
                fingerprint(movement.NAME, movement),
                Envelope(movement, caller, request_id=request_id),
                new_future(),
                whole,
                place,
            )
            for place, movement in enumerate(batch.transactions)
        ]
        self._waiting.put_batch(members)
        self._look_soon()
        return _all_or_raise(await asyncio.gather(*(one.outcome for one in members), return_exceptions=True))

    def _admitted(self, caller: Caller, key: str | None, *, room: bool) -> IdempotencyKey:
        """The key to join the line under, if there is room."""
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

    async def preview(self, envelope: Envelope) -> Answer:
        """What the command would lead to now; a refused one, its rejected transaction. Nothing is kept."""
        async with self._previews, self._begin() as unit:
            book = self._book(await unit.lock(merge([envelope.command.locks()], self._stripe)), envelope.caller)
            return decide(envelope, book)

    def _look_soon(self) -> None:
        """Look at the line once all who arrive at this moment are in it."""
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        """Begin what is due. Called after each arrival and after each group: so nobody is overlooked."""
        self._looking = False
        if len(self._waiting) > self._seen and self._passes < _MOST_PASSES:
            self._seen = len(self._waiting)
            self._passes += 1
            self._look_soon()
            return
        self._seen = self._passes = 0
        while self._waiting and len(self._in_flight) < (_MOST_IN_FLIGHT if len(self._waiting) >= _CROWD else 1):
            self._begin_work(self._waiting.take_group())
        if self._waiting.alone and all(self._in_flight.values()):
            self._begin_work(self._waiting.take_singles())

    def _begin_work(self, group: Sequence[QueuedCommand]) -> None:
        work = asyncio.create_task(self._work(group), name="posting engine")
        self._in_flight[work] = len(group) > self._largest_group
        work.add_done_callback(self._land)

    def _land(self, work: asyncio.Task[None]) -> None:
        del self._in_flight[work]
        self._look()

    async def _work(self, group: Sequence[QueuedCommand]) -> None:
        try:
            await self._settle(group)
        except BaseException:  # cancelled, with the loop or by a store: nobody is left waiting for ever
            self._serving = False
            fail(group, Unavailable("the work was cut off"), unknown=True)
            fail(self._waiting.take_all(), Overloaded("not serving any more: nothing was done"))
            raise

    async def _settle(self, group: Sequence[QueuedCommand], *, unknown: bool = False) -> None:
        """Give every command of the group an outcome. Raises nothing but what cuts the whole engine off.

        `unknown` tells that the group was in a unit of work whose end nobody saw: if it fails now, it may yet be done.
        """
        try:
            outcomes = await self._try(group)
        except _Failed as failed:
            error, unknown = failed.error, unknown or failed.unknown
            whole = isinstance(error, Unavailable) and not isinstance(error, Conflict)  # nobody's fault in the group
            middle = _middle(group)
            if middle and not whole:
                await self._settle(group[:middle], unknown=unknown)
                await self._settle(group[middle:], unknown=unknown)
            else:
                fail(group, error, unknown=unknown)
        else:
            for one, outcome in zip(group, outcomes, strict=True):
                if one.outcome.done():
                    continue
                if isinstance(outcome, Outcome):
                    one.outcome.set_result(outcome)
                else:
                    one.outcome.set_exception(outcome)

    async def _try(self, group: Sequence[QueuedCommand]) -> list[Outcome | Refused]:
        """Post the group, again if the store lost a race or its connection: the keys tell what is done already.

        A group that waited in vain for a lock is not tried again, but split: one of it has to wait, and the others
        should not.
        """
        unknown = False
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._post(group)
            except Exception as error:
                unknown = unknown or (isinstance(error, Unavailable) and not isinstance(error, Conflict | Overloaded))
                hopeless = not isinstance(error, Unavailable) or (isinstance(error, Busy) and _middle(group) > 0)
                if hopeless or attempt == _TRIES:
                    raise _Failed(error, unknown=unknown) from error
            await asyncio.sleep(random.uniform(0, _LONGEST_PAUSE * attempt))  # noqa: S311 - jitter, not a secret

    async def _post(self, group: Sequence[QueuedCommand]) -> list[Outcome | Refused]:
        async with self._begin() as unit:
            known = dict(await unit.find_keys(all_keys(group)))
            old = frozenset(known)
            fresh = [one for one in group if one.key not in old]
            if fresh:
                book = self._book(await unit.lock(all_locks(fresh, self._stripe)), fresh[0].envelope.caller)
                new = decide_group(fresh, known, book)
                await unit.save(book, new)
                known |= new
        seen = set(old)
        return [outcome_of(one, known, seen) for one in group]

    def _book(self, locked: LockedState, caller: Caller) -> Book:
        return Book(locked, self._new_id, self._default_currency, caller, self._numbers, stripe=self._stripe)


def _middle(group: Sequence[QueuedCommand]) -> int:
    """Where to split a group: about in the middle, never inside an atomic batch. 0 where there is nothing to split."""
    middle = len(group) // 2
    batch = group[middle].batch
    if batch is not None and batch.batch.mode == "atomic":
        begin = middle - group[middle].place
        middle = begin or len(batch.batch.transactions)
    return middle % len(group)


def _all_or_raise(outcomes: Sequence[Outcome | BaseException]) -> list[Outcome]:
    """The outcomes of a batch, if all are known. An error that all met is the batch's; else it is a part's."""
    errors = [one for one in outcomes if isinstance(one, BaseException)]
    if not errors:
        return [one for one in outcomes if isinstance(one, Outcome)]
    if len(errors) == len(outcomes) and len({type(one) for one in errors}) == 1:
        raise errors[0]
    raise Unavailable("whether all of the batch was done is unknown: retry with the same key") from errors[0]


class _Failed(Exception):
    """All tries of a group failed; `unknown` if one of them may have been stored all the same."""

    def __init__(self, error: Exception, *, unknown: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.unknown = unknown
