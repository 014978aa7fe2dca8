"""Leases."""

from __future__ import annotations

from datetime import timedelta

from tekana.ports.clock import Clock
from tekana.ports.lease import LeaseLost
from tekana_memory.state import LeaseRow


class MemoryLease:
    """Implements tekana.ports.lease.Lease. No method awaits, so each is atomic."""

    def __init__(self, row: LeaseRow, clock: Clock) -> None:
        self._row = row
        self._clock = clock

    async def acquire(self, holder: str, seconds: float) -> int | None:
        """Acquire the lease, unless another process holds it."""
        row, now, length = self._row, self._clock(), timedelta(seconds=seconds)
        if row.expires_at is not None and now < row.expires_at <= now + length:
            return None
        row.holder, row.epoch, row.expires_at = holder, row.epoch + 1, now + length
        return row.epoch

    async def renew(self, epoch: int, seconds: float) -> None:
        """Extend the lease."""
        self.require(epoch)
        self._row.expires_at = self._clock() + timedelta(seconds=seconds)

    async def release(self, epoch: int) -> None:
        """End the lease at once."""
        if epoch == self._row.epoch:
            self._row.holder = self._row.expires_at = None

    @property
    def holder(self) -> str | None:
        """Return the process that holds the lease now."""
        expires_at = self._row.expires_at
        return self._row.holder if expires_at is not None and expires_at > self._clock() else None

    def require(self, epoch: int) -> None:
        """Raise LeaseLost unless this is the epoch of the last holder."""
        if epoch != self._row.epoch:
            raise LeaseLost("another process holds the lease")
