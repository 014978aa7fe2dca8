"""The suite for a store that grants leases: `tekana.ports.lease`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from tekana.ports.lease import Lease, LeaseLost
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract

LONG = 60.0
SHORT = 0.05
TWO_DAYS = 2 * 86_400.0


class LeasesContract(Contract):
    """The contract of leases. A subclass defines the fixture `store`, as for `StoreContract`."""

    def leases_of(self, store: Any) -> Sequence[Lease]:
        """Return a lease of each kind that the store has."""
        return [store.lease("a worker")]

    async def test_one_holder_at_a_time(self, store: Any) -> None:
        for lease in self.leases_of(store):
            first = await lease.acquire("one", LONG)
            assert first is not None
            assert await lease.acquire("two", LONG) is None
            assert await lease.acquire("one", LONG) is None
            await lease.renew(first, LONG)
            await lease.release(first)
            second = await lease.acquire("two", LONG)
            assert second is not None
            assert second > first

    async def test_many_at_once(self, store: Any) -> None:
        for lease in self.leases_of(store):
            epochs = await asyncio.gather(*(lease.acquire(str(each), LONG) for each in range(20)))
            assert sum(one is not None for one in epochs) == 1

    async def test_names_are_apart(self, store: Any) -> None:
        for name in ("one worker", "another worker"):
            assert await store.lease(name).acquire("me", LONG) is not None
            assert await store.lease(name).acquire("me", LONG) is None

    async def test_a_lease_that_ends(self, store: Any, clock: FrozenClock) -> None:
        for lease in self.leases_of(store):
            first = await lease.acquire("one", SHORT)
            assert first is not None
            clock.advance(timedelta(seconds=1))  # for stores that use it; others have a clock of their own
            await asyncio.sleep(2 * SHORT)
            second = await lease.acquire("two", LONG)
            assert second is not None
            with pytest.raises(LeaseLost):
                await lease.renew(first, LONG)
            await lease.release(first)
            assert await lease.acquire("three", LONG) is None

    async def test_a_renewed_lease_does_not_end(self, store: Any, clock: FrozenClock) -> None:
        for lease in self.leases_of(store):
            epoch = await lease.acquire("one", SHORT)
            assert epoch is not None
            await lease.renew(epoch, LONG)
            clock.advance(timedelta(seconds=1))
            await asyncio.sleep(2 * SHORT)
            assert await lease.acquire("two", LONG) is None

    async def test_a_lease_from_before_the_clock_was_set_back_is_void(self, store: Any) -> None:
        for lease in self.leases_of(store):
            first = await lease.acquire("one", TWO_DAYS)  # as if granted while the clock was two days ahead
            assert first is not None
            second = await lease.acquire("two", LONG)
            assert second is not None
            assert second > first
            with pytest.raises(LeaseLost):
                await lease.renew(first, LONG)
