"""A file with a checkpoint on each line. Lines are only appended; one that was not written as a whole is ignored."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tekana.domain.errors import Unavailable
from tekana.ports.clock import Clock
from tekana.ports.history import CheckpointsRead, Head, HistoryKeys
from tekana_checkpoints.checkpoint import Checkpoint, read_checkpoint, signer_of, write_checkpoint


class _Place(NamedTuple):
    """The end of what was read: the size in bytes, and the number and the digest of the last checkpoint."""

    size: int = 0
    number: int = 0
    digest: str = ""


class CheckpointFile:
    """Implements tekana.ports.history.CheckpointLog. Any number of processes may append, if the file is on one machine.

    Args:
        path: the file; it is created with the first checkpoint.
        keys: the keys of links, from which the signing keys are derived.
        clock: returns the time of a checkpoint.
    """

    def __init__(self, path: Path | str, keys: HistoryKeys, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self._path = Path(path)
        self._keys = keys
        self._clock = clock
        self._signers: dict[UUID, Ed25519PrivateKey] = {}
        self._place = _Place()
        self._last: dict[UUID, Head] = {}

    async def read(self) -> CheckpointsRead:
        if not await asyncio.to_thread(self._path.exists):
            raise Unavailable(f"there is no file of checkpoints {self._path}")
        checkpoints, place, breaches = await self._read_after(_Place())
        return CheckpointsRead(place.number, [head for one in checkpoints for head in one.heads], breaches)

    async def last_heads(self) -> Sequence[Head]:
        checkpoints, place, breaches = await self._read_after(self._place)
        if breaches:
            raise Unavailable(f"the file of checkpoints {self._path} was changed: {breaches[0]}")
        self._note(checkpoints, place)
        return list(self._last.values())

    async def append(self, heads: Sequence[Head]) -> int:
        key = await self._keys.current()
        descriptor = await asyncio.to_thread(self._lock)
        try:
            await self.last_heads()
            new = [one for one in heads if self._last.get(one.chain) != one]
            if new:
                number = self._place.number + 1
                line = write_checkpoint(number, self._place.digest, key, new, at=self._clock())
                await asyncio.to_thread(self._write, descriptor, line)
        finally:
            os.close(descriptor)
        await self.last_heads()
        return self._place.number

    def _note(self, checkpoints: Iterable[Checkpoint], place: _Place) -> None:
        self._place = place
        for one in checkpoints:
            self._last.update((head.chain, head) for head in one.heads)

    async def _read_after(self, place: _Place) -> tuple[Sequence[Checkpoint], _Place, Sequence[str]]:
        """Read and verify the checkpoints after a place. Return them, the place after them, and the breaches."""
        content = await asyncio.to_thread(self._read_bytes, place.size)
        if content is None:
            return [], place, ["it is shorter than it was"]
        whole = content[: content.rfind(b"\n") + 1]
        found = [one for one in map(read_checkpoint, whole.splitlines()) if one is not None]
        for key_id in {one.key_id for one in found}:
            if key_id not in self._signers:
                self._signers[key_id] = signer_of(await self._keys.get(key_id))
        end, breaches = await asyncio.to_thread(self._verify, place, found)
        return found, end._replace(size=place.size + len(whole)), breaches

    def _verify(self, place: _Place, found: Sequence[Checkpoint]) -> tuple[_Place, Sequence[str]]:
        breaches = []
        for one in found:
            if (one.number, one.before) != (place.number + 1, place.digest):
                breaches.append(f"checkpoint {one.number}: does not follow checkpoint {place.number}")
            if not one.is_signed_by(self._signers[one.key_id]):
                breaches.append(f"checkpoint {one.number}: its signature is wrong")
            place = place._replace(number=one.number, digest=one.digest)
        return place, breaches

    def _read_bytes(self, begin: int) -> bytes | None:
        """Return the bytes from `begin` on; None if there are fewer."""
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < begin:
                    return None
                file.seek(begin)
                return file.read()
        except FileNotFoundError:
            return b"" if begin == 0 else None
        except OSError as error:
            raise self._unavailable("read", error) from error

    def _lock(self) -> int:
        """Open the file to append to it, and lock it against other processes. End a line that a power failure tore."""
        try:
            is_new = not self._path.exists()
            descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            if size > 0 and os.pread(descriptor, 1, size - 1) != b"\n":
                os.write(descriptor, b"\n")
            if is_new:
                folder = os.open(self._path.parent, os.O_RDONLY)
                os.fsync(folder)
                os.close(folder)
        except OSError as error:
            raise self._unavailable("written", error) from error
        return descriptor

    def _write(self, descriptor: int, line: bytes) -> None:
        """Append a line durably."""
        try:
            with os.fdopen(descriptor, "ab", closefd=False) as file:
                file.write(line + b"\n")
            os.fsync(descriptor)
        except OSError as error:
            raise self._unavailable("written", error) from error

    def _unavailable(self, what: str, error: OSError) -> Unavailable:
        return Unavailable(f"the file of checkpoints {self._path} cannot be {what}: {error.strerror}")
