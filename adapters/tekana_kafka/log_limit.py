"""Loggers with a rate limit, so that repeated failures do not fill the log."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from typing import Final

LINES_MAX: Final = 10
"""The number of lines of one kind to log in each interval; the kind is the text without its values."""

INTERVAL_SECONDS: Final = 60.0


class _Limit(logging.Filter):
    """Passes the first lines of each kind in an interval, and counts the others."""

    def __init__(self) -> None:
        super().__init__()
        self._began: dict[str, float] = {}
        self._lines: dict[str, int] = defaultdict(int)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log the line. The first one after omitted lines has their number."""
        kind, now = str(record.msg), time.monotonic()
        if now - self._began.get(kind, -INTERVAL_SECONDS) >= INTERVAL_SECONDS:
            left_out = self._lines[kind] - LINES_MAX
            self._began[kind], self._lines[kind] = now, 0
            if left_out > 0:
                record.msg = f"{record.msg} (%d more like this were not logged)"
                record.args = (*(record.args if isinstance(record.args, tuple) else ()), left_out)
        self._lines[kind] += 1
        return self._lines[kind] <= LINES_MAX


def limited_logger(name: str) -> logging.Logger:
    """Return the logger with this name, limited to LINES_MAX lines of each kind in INTERVAL_SECONDS."""
    logger = logging.getLogger(name)
    if not any(isinstance(one, _Limit) for one in logger.filters):
        logger.addFilter(_Limit())
    return logger
