"""Time that moves when the test says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FrozenClock:
    """A clock (tekana.ports.clock.Clock) that stands still until it is told otherwise."""

    def __init__(self, now: datetime = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)) -> None:
        self.set(now)

    def __call__(self) -> datetime:
        """The present moment, aware, in UTC."""
        return self._now

    def set(self, now: datetime) -> None:
        """Make it this moment, earlier or later, which must say its offset from UTC."""
        if now.tzinfo is None:
            raise ValueError(f"{now} does not say its offset from UTC")
        self._now = now.astimezone(UTC)

    def advance(self, by: timedelta = timedelta(seconds=1)) -> datetime:
        """Let time pass; gives the new moment."""
        self._now += by
        return self._now
