"""A started store of each kind, which keeps data keys."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tekana.ports.data_keys import DataKeyStore
from tekana_memory import MemoryStore
from tests.postgres_stores import postgres_store


@pytest.fixture(params=["memory", "postgres"])
def new_store(request: pytest.FixtureRequest) -> DataKeyStore:
    """A store of each kind, one after the other."""
    return MemoryStore() if request.param == "memory" else postgres_store(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def store(new_store: DataKeyStore) -> AsyncIterator[DataKeyStore]:
    await new_store.start()
    yield new_store
    await new_store.stop()
