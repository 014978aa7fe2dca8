"""The log limit: repeated failures write a bounded number of lines, and the number of omitted lines."""

from __future__ import annotations

import logging

import pytest

from tekana_kafka import log_limit
from tekana_kafka.log_limit import LINES_MAX, limited_logger


def test_lines_of_one_kind_are_limited(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = limited_logger("tekana.test_log_limit")
    assert limited_logger("tekana.test_log_limit") is logger
    now = 100.0
    monkeypatch.setattr(log_limit.time, "monotonic", lambda: now)
    for number in range(1000):
        logger.warning("a command failed: %d", number)
        logger.error("a query failed", exc_info=ValueError(number))
    logger.warning("another kind: %s", "100%")
    assert len(caplog.records) == 2 * LINES_MAX + 1
    caplog.clear()
    now += log_limit.INTERVAL_SECONDS
    logger.warning("a command failed: %d", 1000)
    logger.warning("a command failed: %d", 1001)
    logger.error("a query failed")
    assert caplog.messages == [
        f"a command failed: 1000 ({1000 - LINES_MAX} more like this were not logged)",
        "a command failed: 1001",
        f"a query failed ({1000 - LINES_MAX} more like this were not logged)",
    ]


@pytest.mark.parametrize("name", ["tekana.bus", "tekana.consumer"])
def test_the_loggers_of_the_adapter_are_limited(name: str, caplog: pytest.LogCaptureFixture) -> None:
    import tekana_kafka  # noqa: F401, PLC0415 - which limits them

    for number in range(100):
        logging.getLogger(name).warning("test_log_limit %s", number)
    assert len(caplog.records) == LINES_MAX
