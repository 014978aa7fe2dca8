"""What every part of the suite stands on: the fixtures, and the audit at the end of each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, ClassVar, TypeVar

import pytest
import pytest_asyncio
from uuid_utils.compat import uuid7

from tekana.application import PostingEngine, Session, Tekana
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.events import Event
from tekana.ports.store import Store
from tekana.ports.unit_of_work import BeginUnit
from tekana.testing.builders import RWF
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.ledger_checks import assert_whole

_TestT = TypeVar("_TestT", bound=Callable[..., Any])


def needs(capability: str) -> Callable[[_TestT], _TestT]:
    """A test of something that not every store can do: it is collected only where the class says it can."""

    def mark(test: _TestT) -> _TestT:
        test.needs = capability  # type: ignore[attr-defined]
        return test

    return mark


class CapabilityContract:
    """Tests of which a subclass has those that it has the capabilities for: see `needs`."""

    _needing: ClassVar[Mapping[str, Callable[..., object]]] = {}  # also those that a base lacks the capability for

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
    """The fixtures that the tests of a store use. A subclass brings the fixture `store`:
    started, migrated and empty, its clock being the fixture `clock`.

    dropped: what a test had dropped from the feed.
    persistent: other store objects can open what this one keeps, at the same time and after it; `another` makes one.
    """

    pytestmark = pytest.mark.asyncio
    persistent: ClassVar[bool] = False
    dropped: Sequence[Event] = ()

    @pytest.fixture
    def clock(self) -> FrozenClock:
        """What time it is, for the store under test."""
        return FrozenClock()

    async def another(self, store: Store) -> Store:
        """One more store object on what the first keeps. The suite starts and stops it."""
        raise NotImplementedError("a persistent store brings `another`: see tekana.testing.contracts")

    @pytest.fixture
    def transaction_types(self) -> None:
        """Register the types of transactions that tests bring; a part of the suite that has any overrides this."""

    @pytest_asyncio.fixture(autouse=True)
    async def whole_at_the_end(self, store: Store, transaction_types: None) -> AsyncIterator[None]:
        """Audit what the test left behind."""
        yield
        await assert_whole(store, self.dropped)

    @pytest_asyncio.fixture
    async def app(self, store: Store) -> AsyncIterator[Session]:
        """An application at work on the store."""
        async with at_work(store) as app:
            yield app

    @pytest_asyncio.fixture
    async def stores(self, store: Store) -> AsyncIterator[Sequence[Store]]:
        """The store; a persistent one twice, as two processes have it."""
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
        """Several applications at work at once on what is kept, as several processes are."""
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(at_work(stores[number % len(stores)])) for number in range(4)]


@asynccontextmanager
async def at_work(store: Store, begin: BeginUnit | None = None) -> AsyncIterator[Session]:
    """The operator's session on an application at work on the store; `begin` replaces the store's, to make it fail."""
    engine = PostingEngine(begin or store.begin, uuid7, default_currency=RWF)
    engine.start()
    try:
        yield Tekana(store, engine).as_caller(LOCAL_OPERATOR)
    finally:
        await engine.stop()
