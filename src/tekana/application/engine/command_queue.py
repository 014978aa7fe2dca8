"""The queue of commands before the posting engine.

Single commands and batches wait apart, each in the order of arrival. Every group takes the first of both: so however
many batches wait, a single command waits only for a group in flight and for other single commands.
"""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tekana.application.commands.batch import BATCH_SIZE_MAX, Batch
from tekana.application.engine.envelope import Envelope, Outcome, estimate_bytes
from tekana.application.engine.statistics import OutcomeCounter
from tekana.domain.errors import Unavailable
from tekana.ports.unit_of_work import IdempotencyKey

QUEUE_BYTES_MAX = 100 * 1024 * 1024
"""How much memory the commands that wait may take, of each kind apart."""


@dataclass(frozen=True, slots=True, eq=False)
class QueuedBatch:
    """What the commands of a batch have in common: the whole of it, and the key that it came under."""

    key: IdempotencyKey
    fingerprint: int
    batch: Batch


class QueuedCommand(NamedTuple):
    """A command that waits for its outcome.

    Attributes:
        place: the number of the command in its batch, from 0.
        bytes: an estimate of the memory that it takes.
        give_up_at: when it has waited long enough for a lock of another process, by the event loop's clock; None as
            long as it does not wait for one.
        unknown: whether a unit of work that it was in ended in a way that leaves open whether it was stored.
    """

    key: IdempotencyKey
    fingerprint: int
    envelope: Envelope
    outcome: asyncio.Future[Outcome]
    batch: QueuedBatch | None = None
    place: int = 0
    bytes: int = 0
    give_up_at: float | None = None
    unknown: bool = False


class CommandQueue:
    """The commands that wait; its length counts commands, those of batches included.

    Of each kind apart, at most as many wait as `most_groups` groups take, and no more than fit into `bytes_max`: ask
    `can_accept` before `put`, `can_accept_batch` before `put_batch`.
    """

    def __init__(self, largest_group: int, most_groups: int, bytes_max: int = QUEUE_BYTES_MAX) -> None:
        self._largest_group = largest_group
        self._singles_max = most_groups * largest_group
        self._batched_max = most_groups * BATCH_SIZE_MAX
        self._bytes_max = bytes_max
        self._singles: list[QueuedCommand] = []
        self._single_bytes = 0
        self._batches: deque[Sequence[QueuedCommand]] = deque()
        self._batched = 0
        self._batched_bytes = 0

    def __len__(self) -> int:
        return len(self._singles) + self._batched

    @property
    def singles(self) -> int:
        """How many single commands wait."""
        return len(self._singles)

    def can_accept(self) -> bool:
        """Whether there is room for a single command."""
        return len(self._singles) < self._singles_max and self._single_bytes < self._bytes_max

    def can_accept_batch(self, size: int) -> bool:
        """Whether there is room for a batch of this number of commands."""
        return self._batched + size <= self._batched_max and self._batched_bytes < self._bytes_max

    def put(self, command: QueuedCommand) -> None:
        """Add a single command."""
        self._singles.append(command)
        self._single_bytes += command.bytes

    def put_batch(self, batch: Sequence[QueuedCommand]) -> None:
        """Add the commands of a batch, which are taken together."""
        self._batches.append(batch)
        self._batched += len(batch)
        self._batched_bytes += sum(one.bytes for one in batch)

    def take_singles(self) -> list[QueuedCommand]:
        """Take the next single commands: up to `largest_group`."""
        group = self._singles[: self._largest_group]
        del self._singles[: self._largest_group]
        self._single_bytes -= sum(one.bytes for one in group)
        return group

    def take_group(self) -> list[QueuedCommand]:
        """Take the next group: up to `largest_group` single commands, and whole batches of 1,000 commands at most."""
        group = self.take_singles()
        room = BATCH_SIZE_MAX
        while self._batches and len(self._batches[0]) <= room:
            batch = self._batches.popleft()
            room -= len(batch)
            self._batched_bytes -= sum(one.bytes for one in batch)
            group += batch
        self._batched -= BATCH_SIZE_MAX - room
        return group


def queued(
    key: IdempotencyKey, fingerprint: int, envelope: Envelope, batch: QueuedBatch | None = None, place: int = 0
) -> QueuedCommand:
    """Make a command that can wait for its outcome on the running event loop."""
    outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    return QueuedCommand(key, fingerprint, envelope, outcome, batch, place, estimate_bytes(envelope.command))


def fail(group: Sequence[QueuedCommand], error: Exception, counter: OutcomeCounter, *, unknown: bool = False) -> None:
    """End all commands that still wait with an error.

    Args:
        group: the commands.
        error: what went wrong; each command gets a copy of its own.
        counter: counts how commands end.
        unknown: whether a command may have been stored all the same.
    """
    for one in group:
        if not one.outcome.done():
            counter.count(one.envelope.command, error)
            if unknown or one.unknown:
                one.outcome.set_exception(_unknown(error))
            else:
                one.outcome.set_exception(error if len(group) == 1 else _copied(error))


def _unknown(error: Exception) -> Unavailable:
    outcome = Unavailable(f"{error}; whether it was done is unknown: retry with the same key")
    outcome.__cause__ = error.__cause__ or error
    return outcome


def _copied(error: Exception) -> Exception:
    """Copy an error, as to raise an exception is to change it. Not every one can be copied."""
    try:
        copied = copy.copy(error)
    except Exception:
        copied = Unavailable(str(error))
    copied.__cause__ = error.__cause__
    return copied
