"""The deadlines of commands and queries.

The clocks of gateways and services differ. So a message has the waiting time of its sender, and its age is computed
with one clock, the broker's: the broker sets the timestamp of each message, and a service computes the broker's time
from the timestamps of its own messages. If the broker does not set timestamps, the sender's deadline is compared with
the clock of the service.

A copy of a message has a timestamp of its own, so the time at which it was sealed counts as well.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from aiokafka import ConsumerRecord
from aiokafka.structs import RecordMetadata

from tekana_kafka.cloud_events import Header
from tekana_kafka.command_messages import headers_of
from tekana_kafka.log_limit import limited_logger

_log: logging.Logger = limited_logger("tekana.bus")

CLOCKS_SECONDS_MAX: Final = 60.0
"""By how much the clocks of gateways and services may differ."""

_BY_BROKER: Final = 1  # the type of timestamps that the broker sets when it appends a message
_SKEW_WARNING_SECONDS: Final = 5.0


def now_seconds() -> float:
    """Return this machine's time, in seconds since 1970."""
    return time.time()


class BrokerClock:
    """The broker's time, computed from this machine's clock. Unknown until the first `observe`."""

    def __init__(self) -> None:
        self._offset_seconds: float | None = None
        self._warned = False

    @property
    def offset_seconds(self) -> float | None:
        """Return the seconds by which the broker's clock is ahead of this machine's; None if unknown."""
        return self._offset_seconds

    def now_seconds(self) -> float | None:
        """Return the broker's time, in seconds since 1970; None if unknown."""
        return None if self._offset_seconds is None else now_seconds() + self._offset_seconds

    def observe(self, metadata: RecordMetadata, sent_seconds: float) -> None:
        """Update the offset with a message of this process, appended between `sent_seconds` and now."""
        if metadata.timestamp_type != _BY_BROKER or metadata.timestamp is None:
            return
        # The timestamp was the broker's time between the two: the error of the middle is at most half a round trip.
        middle_seconds = (sent_seconds + now_seconds()) / 2
        self._offset_seconds = metadata.timestamp / 1000 - middle_seconds
        skewed = abs(self._offset_seconds) > _SKEW_WARNING_SECONDS
        if skewed and not self._warned:
            _log.warning("this machine's clock and the broker's differ by %.1f seconds", abs(self._offset_seconds))
        self._warned = skewed


def deadline_headers(wait_seconds: float) -> list[Header]:
    """Return the headers with the waiting time and the deadline of the sender."""
    deadline = datetime.fromtimestamp(now_seconds(), UTC) + timedelta(seconds=wait_seconds)
    return [("deadline", deadline.isoformat().encode()), ("time-to-live-ms", b"%d" % (wait_seconds * 1000))]


def is_late(record: ConsumerRecord, clock: BrokerClock, sealed_seconds: float | None = None) -> bool:
    """Return whether the deadline has passed. False if the message has none, or a malformed one.

    Args:
        record: the message.
        clock: the broker's time.
        sealed_seconds: when the message was sealed, by its sender's clock. It is late, too, if its sender has stopped
            waiting since then, even with a clock that differs by CLOCKS_SECONDS_MAX: then this is a copy.
    """
    headers = headers_of(record)
    wait_seconds, now = _wait_seconds(headers), clock.now_seconds()
    if wait_seconds is not None:
        if sealed_seconds is not None and now_seconds() > sealed_seconds + wait_seconds + CLOCKS_SECONDS_MAX:
            return True
        if record.timestamp_type == _BY_BROKER and now is not None:
            return bool(now - record.timestamp / 1000 > wait_seconds)
    try:
        return datetime.fromisoformat(headers["deadline"].decode()) < datetime.fromtimestamp(now_seconds(), UTC)
    except (KeyError, ValueError, TypeError):  # TypeError: no offset from UTC
        return False


def _wait_seconds(headers: Mapping[str, bytes]) -> float | None:
    """Return for how long the sender of a message waits; None if it does not say so, or not validly."""
    milliseconds = headers.get("time-to-live-ms", b"")
    return int(milliseconds) / 1000 if milliseconds.isdigit() and len(milliseconds) <= 12 else None
