"""The base classes of the suites: capabilities, fixtures, and the audit after each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, ClassVar, TypeVar

import pytest
import pytest_asyncio
from uuid_utils.compat import uuid7

from tekana.application import PostingEngine, Session, Tekana
from tekana.domain.approvals import NO_APPROVALS, ApprovalRules
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.events import Event
from tekana.ports.store import Store
from tekana.ports.unit_of_work import BeginUnit
from tekana.testing.builders import RWF, hash_secret, readable_secret
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.ledger_checks import assert_whole

_TestT = TypeVar("_TestT", bound=Callable[..., Any])


def needs(capability: str) -> Callable[[_TestT], _TestT]:
    """Mark a test of an optional capability: it is collected only in classes whose attribute `capability` is True."""

    def mark(test: _TestT) -> _TestT:
        test.needs = capability  # type: ignore[attr-defined]
        return test

    return mark


class CapabilityContract:
    """A suite whose subclasses have the tests of their capabilities only: see `needs`."""

    _needing: ClassVar[Mapping[str, Callable[..., object]]] = {}  # including those that a base class removed

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        needing: dict[str, Callable[..., object]] = {}
        for base in reversed(cls.__mro__):
            needing |= vars(base).get("_needing", {})
        needing |= {name: one for name, one in vars(cls).items() if hasattr(one, "needs")}
        cls._needing = needing
        for name, test in needing.items():
            setattr(cls, name, test if getattr(cls, test.needs) else None)  # type: ignore[attr-defined]


class Contract(CapabilityContract):
    """The base of all suites for stores, with their fixtures.

    A subclass defines the fixture `store`: started, migrated and empty, with the fixture `clock` as its clock.

    Attributes:
        dropped: the events that a test has dropped from the feed.
        persistent: whether other store objects can use the same data, concurrently and later; `another` creates one.
    """

    pytestmark = pytest.mark.asyncio
    persistent: ClassVar[bool] = False
    dropped: Sequence[Event] = ()

    @pytest.fixture
    def clock(self) -> FrozenClock:
        """The clock of the store under test."""
        return FrozenClock()

    async def another(self, store: Store) -> Store:
        """Return another store object on the same data, not started: the suite starts and stops it."""
        raise NotImplementedError("a persistent store implements `another`: see tekana.testing.contracts")

    @pytest.fixture
    def transaction_types(self) -> None:
        """Register additional types of transactions; suites that need some override this."""

    @pytest_asyncio.fixture(autouse=True)
    async def audit_at_the_end(self, store: Store, transaction_types: None) -> AsyncIterator[None]:
        """Audit the store after the test."""
        yield
        await assert_whole(store, self.dropped)

    @pytest_asyncio.fixture
    async def app(self, store: Store) -> AsyncIterator[Session]:
        """A session on an application with the store."""
        async with at_work(store) as app:
            yield app

    @pytest_asyncio.fixture
    async def stores(self, store: Store) -> AsyncIterator[Sequence[Store]]:
        """The store; for a persistent one also a second object, as in another process."""
        async with AsyncExitStack() as stack:
            opened = [store]
            if self.persistent:
                other = await self.another(store)
                await other.start()
                stack.push_async_callback(other.stop)
                opened.append(other)
            yield opened

    @pytest_asyncio.fixture
    async def crew(self, stores: Sequence[Store]) -> AsyncIterator[Sequence[Session]]:
        """Sessions on several applications with the same data, as in several processes."""
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(at_work(stores[number % len(stores)])) for number in range(4)]


@asynccontextmanager
async def at_work(
    store: Store, begin: BeginUnit | None = None, *, approval_rules: ApprovalRules = NO_APPROVALS
) -> AsyncIterator[Session]:
    """Run an application on the store, and yield the operator's session.

    Args:
        store: the store.
        begin: replaces `store.begin`, for fault injection.
        approval_rules: what needs an approval.
    """
    engine = PostingEngine(
        begin or store.begin,
        uuid7,
        default_currency=RWF,
        new_secret=readable_secret,
        hash_secret=hash_secret,
        approval_rules=approval_rules,
    )
    engine.start()
    try:
        yield Tekana(store, engine).as_caller(LOCAL_OPERATOR)
    finally:
        await engine.stop()
