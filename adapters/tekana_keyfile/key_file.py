"""Master keys in a JSON file that only its owner can read.

The file is read at each use: data keys are unwrapped once for each process, and what another process changed is known
at once. It is replaced as a whole, so a reader finds all of it, and a writer that was killed has changed nothing.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

import msgspec

from tekana.domain.errors import Unavailable, invalid
from tekana.ports.key_provider import UnknownMasterKey
from tekana_keyfile.master_keys import MasterKey, MasterKeys, master_key_id, new_master_keys

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the file."""

    version: Literal[1]
    active: str
    master_keys: dict[str, MasterKey]

    def __post_init__(self) -> None:
        if self.active not in self.master_keys:
            raise ValueError("it has no active key")

    def __repr__(self) -> str:
        return "_Document(***)"


class KeyFile:
    """Implements tekana.ports.key_provider.RotatesMasterKeys: `file:///folder/master-keys.json`.

    The file is created with a new master key when the first data key is wrapped; with `?existing` at the end of the
    URL, it must be there. Any number of processes may use it, on one machine.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.netloc or not parts.path or parts.query not in ("", "existing") or parts.fragment:
            raise invalid("key_provider_url", "must be file:///folder/file, with ?existing if it must be there")
        self._path = Path(unquote(parts.path))
        self._may_create = parts.query != "existing"

    @property
    def location(self) -> str:
        """The path of the file."""
        return str(self._path)

    async def wrap(self, key: bytes, context: str) -> str:
        return (await asyncio.to_thread(self._read_or_create)).wrap(key, context)

    async def unwrap(self, wrapped: str, context: str) -> bytes:
        keys = await asyncio.to_thread(self._read)
        try:
            return keys.unwrap(wrapped, context)
        except UnknownMasterKey as error:
            raise UnknownMasterKey(f"{error} in {self._path}: restore the file that belongs to the database") from None

    async def master_keys(self) -> tuple[str, ...]:
        return (await asyncio.to_thread(self._read)).unretired()

    async def add_master_key(self) -> str:
        return (await asyncio.to_thread(self._change, MasterKeys.with_new_key)).active

    async def is_active(self, wrapped: str) -> bool:
        return master_key_id(wrapped) == (await asyncio.to_thread(self._read)).active

    async def retire_master_keys(self) -> tuple[str, ...]:
        retired: list[str] = []

        def change(keys: MasterKeys) -> MasterKeys:
            retired.extend(keys.unretired()[:-1])
            return keys.with_one_unretired()

        await asyncio.to_thread(self._change, change)
        return tuple(retired)

    def _read(self) -> MasterKeys:
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & _OTHERS:
                    raise Unavailable(
                        f"the key file {self._path} is open to other users: run chmod 600, then rotate the master key"
                    )
                document = msgspec.json.decode(file.read(), type=_Document)
        except FileNotFoundError:
            raise Unavailable(f"there is no key file {self._path}: restore it, or copy it to this machine") from None
        except OSError as error:
            raise Unavailable(f"the key file {self._path} cannot be read: {error.strerror}") from error
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Without the cause, which may quote the file.
            raise Unavailable(f"the key file {self._path} is not a key file, or damaged: restore it") from None
        return MasterKeys(document.active, document.master_keys)

    def _read_or_create(self) -> MasterKeys:
        if self._may_create and not self._path.exists():
            with self._written("the key file {} cannot be created: {}"):
                self._path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
                with suppress(FileExistsError):  # another process was first
                    self._write(new_master_keys(), os.link)
        return self._read()

    def _change(self, change: Callable[[MasterKeys], MasterKeys]) -> MasterKeys:
        """Replace the content of the file. Other writers wait."""
        self._read()  # if it cannot be read, the folder is not touched
        with self._written("the key file {} cannot be changed: {}"):
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                keys = change(self._read())
                self._write(keys, os.replace)
            finally:
                os.close(folder)
        return keys

    def _write(self, keys: MasterKeys, put: Callable[[Path, Path], None]) -> None:
        """Write a new file beside the present one, and put it in place when it is on disk."""
        document = _Document(version=1, active=keys.active, master_keys=keys.keys)
        descriptor, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)  # of mode 0600
        fresh = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
                file.flush()
                os.fsync(file.fileno())
                if self._path.exists():  # root may change the file of another user
                    owner = self._path.stat()
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            put(fresh, self._path)
        finally:
            fresh.unlink(missing_ok=True)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # else a power failure may undo it, after data keys were wrapped with it
        finally:
            os.close(folder)

    @contextmanager
    def _written(self, message: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(message.format(self._path, error.strerror)) from error
