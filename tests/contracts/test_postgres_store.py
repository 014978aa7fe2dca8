"""The PostgreSQL adapter fulfils the contracts, and its data survive a restart of the store."""

from collections.abc import AsyncIterator

import pytest

from tekana.ports.store import Store
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts import DataKeysContract, OutboxContract, SignInContract, StoreContract, WebhooksContract
from tekana_postgres import PostgresStore
from tests.integration.history_support import GivenKeys, chain_breaches
from tests.integration.postgres_support import BEGIN_THE_NEXT_PART, superuser
from tests.postgres_stores import postgres_store


class TestPostgresStore(StoreContract, OutboxContract, SignInContract, WebhooksContract, DataKeysContract):
    persistent = True

    @pytest.fixture
    async def store(self, clock: FrozenClock, postgres_url: str) -> AsyncIterator[PostgresStore]:
        store = postgres_store(postgres_url, clock=clock)
        store.link_history(GivenKeys())
        await store.start()
        self.url, self.clock_in_use = postgres_url, clock
        yield store
        await store.stop()
        assert await chain_breaches(postgres_url) == {}

    async def old_enough(self, store: Store) -> None:
        """Move the next position of the outbox into the next partition."""
        async with superuser(self.url) as connection:
            await connection.execute(BEGIN_THE_NEXT_PART)

    async def another(self, store: Store) -> PostgresStore:
        store = postgres_store(self.url, clock=self.clock_in_use)
        store.link_history(GivenKeys())
        return store
