"""The posting engine: decides commands in groups, each group in one unit of work.

    commands ─> claim their keys ─> lock what they touch ─> decide each in turn ─> save all of it ─> answer each

The commands that arrive while a unit of work is in flight make up the next one (group commit). Nobody lingers: alone, a
command waits for nothing; in a crowd, the cost of a commit is shared, and a hot wallet costs no more than a cold one.
"""

from __future__ import annotations

import asyncio
import copy
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
from typing import Any, NamedTuple

import msgspec

from tekana.application.command import Command, MoneyCommand
from tekana.application.validation import check_text
from tekana.domain.book import Answer, Book, Locked, Touches
from tekana.domain.errors import Busy, Conflict, IdempotencyKeyReused, Overloaded, Refused, Unavailable
from tekana.domain.identifiers import NUMBER_BITS
from tekana.domain.money import Currency
from tekana.ports.clock import NewId
from tekana.ports.unit_of_work import BeginUnit, Claimed, Key

_TRIES = 3
_LONGEST_PAUSE = 0.02  # seconds, before the second try; twice as long before the third

_MOST_PREVIEWS = 2  # at once: they take connections and locks that real money needs

_encode = msgspec.msgpack.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Envelope:
    """A command on its way, with who sends it.

    `key` is the caller's idempotency key; without one the engine makes one up, so that its own retries never do a thing
    twice. `request_id` names the request in records and logs.
    """

    command: Command[Answer]
    caller: str
    key: str | None = None
    request_id: str | None = None


class Outcome(NamedTuple):
    """What a command led to, and whether that was decided before, under the same key."""

    answer: Answer
    replayed: bool


class _Waiting(NamedTuple):
    key: Key
    fingerprint: int
    envelope: Envelope
    outcome: asyncio.Future[Outcome]


class PostingEngine:
    """Decides commands in groups, one group in flight at a time.

    Each command of a group succeeds or is refused on its own. A group that fails is tried again, then split, so nobody
    suffers for a neighbour. A caller that goes away takes nothing back: its command is decided with its group.
    """

    def __init__(
        self,
        begin: BeginUnit,
        new_id: NewId,
        *,
        default_currency: Currency,
        largest_group: int = 500,
        most_waiting: int = 10_000,
    ) -> None:
        self._begin = begin
        self._new_id = new_id
        self._default_currency = default_currency
        self._numbers = count(new_id().int & ((1 << NUMBER_BITS - 1) - 1))  # apart from those of other processes
        self._largest_group = largest_group
        self._most_waiting = most_waiting
        self._previews = asyncio.Semaphore(_MOST_PREVIEWS)
        self._waiting: list[_Waiting] = []
        self._arrival = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Begin to serve, on the running event loop."""
        if self._runner is None:
            self._stopping = False
            self._runner = asyncio.create_task(self._run(), name="posting engine")

    async def stop(self) -> None:
        """Decide what waits, take nothing new, and end."""
        runner, self._runner = self._runner, None
        if runner is not None:
            self._stopping = True
            self._arrival.set()
            await runner

    async def submit(self, envelope: Envelope) -> Outcome:
        """Have a command decided, for good.

        Cancelling the wait does not take the command back.

        Raises:
            InvalidRequest: the key is no text of 1 to 255 characters.
            IdempotencyKeyReused: the key was used for another command.
            Overloaded: too many commands wait; nothing was begun.
            Unavailable: the outcome is unknown; the same key will tell.
        """
        self.check_serving()
        if envelope.key is not None:
            check_text("key", envelope.key, most=255)
        if len(self._waiting) >= self._most_waiting:
            raise Overloaded("too many requests are waiting: nothing was done, try again")
        key = Key(envelope.caller, f"once-{uuid.uuid4()}" if envelope.key is None else envelope.key)
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(key, fingerprint(envelope.command), envelope, outcome))
        self._arrival.set()
        return await outcome

    def check_serving(self) -> None:
        """Raises Overloaded unless commands are being decided."""
        if self._runner is None or self._stopping:
            raise Overloaded("not serving: starting up or shutting down")

    async def preview(self, envelope: Envelope) -> Answer:
        """What the command would lead to now; a refused one, its rejected transaction. Nothing is kept."""
        async with self._previews, self._begin() as unit:
            book = self._book(await unit.lock(envelope.command.touches()))
            return _decide(envelope, book)

    async def _run(self) -> None:
        while self._waiting or not self._stopping:
            await self._arrival.wait()
            group = self._waiting[: self._largest_group]
            del self._waiting[: self._largest_group]
            if not self._waiting and not self._stopping:
                self._arrival.clear()
            if not group:
                continue
            try:
                await self._settle(group)
            except BaseException:  # cancelled, with the loop or by a store: nobody is left waiting for ever
                self._runner = None
                _fail(group, Unavailable("the work was cut off"), unknown=True)
                _fail(self._waiting, Overloaded("not serving any more: nothing was done"))
                self._waiting.clear()
                raise

    async def _settle(self, group: Sequence[_Waiting], *, unknown: bool = False) -> None:
        """Give every command of the group an outcome. Raises nothing but what cuts the whole engine off.

        `unknown` tells that the group was in a unit of work whose end nobody saw: if it fails now, it may yet be done.
        """
        try:
            outcomes = await self._try(group)
        except _Failed as failed:
            error, unknown = failed.error, unknown or failed.unknown
            whole = isinstance(error, Unavailable) and not isinstance(error, Conflict)  # nobody's fault in the group
            if len(group) > 1 and not whole:
                middle = len(group) // 2
                await self._settle(group[:middle], unknown=unknown)
                await self._settle(group[middle:], unknown=unknown)
            else:
                _fail(group, error, unknown=unknown)
        else:
            for one, outcome in zip(group, outcomes, strict=True):
                if one.outcome.done():
                    continue
                if isinstance(outcome, Outcome):
                    one.outcome.set_result(outcome)
                else:
                    one.outcome.set_exception(outcome)

    async def _try(self, group: Sequence[_Waiting]) -> list[Outcome | Refused]:
        """Post the group, again if the store lost a race or its connection: the keys tell what is done already.

        A group that waited in vain for a lock is not tried again: one of it has to wait, and the others should not.
        """
        unknown = False
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._post(group)
            except Exception as error:
                unknown = unknown or (isinstance(error, Unavailable) and not isinstance(error, Conflict | Overloaded))
                hopeless = not isinstance(error, Unavailable) or (isinstance(error, Busy) and len(group) > 1)
                if hopeless or attempt == _TRIES:
                    raise _Failed(error, unknown=unknown) from error
            await asyncio.sleep(random.uniform(0, _LONGEST_PAUSE * attempt))  # noqa: S311 - jitter, not a secret

    async def _post(self, group: Sequence[_Waiting]) -> list[Outcome | Refused]:
        async with self._begin() as unit:
            known = dict(await unit.claim({one.key for one in group}))
            old = frozenset(known)
            fresh = [one for one in group if one.key not in old]
            if fresh:
                book = self._book(await unit.lock(_all_touches(fresh)))
                new: dict[Key, Claimed] = {}
                for one in fresh:
                    if one.key not in new:  # the same key twice in one group: the second is a replay
                        new[one.key] = Claimed(one.fingerprint, _decide(one.envelope, book))
                await unit.save(book, new)
                known |= new
        seen = set(old)
        return [_outcome(one, known[one.key], seen) for one in group]

    def _book(self, locked: Locked) -> Book:
        return Book(locked, self._new_id, self._default_currency, self._numbers)


def fingerprint(command: Command[Answer]) -> int:
    """64 bits (signed) that tell a command from another: a hash of what was decoded, not of the bytes that came."""
    return int.from_bytes(blake2b(_encode([type(command).__name__, command]), digest_size=8).digest(), signed=True)


def _decide(envelope: Envelope, book: Book) -> Answer:
    book.caller = envelope.caller
    book.request_id = envelope.request_id
    try:
        return envelope.command.decide(book)
    except Refused as refusal:
        if isinstance(envelope.command, MoneyCommand):
            return book.reject(envelope.command.movement(), refusal)
        return book.rejection(refusal)


def _outcome(one: _Waiting, claimed: Claimed, seen: set[Key]) -> Outcome | Refused:
    if claimed.fingerprint != one.fingerprint:
        return IdempotencyKeyReused("this idempotency key was used before, for another request")
    replayed = one.key in seen
    seen.add(one.key)
    return Outcome(claimed.answer, replayed)


def _all_touches(group: Sequence[_Waiting]) -> Touches:
    wallets, customers, contacts = zip(*(one.envelope.command.touches() for one in group), strict=True)
    return Touches(_distinct(wallets), _distinct(customers), _distinct(contacts))


def _distinct(groups: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple({one for group in groups for one in group})


class _Failed(Exception):
    """All tries of a group failed; `unknown` if one of them may have been stored all the same."""

    def __init__(self, error: Exception, *, unknown: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.unknown = unknown


def _fail(group: Sequence[_Waiting], error: Exception, *, unknown: bool = False) -> None:
    if unknown:
        error = Unavailable(f"{error}; whether it was done is unknown: retry with the same key")
    for one in group:
        if not one.outcome.done():
            one.outcome.set_exception(error if len(group) == 1 else _copied(error))


def _copied(error: Exception) -> Exception:
    """One for each who gets it: to raise an exception is to change it. Not every one can be copied."""
    try:
        return copy.copy(error)
    except Exception:
        return Unavailable(str(error))
