"""A filter that keeps a repeated log message from filling the log."""

from __future__ import annotations

import logging
import time
from typing import Final

_INTERVAL_SECONDS: Final = 1.0
_MESSAGES_MAX: Final = 1_000


class RepeatLimit(logging.Filter):
    """Lets each message through once a second, with the number of those that were left out in between.

    Messages are the same if their format is the same; what they are formatted with may differ.
    """

    def __init__(self) -> None:
        super().__init__()
        self._left_out: dict[str, int] = {}
        self._silent_until: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        message, now = str(record.msg), time.monotonic()
        if now < self._silent_until.get(message, 0.0):
            self._left_out[message] = self._left_out.get(message, 0) + 1
            return False
        if len(self._silent_until) >= _MESSAGES_MAX:
            self._silent_until.clear()
        self._silent_until[message] = now + _INTERVAL_SECONDS
        if left_out := self._left_out.pop(message, 0):
            record.msg = f"{message.rstrip()} ({left_out} more like this since the last one)"
        return True
