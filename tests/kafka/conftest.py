"""What all tests about Kafka share."""

from __future__ import annotations

import pytest

from tekana_kafka import log_limit


@pytest.fixture(autouse=True)
def every_line_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that earlier tests have logged are not counted."""
    monkeypatch.setattr(log_limit, "INTERVAL_SECONDS", 0.0)
