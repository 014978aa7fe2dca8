"""The in-memory store, the reference adapter, fulfils the contracts."""

from collections.abc import AsyncIterator

import pytest

from tekana.testing.clock import FrozenClock
from tekana.testing.contracts import DataKeysContract, OutboxContract, SignInContract, StoreContract, WebhooksContract
from tekana_memory import MemoryStore


class TestMemoryStore(StoreContract, OutboxContract, SignInContract, WebhooksContract, DataKeysContract):
    @pytest.fixture
    async def store(self, clock: FrozenClock) -> AsyncIterator[MemoryStore]:
        store = MemoryStore(clock=clock)
        await store.start()
        await store.migrate()
        yield store
        await store.stop()
