"""Fault injection: units of work that fail at a chosen point."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Literal

from tekana.domain.book import Book
from tekana.domain.lock_set import LockedState, LockSet
from tekana.ports.unit_of_work import BeginUnit, IdempotencyKey, IdempotencyRecord, UnitOfWork

Point = Literal["begin", "claim", "lock", "save", "saved"]
"""Before the unit begins, or before one of its methods; `saved`: after the save, when only the answer is lost."""

POINTS: tuple[Point, ...] = ("begin", "claim", "lock", "save", "saved")

Fault = Callable[[Point, object], None]
"""Called at each point with the argument of the step; may raise."""


class Failing:
    """Begins units of work that fail where the fault raises."""

    def __init__(self, begin: BeginUnit, fault: Fault) -> None:
        self._begin = begin
        self._fault = fault

    def __call__(self) -> AbstractAsyncContextManager[UnitOfWork]:
        return self._unit()

    @asynccontextmanager
    async def _unit(self) -> AsyncIterator[UnitOfWork]:
        self._fault("begin", None)
        async with self._begin() as unit:
            yield _FailingUnit(unit, self._fault)


class _FailingUnit:
    def __init__(self, unit: UnitOfWork, fault: Fault) -> None:
        self._unit = unit
        self._fault = fault

    async def find_keys(self, keys: Collection[IdempotencyKey]) -> Mapping[IdempotencyKey, IdempotencyRecord]:
        self._fault("claim", keys)
        return await self._unit.find_keys(keys)

    async def lock(self, locks: LockSet, *, wait: bool = True) -> LockedState:
        self._fault("lock", locks)
        return await self._unit.lock(locks, wait=wait)

    async def read(self, locks: LockSet) -> LockedState:
        return await self._unit.read(locks)

    async def save(self, book: Book, claims: Mapping[IdempotencyKey, IdempotencyRecord]) -> None:
        self._fault("save", book)
        await self._unit.save(book, claims)
        self._fault("saved", book)


class Times:
    """A fault that raises a number of times at one point."""

    def __init__(self, point: Point, error: Exception, times: int) -> None:
        self.point = point
        self.error = error
        self.left = times

    def __call__(self, point: Point, what: object) -> None:
        """Raise the error at the point."""
        if point == self.point and self.left:
            self.left -= 1
            raise self.error


class Poison:
    """A fault that raises whenever a transaction with this reference is saved."""

    def __init__(self, reference: str, error: Exception) -> None:
        self.reference = reference
        self.error = error

    def __call__(self, point: Point, what: object) -> None:
        """Raise the error if the transaction is to be saved."""
        transactions = what.transactions if point == "save" and isinstance(what, Book) else ()
        if any(one.request.reference == self.reference for one in transactions):
            raise self.error
