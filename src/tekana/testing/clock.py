"""A clock that tests set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FrozenClock:
    """A clock (tekana.ports.clock.Clock) whose time changes only by `set` and `advance`."""

    def __init__(self, now: datetime = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)) -> None:
        self.set(now)

    def __call__(self) -> datetime:
        """Return the time, aware, in UTC."""
        return self._now

    def set(self, now: datetime) -> None:
        """Set the time, which may be earlier. Raise ValueError unless it is aware."""
        if now.tzinfo is None:
            raise ValueError(f"{now} does not say its offset from UTC")
        self._now = now.astimezone(UTC)

    def advance(self, by: timedelta = timedelta(seconds=1)) -> datetime:
        """Advance the time, and return it."""
        self._now += by
        return self._now
