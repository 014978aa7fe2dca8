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
from typing import Any, NamedTuple

import msgspec

from tekana.application.command import Command, MoneyCommand
from tekana.domain.book import Answer, Book, Locked, Touches
from tekana.domain.errors import Conflict, IdempotencyKeyReused, Overloaded, Refused, Unavailable
from tekana.domain.money import Currency
from tekana.ports.clock import NewId
from tekana.ports.unit_of_work import BeginUnit, Claimed, Key

_TRIES = 3
_LONGEST_PAUSE = 0.02  # seconds, before the second try; twice as long before the third

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
        self._largest_group = largest_group
        self._most_waiting = most_waiting
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
            IdempotencyKeyReused: the key was used for another command.
            Overloaded: too many commands wait; nothing was begun.
            Unavailable: the outcome is unknown; the same key will tell.
        """
        if self._runner is None or self._stopping:
            raise Overloaded("not serving: starting up or shutting down")
        if len(self._waiting) >= self._most_waiting:
            raise Overloaded("too many requests are waiting: nothing was done, try again")
        key = Key(envelope.caller, envelope.key or f"once-{uuid.uuid4()}")
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(key, fingerprint(envelope.command), envelope, outcome))
        self._arrival.set()
        return await outcome

    async def preview(self, envelope: Envelope) -> Answer:
        """What the command would lead to now; a refused one, its rejected transaction. Nothing is kept."""
        async with self._begin() as unit:
            book = self._book(await unit.lock(envelope.command.touches()))
            return _decide(envelope, book)

    async def _run(self) -> None:
        while self._waiting or not self._stopping:
            await self._arrival.wait()
            group = self._waiting[: self._largest_group]
            del self._waiting[: self._largest_group]
            if not self._waiting and not self._stopping:
                self._arrival.clear()
            try:
                await self._settle(group)
            except BaseException:  # cancelled, with the loop or by a store: nobody is left waiting for ever
                self._runner = None
                _fail(group, Unavailable("the work was cut off"))
                _fail(self._waiting, Overloaded("not serving any more: nothing was done"))
                self._waiting.clear()
                raise

    async def _settle(self, group: Sequence[_Waiting]) -> None:
        """Give every command of the group an outcome. Raises nothing but what cuts the whole engine off."""
        try:
            outcomes = await self._try(group)
        except Unavailable as error:
            if isinstance(error, Conflict) and len(group) > 1:
                await self._settle_halves(group)
            else:
                _fail(group, error)
        except Exception as error:
            if len(group) > 1:
                await self._settle_halves(group)
            else:
                _fail(group, error)
        else:
            for one, outcome in zip(group, outcomes, strict=True):
                if one.outcome.done():
                    continue
                if isinstance(outcome, Outcome):
                    one.outcome.set_result(outcome)
                else:
                    one.outcome.set_exception(outcome)

    async def _settle_halves(self, group: Sequence[_Waiting]) -> None:
        middle = len(group) // 2
        await self._settle(group[:middle])
        await self._settle(group[middle:])

    async def _try(self, group: Sequence[_Waiting]) -> list[Outcome | Refused]:
        """Post the group, again if the store lost a race or its connection: the keys tell what is done already."""
        for attempt in range(1, _TRIES):
            try:
                return await self._post(group)
            except Unavailable:
                await asyncio.sleep(random.uniform(0, _LONGEST_PAUSE * attempt))  # noqa: S311 - jitter, not a secret
        return await self._post(group)

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
        return Book(locked, self._new_id, self._default_currency)


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


def _fail(group: Sequence[_Waiting], error: Exception) -> None:
    if type(error) is Unavailable:
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
