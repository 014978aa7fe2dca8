"""Contention: commands that need what another process keeps locked wait for it apart from all others.

Groups lock what they need in one order and wait for each other: locks of other engines last for milliseconds. When that
wait times out, the group takes the locks that are free and goes on with the commands that need no more. The item that
was in the way is stuck: its commands, and all later ones that need it, wait in a lane of their own. A lane waits for
its one item while it holds no lock at all, and then has its commands decided like all others. So one row that is locked
for long delays only the commands that need it, and no two units of work can wait for each other.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, cast
from uuid import UUID

from tekana.application.commands.batch import BATCH_SIZE_MAX
from tekana.application.engine.command_queue import QUEUE_BYTES_MAX, QueuedCommand, fail
from tekana.application.engine.decide import all_locks, with_further_locks
from tekana.application.engine.statistics import OutcomeCounter
from tekana.domain.errors import Busy
from tekana.domain.identifiers import WalletId, is_house_wallet
from tekana.domain.lock_set import LockedState, LockSet, Ref

PATIENCE_SECONDS = 5.0
"""How long a command waits for the locks of other processes, in all."""

_LANES_AT_ONCE = 3  # that wait for their item; each takes a connection
_LANES_MAX = 1_000
_PAUSE_MAX_SECONDS = 0.4


class Blocked(NamedTuple):
    """A command that was left out of a unit of work, and an item that it needs and another process has locked."""

    command: QueuedCommand
    item: Hashable


class Lane:
    """The commands that wait for one stuck item; those of one batch stay together.

    It stays while the item is stuck, even without commands, so that the next command that needs the item delays no
    other.
    """

    def __init__(self, item: Hashable) -> None:
        self.item = item
        self.parts: deque[list[QueuedCommand]] = deque()
        self.vain_waits = 0
        self.task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def take(self, most: int) -> list[QueuedCommand]:
        """Take the next commands: up to `most`, or one part that is larger."""
        group: list[QueuedCommand] = []
        while self.parts and (not group or len(group) + len(self.parts[0]) <= most):
            group += self.parts.popleft()
        return group

    def put_back(self, group: Sequence[QueuedCommand]) -> None:
        """Put commands back where they were taken from."""
        self.parts.extendleft(reversed(list(_parts(group))))


class Lanes:
    """A lane for each stuck item.

    Args:
        settle: waits for the given item, then gives each command of a group an outcome, but for those that are blocked.
        commands_max: how many commands may wait in all lanes together.
        lane_max: how many may wait in a lane that has waited in vain.
        counter: counts how commands end.
        stripe: which of the house wallets of a role and currency the engine uses.
    """

    def __init__(
        self,
        settle: Callable[[Sequence[QueuedCommand], Hashable], Awaitable[list[Blocked]]],
        *,
        commands_max: int,
        lane_max: int,
        counter: OutcomeCounter,
        stripe: int,
    ) -> None:
        self._settle = settle
        self._commands_max = commands_max
        self._lane_max = lane_max
        self._counter = counter
        self._stripe = stripe
        self._lanes: dict[Hashable, Lane] = {}
        self._slots = asyncio.Semaphore(_LANES_AT_ONCE)
        self._waiting = 0  # commands, those that are being settled included
        self._bytes = 0

    def __len__(self) -> int:
        return self._waiting

    def divert(self, group: list[QueuedCommand]) -> list[QueuedCommand]:
        """Move those commands of a group into lanes that need a stuck item; return the others."""
        if not self._lanes:
            return group
        blocked = find_blocked(group, self._lanes.keys(), self._stripe)
        self.add([Blocked(group[place], item) for place, item in blocked.items()])
        return [one for place, one in enumerate(group) if place not in blocked]

    def add(self, blocked: Sequence[Blocked]) -> None:
        """Let commands wait, each for its item. One that has waited for long enough, or finds no room, fails."""
        now = asyncio.get_running_loop().time()
        for item, members in groupby(blocked, key=attrgetter("item")):
            for part in _parts([one.command for one in members]):
                self._add_part(item, part, now)

    def _add_part(self, item: Hashable, part: list[QueuedCommand], now: float) -> None:
        lane = self._lanes.get(item)
        if lane is None:
            lane = self._new_lane(item)
        full = self._waiting >= self._commands_max or self._bytes >= QUEUE_BYTES_MAX
        lane_is_full = lane.vain_waits > 0 and len(lane) >= self._lane_max
        if full or lane_is_full or _gives_up(part, now):
            fail(part, _locked(), self._counter)
            return
        lane.parts.append([one if one.give_up_at else one._replace(give_up_at=now + PATIENCE_SECONDS) for one in part])
        self._count(part, 1)
        if lane.task is None:
            self._start(lane)

    def _new_lane(self, item: Hashable) -> Lane:
        if len(self._lanes) >= _LANES_MAX:  # forget those without commands
            self._lanes = {one: lane for one, lane in self._lanes.items() if lane.task is not None}
        lane = self._lanes[item] = Lane(item)
        return lane

    def _count(self, group: Sequence[QueuedCommand], sign: int) -> None:
        self._waiting += sign * len(group)
        self._bytes += sign * sum(one.bytes for one in group)

    def _start(self, lane: Lane) -> None:
        lane.task = asyncio.create_task(self._run(lane), name="posting engine lane")
        lane.task.add_done_callback(lambda task: self._end(lane, task))

    def _end(self, lane: Lane, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # its commands have it
        lane.task = None
        if lane.parts:  # they came just now, or it was cancelled
            self._start(lane)
        elif not lane.vain_waits:
            del self._lanes[lane.item]

    async def _run(self, lane: Lane) -> None:
        while lane.parts:
            try:
                async with asyncio.timeout_at(lane.parts[0][0].give_up_at):
                    await self._slots.acquire()
            except TimeoutError:
                self._give_up(lane)
                continue
            try:
                await self._settle_next(lane)
            finally:
                self._slots.release()
            if lane.vain_waits:
                longest = min(_PAUSE_MAX_SECONDS, 0.05 * 2 ** min(lane.vain_waits, 8))
                await asyncio.sleep(random.uniform(0, longest))  # noqa: S311 - jitter, not a secret

    async def _settle_next(self, lane: Lane) -> None:
        group = lane.take(BATCH_SIZE_MAX)
        try:
            blocked = await self._settle(group, lane.item)
        finally:
            self._count(group, -1)
        again = [one.command for one in blocked if one.item == lane.item]
        lane.vain_waits = lane.vain_waits + 1 if again else 0
        self.add([one for one in blocked if one.item != lane.item])
        lane.put_back(again)
        self._count(again, 1)
        self._give_up(lane)

    def _give_up(self, lane: Lane) -> None:
        now = asyncio.get_running_loop().time()
        while lane.parts and _gives_up(lane.parts[0], now):
            part = lane.parts.popleft()
            self._count(part, -1)
            fail(part, _locked(), self._counter)

    async def close(self) -> None:
        """Return when no command waits any more, which is within PATIENCE_SECONDS."""
        while tasks := [lane.task for lane in self._lanes.values() if lane.task is not None]:
            await asyncio.wait(tasks)


def _gives_up(part: Sequence[QueuedCommand], now: float) -> bool:
    return part[0].give_up_at is not None and part[0].give_up_at <= now


def _locked() -> Busy:
    return Busy("another process has locked what this needs, for too long")


def _parts(group: Sequence[QueuedCommand]) -> Iterator[list[QueuedCommand]]:
    for batch, members in groupby(group, key=attrgetter("batch")):
        if batch is None:
            yield from ([one] for one in members)
        else:
            yield list(members)


def only(item: Hashable, locks: LockSet) -> LockSet:
    """Reduce a lock set to one item, of the set or of what it leads to; an empty set stays empty."""
    if not any(locks):
        return locks
    return LockSet(others=(item,)) if isinstance(item, Ref) else LockSet((cast("WalletId", item),))


def find_blocked(
    group: Sequence[QueuedCommand], busy: Collection[Hashable], stripe: int, locked: LockedState | None = None
) -> dict[int, Hashable]:
    """Find the commands of a group that need a busy item: their places in the group, each with an item.

    With what is `locked`, further locks count too. An atomic batch is blocked whole. In an independent one, a command
    is blocked too if it shares a wallet with one that is blocked before it, so that what happens to a wallet stays in
    the batch's order.
    """
    blocked: dict[int, Hashable] = {}
    places = iter(range(len(group)))
    for batch, members in groupby(group, key=attrgetter("batch")):
        needs = {next(places): _items_needed(one, stripe, locked) for one in members}
        if batch is not None and batch.batch.mode == "atomic":
            items: set[Hashable] = set().union(*needs.values())
            blocked |= {place: item for item in items if item in busy for place in needs}
        else:
            blocked |= _find_blocked_in_order(needs, busy, keep_order=batch is not None)
    return blocked


def _items_needed(one: QueuedCommand, stripe: int, locked: LockedState | None) -> set[Hashable]:
    locks = all_locks([one], stripe)
    more = locked and with_further_locks([one.envelope.command], locks, locked, stripe)
    return (more or locks).items()


def _find_blocked_in_order(
    needs: Mapping[int, set[Hashable]], busy: Collection[Hashable], *, keep_order: bool
) -> dict[int, Hashable]:
    blocked: dict[int, Hashable] = {}
    behind: dict[Hashable, Hashable] = {one: one for one in busy}  # items, and the busy item that each waits for
    for place, items in needs.items():
        reason = next((behind[one] for one in items if one in behind), _FREE)
        if reason is _FREE:
            continue
        blocked[place] = reason
        if keep_order:
            behind |= {one: reason for one in items if one not in behind and not _is_house_wallet(one)}
    return blocked


_FREE: Hashable = object()


def _is_house_wallet(item: Hashable) -> bool:
    return isinstance(item, UUID) and is_house_wallet(WalletId(item))
