"""Leases: the sole right to do a piece of work, for a few seconds at a time.

Any number of processes run the same worker. The one that holds the lease of its name works; the others stand by.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from tekana.ports.store import Store


class LeaseLost(Exception):
    """Another process holds the lease now. Nothing was changed."""


class Lease(Protocol):
    """The lease of one name. Safe to use from many tasks and processes at once; every method may raise Unavailable.

    Each new holder gets a higher epoch. A write that names an old epoch is refused, so a process that slept through the
    end of its lease does no harm.
    """

    async def acquire(self, holder: str, seconds: float) -> int | None:
        """Acquire the lease, by the store's clock.

        A lease that ends later than `seconds` from now counts as ended: the store's clock was set back since it was
        granted. So all who want the lease of one name have to ask for the same number of seconds.

        Args:
            holder: names this process, for operators.
            seconds: how long the lease lasts, unless it is renewed.

        Returns:
            The epoch of the lease, or None while another process holds it.
        """
        ...

    async def renew(self, epoch: int, seconds: float) -> None:
        """Extend the lease to end so many seconds from now. Raises LeaseLost."""
        ...

    async def release(self, epoch: int) -> None:
        """End the lease at once. Does nothing if it is lost already."""
        ...


@runtime_checkable
class LeasingStore(Store, Protocol):
    """A store that grants leases, so that workers can run in several processes. Optional for a store."""

    def lease(self, name: str) -> Lease:
        """Return the lease of this name."""
        ...
