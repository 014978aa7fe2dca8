"""Fixtures of all Kafka tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tekana.testing.contracts.ledger_checks import assert_whole
from tekana_kafka import log_limit
from tekana_memory import MemoryStore


@pytest.fixture(autouse=True)
def without_log_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reset the counts of the log limit, so that lines of earlier tests do not count."""
    monkeypatch.setattr(log_limit, "INTERVAL_SECONDS", 0.0)


@pytest.fixture
def bus_url(kafka_address: str, topic_prefix: str) -> str:
    """Return the URL of the shared broker, with topics of the test's own, of one partition each."""
    return f"kafka://{kafka_address}?topic_prefix={topic_prefix}&partitions=1"


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    """Return a store for services; after the test, check that its ledger is whole."""
    store = MemoryStore("memory://")
    yield store
    await assert_whole(store)
