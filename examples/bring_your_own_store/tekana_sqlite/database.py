"""The connection: the only file that knows the sqlite3 module. Its errors leave here as tekana's."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tekana.domain.errors import Conflict, Unavailable

_PATIENCE = 10.0  # seconds that a unit of work waits for another process to end its own
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Database:
    """One connection to the file. SQLite answers in microseconds, so its calls are made right on the event loop.

    `timeout` is in seconds: how long a call may hold the loop until another process lets go of the file.
    """

    def __init__(self, path: str, *, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Connect. Creates the file if there is none."""
        with _errors():
            self._connection = sqlite3.connect(self._path, timeout=self._timeout, isolation_level=None)
        # Patiently, as another process may be making the file's log at this moment, and locks it for that.
        await self.patiently("PRAGMA synchronous = FULL")  # a commit is on the disk when it returns
        await self.patiently("PRAGMA foreign_keys = ON")

    def close(self) -> None:
        """Disconnect, if connected."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def rows(self, statement: str, *values: object) -> list[Any]:
        """Run a statement. Ids go in as text, moments as microseconds since 1970.

        Raises:
            Conflict: it would break a rule of the schema.
            Unavailable: the database cannot do it now.
        """
        if self._connection is None:
            raise Unavailable("the store is not started")
        with _errors():
            return self._connection.execute(statement, [_plain(value) for value in values]).fetchall()

    async def patiently(self, statement: str) -> None:
        """Run a statement that has to wait for other writers, and let the event loop go on meanwhile."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                self.rows(statement)
            except Unavailable as error:
                cause = error.__cause__
                busy = isinstance(cause, sqlite3.Error) and cause.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > deadline:
                    raise
            else:
                return
            await asyncio.sleep(0.001)

    def roll_back(self) -> None:
        """Take back what is not committed, if there is anything."""
        if self._connection is not None and self._connection.in_transaction:
            self.rows("ROLLBACK")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read in here is of one moment."""
        self.rows("BEGIN")
        try:
            yield
        finally:
            self.roll_back()


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise Conflict(f"SQLite refuses it: {error}") from error
    except sqlite3.Error as error:
        raise Unavailable(f"SQLite cannot do it now: {error}") from error


def _plain(value: object) -> object:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return (value - _EPOCH) // timedelta(microseconds=1)
        case _:
            return value
