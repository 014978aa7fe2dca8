"""Fixtures of all Kafka tests."""

from __future__ import annotations

import pytest

from tekana_kafka import log_limit


@pytest.fixture(autouse=True)
def without_log_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reset the counts of the log limit, so that lines of earlier tests do not count."""
    monkeypatch.setattr(log_limit, "INTERVAL_SECONDS", 0.0)
