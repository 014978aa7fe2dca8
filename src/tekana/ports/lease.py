"""Leases: the exclusive right to do a piece of work, for a few seconds at a time.

Any number of processes run the same worker. The process that holds the lease works; the others are on standby.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from tekana.ports.store import Store


class LeaseLost(Exception):
    """This epoch of the lease has ended. Nothing was changed."""


class Lease(Protocol):
    """The lease of one name. Safe to use from many tasks and processes at once; every method may raise Unavailable.

    Each new holder gets a higher epoch. A write with an old epoch is refused, so a process whose lease expired while it
    was suspended cannot write.
    """

    async def acquire(self, holder: str, seconds: float) -> int | None:
        """Acquire the lease, by the store's clock.

        A lease that ends later than `seconds` from now counts as ended: the store's clock was set back since it was
        granted. So all processes must request the lease of one name for the same number of seconds.

        Args:
            holder: a name of this process, for operators.
            seconds: the duration of the lease, unless it is renewed.

        Returns:
            The epoch of the lease, or None while another process holds it.
        """
        ...

    async def renew(self, epoch: int, seconds: float) -> None:
        """Extend the lease to `seconds` from now. Raises LeaseLost."""
        ...

    async def release(self, epoch: int) -> None:
        """End the lease at once. Do nothing if it was lost already."""
        ...


@runtime_checkable
class LeasingStore(Store, Protocol):
    """A store that grants leases, so that workers can run in several processes. Optional for a store."""

    def lease(self, name: str) -> Lease:
        """Return the lease of this name."""
        ...
