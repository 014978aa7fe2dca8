"""The line before the posting engine: who waits, and who goes next.

Commands that came alone and batches wait apart, each in the order of arrival. Every group takes the first of both: so
however many batches wait, a command that came alone waits only for a group in flight and for others of its kind.
"""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tekana.application.commands.batch import BATCH_SIZE_MAX, Batch
from tekana.application.commands.command import Command
from tekana.domain.book import Answer
from tekana.domain.caller import Caller
from tekana.domain.errors import Unavailable
from tekana.domain.value import value
from tekana.ports.unit_of_work import IdempotencyKey


@value()
class Envelope:
    """A command on its way, with who sends it.

    `key` is the caller's idempotency key; without one the engine makes one up, so that its own retries never do a thing
    twice. `request_id` names the request in records and logs.
    """

    command: Command[Answer]
    caller: Caller
    key: str | None = None
    request_id: str | None = None


class Outcome(NamedTuple):
    """What a command led to, and whether that was decided before, under the same key."""

    answer: Answer
    replayed: bool


@dataclass(frozen=True, slots=True, eq=False)
class QueuedBatch:
    """What the commands of a batch have in common: the whole of it, and the key that it came under."""

    key: IdempotencyKey
    fingerprint: int
    batch: Batch


class QueuedCommand(NamedTuple):
    """A command that waits for its outcome. `place` counts those of a batch, from 0."""

    key: IdempotencyKey
    fingerprint: int
    envelope: Envelope
    outcome: asyncio.Future[Outcome]
    batch: QueuedBatch | None = None
    place: int = 0


class CommandQueue:
    """Everybody who waits; its length counts commands, those of batches included.

    It is meant to be no longer than what `most_groups` groups take, of each kind apart; who joins it asks before.
    """

    def __init__(self, largest_group: int, most_groups: int) -> None:
        self._largest_group = largest_group
        self._most_alone = most_groups * largest_group
        self._most_in_batches = most_groups * BATCH_SIZE_MAX
        self._alone: list[QueuedCommand] = []
        self._batches: deque[Sequence[QueuedCommand]] = deque()
        self._in_batches = 0

    def __len__(self) -> int:
        return len(self._alone) + self._in_batches

    def can_accept(self) -> bool:
        """Whether a command that comes alone may join."""
        return len(self._alone) < self._most_alone

    def can_accept_batch(self, size: int) -> bool:
        """Whether a batch of so many commands may join."""
        return self._in_batches + size <= self._most_in_batches

    def join(self, one: QueuedCommand) -> None:
        """Wait, as a command that came alone."""
        self._alone.append(one)

    def put_batch(self, batch: Sequence[QueuedCommand]) -> None:
        """Wait, as the commands of a batch, to be taken together."""
        self._batches.append(batch)
        self._in_batches += len(batch)

    @property
    def alone(self) -> int:
        """How many of those who wait came alone."""
        return len(self._alone)

    def take_singles(self) -> list[QueuedCommand]:
        """Those who are next of those that came alone: up to `largest_group`."""
        group = self._alone[: self._largest_group]
        del self._alone[: self._largest_group]
        return group

    def take_group(self) -> list[QueuedCommand]:
        """Those who are next: up to `largest_group` that came alone, and whole batches of 1,000 commands at most."""
        group = self.take_singles()
        room = BATCH_SIZE_MAX
        while self._batches and len(self._batches[0]) <= room:
            batch = self._batches.popleft()
            room -= len(batch)
            group += batch
        self._in_batches -= BATCH_SIZE_MAX - room
        return group

    def take_all(self) -> list[QueuedCommand]:
        """Everybody."""
        everybody = [*self._alone, *(one for batch in self._batches for one in batch)]
        self._alone.clear()
        self._batches.clear()
        self._in_batches = 0
        return everybody


def fail(group: Sequence[QueuedCommand], error: Exception, *, unknown: bool = False) -> None:
    """Tell all who still wait that it failed; `unknown`, that it may have been done all the same."""
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
