"""The optional capability of a store to report its connection pools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable


class PoolStatistics(NamedTuple):
    """The state of a connection pool.

    Attributes:
        name: what it is used for; one of a few.
        connections_max: how many connections it can have.
        connections_in_use: how many are in use now.
    """

    name: str
    connections_max: int
    connections_in_use: int


@runtime_checkable
class PooledStore(Protocol):
    """A store with connection pools. Not every store has them."""

    def pool_statistics(self) -> Sequence[PoolStatistics]:
        """Return the state of each pool."""
        ...
