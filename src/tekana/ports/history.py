"""Tamper evidence: links, under a key that is outside the database, in which history can be verified.

Each unit of work adds a link: a keyed digest of the rows that it adds, and of the link before it. So does what adds to
the audit log outside units of work. Links form chains, one for each unit that a process saves at the same time, so that
no unit waits for another one's link.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable
from uuid import UUID

from tekana.domain.errors import TekanaError, Unavailable
from tekana.ports.audit import Finding
from tekana.ports.lease import LeasingStore

Progress = Callable[[int, int], object]
"""Called with the number of transactions done so far, and the number of all."""


@dataclass(frozen=True, slots=True)
class HistoryKey:
    """A key of links. Its `repr` does not contain the key.

    Attributes:
        id: its id, which each link names.
        secret: the key of 32 random bytes.
    """

    id: UUID
    secret: bytes = field(repr=False)


class HistoryKeys(Protocol):
    """The keys of links. They are never in the database, or only encrypted with a key that is not."""

    async def current(self) -> HistoryKey:
        """Return the key for new links.

        Raises:
            Unavailable: the key cannot be reached.
        """
        ...

    async def get(self, key_id: UUID) -> HistoryKey:
        """Return the key with this id, which links may name that were made before a rotation.

        Raises:
            Unavailable: there is no such key, or it cannot be reached.
        """
        ...


class NoHistoryKeys:
    """Implements HistoryKeys without any key."""

    async def current(self) -> HistoryKey:
        raise Unavailable("there is no key for the links of history")

    async def get(self, key_id: UUID) -> HistoryKey:
        raise Unavailable(f"there is no key {key_id} for the links of history")


class Head(NamedTuple):
    """A link, as checkpoints name it: its chain, its number in the chain from 1, and its digest."""

    chain: UUID
    number: int
    digest: bytes


class History(Protocol):
    """The links of a store's history."""

    async def heads(self) -> Sequence[Head]:
        """Return the last link of each chain.

        Raises:
            Unavailable: the store cannot be reached.
        """
        ...

    async def find_missing(self, heads: Sequence[Head]) -> Sequence[Head]:
        """Return those of the links that are not there, or are others than they were.

        Raises:
            Unavailable: the store cannot be reached.
        """
        ...

    def audit(self, checkpoints: Sequence[Head] | None, progress: Progress) -> AsyncIterator[Finding]:
        """Verify every row and every link on one snapshot, while the store stays in use, and yield the findings.

        Args:
            checkpoints: the links that checkpoints name; None if there are no checkpoints to compare with.
            progress: called from time to time.

        Raises:
            Unavailable: the store cannot be reached, or a link names a key that cannot be.
        """
        ...

    async def seal(self, progress: Progress) -> int:
        """Add links for all rows without one, such as those of an earlier release. It can be done once for a store.

        Returns:
            The number of transactions that were sealed.

        Raises:
            HistorySealed: it was done before.
            Unavailable: the store or the key cannot be reached.
        """
        ...


class HistorySealed(TekanaError):
    """History was sealed before. Rows without a link are evidence of a change since then."""

    code = "history_sealed"

    def __init__(self) -> None:
        super().__init__("history was sealed before: rows without a link are evidence of a change since then")


@runtime_checkable
class LinkedStore(LeasingStore, Protocol):
    """A store whose history is linked. Optional: a store in memory has no owner but its process.

    It adds links from `link_history` on.
    """

    def link_history(self, keys: HistoryKeys) -> None:
        """Have every unit of work, and every other addition to the audit log, add a link, with these keys.

        Call it before the first one begins.
        """
        ...

    @property
    def history(self) -> History:
        """The links. Without `link_history`, what needs a key raises Unavailable."""
        ...


class CheckpointLog(Protocol):
    """An append-only log of signed checkpoints, which is outside the database."""

    async def read(self) -> CheckpointsRead:
        """Read and verify all checkpoints.

        Raises:
            Unavailable: the log or a key cannot be reached.
        """
        ...

    async def last_heads(self) -> Sequence[Head]:
        """Return the last link that is named of each chain, reading only what was appended since the last call.

        Raises:
            Unavailable: the log or a key cannot be reached, or the log was changed.
        """
        ...

    async def append(self, heads: Sequence[Head]) -> int:
        """Append a checkpoint of those heads that the log does not name yet, durably. Nothing if it names all.

        Returns:
            The number of the last checkpoint.

        Raises:
            Unavailable: the log or a key cannot be reached, or the log was changed.
        """
        ...


class CheckpointsRead(NamedTuple):
    """What a log of checkpoints has.

    Attributes:
        number: the number of the last checkpoint; 0 if there is none.
        heads: all links that they name, in order.
        breaches: descriptions of checkpoints that are missing or were changed.
    """

    number: int
    heads: Sequence[Head]
    breaches: Sequence[str]
