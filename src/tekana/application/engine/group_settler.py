"""Settles groups: posts each in a unit of work, tries again what can succeed, splits what cannot succeed whole."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Hashable, Sequence
from operator import attrgetter
from typing import Final

from tekana.application.commands.command import Command
from tekana.application.engine.command_queue import QueuedCommand, fail
from tekana.application.engine.contention import Blocked, find_blocked, only
from tekana.application.engine.decide import all_keys, all_locks, decide_group, outcome_of, with_further_locks
from tekana.application.engine.envelope import Outcome
from tekana.application.engine.house_wallets import HouseWalletLevels
from tekana.application.engine.own_locks import OwnLocks
from tekana.application.engine.statistics import OutcomeCounter
from tekana.application.engine.unlocked_groups import UnlockedGroups
from tekana.domain.answers import Answer
from tekana.domain.book import Book
from tekana.domain.caller import Caller
from tekana.domain.errors import Busy, Conflict, InvalidRequest, KeyUnavailable, Overloaded, Refused, Unavailable
from tekana.domain.lock_set import LockedState, LockSet
from tekana.ports.unit_of_work import BeginUnit, ReadsUnlocked

_log = logging.getLogger("tekana.engine")

_Decision = Outcome | Refused | InvalidRequest

_command_of: Final = attrgetter("envelope.command")

_NOTHING_STORED = (Conflict, KeyUnavailable, Overloaded)

_TRIES = 3
_PAUSE_MAX_SECONDS = 0.02  # before the second try; twice as long before the third


class GroupSettler:
    """Gives every command of a group an outcome.

    Each command succeeds or is refused on its own; those of an atomic batch, together. A group that fails is tried
    again, then split, so that a command fails only for a reason of its own.

    Args:
        begin: begins a unit of work.
        book_on: makes the Book of what a unit of work has locked.
        stripe: which of the house wallets of a role and currency to use.
        counter: counts how commands end.
    """

    def __init__(
        self,
        begin: BeginUnit,
        book_on: Callable[[LockedState, Caller], Book],
        stripe: int,
        counter: OutcomeCounter,
    ) -> None:
        self._begin = begin
        self._book_on = book_on
        self._stripe = stripe
        self._counter = counter
        self.house_wallets = HouseWalletLevels()
        self._own_locks = OwnLocks()
        self._unlocked_groups = UnlockedGroups()

    async def settle(self, group: Sequence[QueuedCommand], item: Hashable = None) -> list[Blocked]:
        """Settle a group, and return the commands that have no outcome, as they need a stuck item.

        If it is cut off, as by a cancellation, the outcome of its commands is unknown.

        Args:
            group: the commands.
            item: a stuck item to wait for, while nothing is locked; if it stays locked, only commands that were decided
                before get their outcome.
        """
        try:
            blocked = [] if item is None else await self._wait_for(item, group)
            return blocked or await self._settle(group)
        except BaseException as error:
            _log.error("a group of %d commands was cut off: %r", len(group), error)
            fail(group, Unavailable("the work was cut off"), self._counter, unknown=True)
            raise

    async def _wait_for(self, item: Hashable, group: Sequence[QueuedCommand]) -> list[Blocked]:
        """Wait until an item can be locked, and let go of it again. If the wait is in vain, return what is blocked."""
        try:
            async with self._begin() as unit:
                known = await unit.find_keys(all_keys(group))
                fresh = [one for one in group if one.key not in known]
                try:
                    await unit.lock(only(item, all_locks(fresh, self._stripe)))
                except Busy:
                    blocked = [Blocked(one, item) for one in fresh]
                else:
                    return []
        except Unavailable:  # it will be met again, with tries
            return []
        seen = set(known)
        self._answer([(one, outcome_of(one, known, seen)) for one in group if one.key in known])
        return blocked

    async def _settle(
        self, group: Sequence[QueuedCommand], *, wait: bool = True, unknown: bool = False
    ) -> list[Blocked]:
        """Give every command of the group an outcome, and return those that have none, as they need a stuck item.

        Args:
            group: the commands.
            wait: whether to wait for locks, or leave out the commands that would have to.
            unknown: whether the group was in a unit of work that may yet be stored.
        """
        try:
            outcomes = await self._try(group, wait=wait, unknown=unknown)
        except _Failed as failed:
            return await self._settle_failed(group, failed, wait=wait)
        self._answer(
            [(one, outcome) for one, outcome in zip(group, outcomes, strict=True) if not isinstance(outcome, Blocked)]
        )
        return [outcome for outcome in outcomes if isinstance(outcome, Blocked)]

    async def _settle_failed(self, group: Sequence[QueuedCommand], failed: _Failed, *, wait: bool) -> list[Blocked]:
        if isinstance(failed.error, Busy) and wait:
            if await self._own_locks.wait(all_locks(group, self._stripe)):  # which was slow, not stuck
                return await self._settle(group, unknown=failed.unknown)
            return await self._settle_around(group, unknown=failed.unknown)
        no_command_is_the_reason = isinstance(failed.error, Unavailable) and not isinstance(
            failed.error, Conflict | KeyUnavailable
        )
        middle = _middle(group)
        if not middle or no_command_is_the_reason:
            fail(group, failed.error, self._counter, unknown=failed.unknown)
            return []
        first = await self._settle(group[:middle], wait=wait, unknown=failed.unknown)
        return first + await self._settle(group[middle:], wait=wait, unknown=failed.unknown)

    async def _settle_around(self, group: Sequence[QueuedCommand], *, unknown: bool) -> list[Blocked]:
        """Settle a group that waited for a lock in vain: around the first item in its way, which is stuck.

        The other items that are locked are probably those of a unit of work that goes on.
        """
        blocked = await self._settle(group, wait=False, unknown=unknown)
        if not blocked:
            return []
        stuck = min(blocked, key=lambda one: str(one.item)).item
        others = [one.command for one in blocked if one.item != stuck]
        behind = [one for one in blocked if one.item == stuck]
        return behind + (await self._settle(others, unknown=unknown) if others else [])

    async def _try(self, group: Sequence[QueuedCommand], *, wait: bool, unknown: bool) -> list[_Decision | Blocked]:
        """Post the group, again if the store lost a race or its connection: the keys show what is done already.

        A group that waited in vain for a lock is not tried again in the same way: one of its commands has to wait, and
        the others should not.
        """
        attempt = 0
        locks = all_locks(group, self._stripe)
        unlocked = (
            wait and not self._own_locks and _only_posts(group) and self._unlocked_groups.allow(len(group), locks)
        )
        while True:
            attempt += 1
            try:
                outcomes = await self._post(group, locks, wait=wait, unlocked=unlocked)
            except Exception as error:
                if unlocked and isinstance(error, Conflict):
                    unlocked = False
                    self._unlocked_groups.note(conflict=True)
                    if not isinstance(error, Busy):
                        continue
                unknown = unknown or (isinstance(error, Unavailable) and not isinstance(error, _NOTHING_STORED))
                elsewhere = isinstance(error, KeyUnavailable) or (
                    isinstance(error, Busy) and (wait or _middle(group) > 0)
                )
                if not isinstance(error, Unavailable) or elsewhere or attempt == _TRIES:
                    raise _Failed(error, unknown=unknown) from error
            else:
                if unlocked:
                    self._unlocked_groups.note(conflict=False)
                return [_unknown(one) if isinstance(one, Blocked) else one for one in outcomes] if unknown else outcomes
            await asyncio.sleep(random.uniform(0, _PAUSE_MAX_SECONDS * attempt))  # noqa: S311 - jitter, not a secret

    async def _post(
        self, group: Sequence[QueuedCommand], locks: LockSet, *, wait: bool, unlocked: bool
    ) -> list[_Decision | Blocked]:
        blocked: dict[int, Blocked] = {}
        book: Book | None = None
        invalid: dict[int, InvalidRequest] = {}
        with self._own_locks.held(locks) as held:
            async with self._begin() as unit:
                keys = all_keys(group)
                read = await unit.read_unlocked(keys, locks) if unlocked and isinstance(unit, ReadsUnlocked) else None
                known = dict(await unit.find_keys(keys) if read is None else read.known)
                old = frozenset(known)
                fresh = [one for one in group if one.key not in old] if old else group
                if fresh:
                    needed = all_locks(fresh, self._stripe) if old else locks
                    locked = await unit.lock(needed, wait=wait) if read is None else read.state
                    commands = list(map(_command_of, fresh))
                    while more := with_further_locks(commands, needed, locked, self._stripe):
                        needed = more
                        self._own_locks.extend(held, needed)
                        locked = await unit.lock(needed, wait=wait)
                    blocked = _left_out(fresh, locked, self._stripe) if locked.busy else {}
                    ready = [one for one in fresh if id(one) not in blocked] if blocked else fresh
                    if ready:
                        book = self._book_on(locked, ready[0].envelope.caller)
                        new, invalid = decide_group(ready, known, book)
                        await unit.save(book, new)
                        known |= new
        if book is not None:
            self.house_wallets.update(book)
        seen = set(old)
        apart: dict[int, Blocked | InvalidRequest] = {**blocked, **invalid}
        if not apart:
            return [outcome_of(one, known, seen) for one in group]
        return [apart[id(one)] if id(one) in apart else outcome_of(one, known, seen) for one in group]

    def _answer(self, outcomes: Sequence[tuple[QueuedCommand, _Decision]]) -> None:
        for one, outcome in outcomes:
            self._counter.count(one.envelope.command, outcome)
            if one.outcome.done():
                continue
            if isinstance(outcome, Outcome):
                one.outcome.set_result(outcome)
            else:
                one.outcome.set_exception(outcome)


def _left_out(fresh: Sequence[QueuedCommand], locked: LockedState, stripe: int) -> dict[int, Blocked]:
    """Find the commands that need what another process has locked, by their identity."""
    blocked = find_blocked(fresh, locked.busy, stripe, locked)
    return {id(fresh[place]): Blocked(fresh[place], item) for place, item in blocked.items()}


def _only_posts(group: Sequence[QueuedCommand]) -> bool:
    """Return whether a group changes nothing but balances, which needs no locks."""
    kinds: set[type[Command[Answer]]] = set(map(type, map(_command_of, group)))
    return all(kind.POSTS_ONLY for kind in kinds)


def _unknown(blocked: Blocked) -> Blocked:
    return blocked._replace(command=blocked.command._replace(unknown=True))


def _middle(group: Sequence[QueuedCommand]) -> int:
    """Find where to split a group: near the middle, never inside an atomic batch. 0 if it cannot be split."""
    middle = len(group) // 2
    batch = group[middle].batch
    if batch is not None and batch.batch.mode == "atomic":
        begin = middle - group[middle].place
        middle = begin or len(batch.batch.transactions)
    return middle % len(group)


class _Failed(Exception):
    """All tries of a group failed; `unknown` if one of them may have been stored all the same."""

    def __init__(self, error: Exception, *, unknown: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.unknown = unknown
