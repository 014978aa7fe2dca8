"""The connection: the only module that uses sqlite3. Its errors are translated to tekana's."""

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

_PATIENCE = 10.0  # seconds that a unit of work waits for one of another process
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Database:
    """One connection to the file. SQLite returns in microseconds, so its calls are made on the event loop.

    `timeout` is in seconds: how long a call may block the loop while another process has locked the file.
    """

    def __init__(self, path: str, *, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Connect, and create the file if there is none."""
        with _errors():
            self._connection = sqlite3.connect(self._path, timeout=self._timeout, isolation_level=None)
        # With retries, as another process may be creating the file's log, with the file locked.
        await self.execute_with_retries("PRAGMA synchronous = FULL")  # a commit is on the disk when it returns
        await self.execute_with_retries("PRAGMA foreign_keys = ON")

    def close(self) -> None:
        """Disconnect, if connected."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def rows(self, statement: str, *values: object) -> list[Any]:
        """Run a statement. Ids are stored as text, times as microseconds since 1970.

        Raises:
            Conflict: the statement breaks a constraint of the schema.
            Unavailable: the database cannot execute it now.
        """
        if self._connection is None:
            raise Unavailable("the store is not started")
        with _errors():
            return self._connection.execute(statement, [_plain(value) for value in values]).fetchall()

    async def execute_with_retries(self, statement: str) -> None:
        """Run a statement, and retry it while other processes write, without blocking the event loop."""
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
        """Roll back the transaction, if there is one."""
        if self._connection is not None and self._connection.in_transaction:
            self.rows("ROLLBACK")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Open a context in which all reads see one snapshot."""
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
        raise Conflict(f"SQLite refused the statement: {error}") from error
    except sqlite3.Error as error:
        raise Unavailable(f"SQLite cannot execute the statement now: {error}") from error


def _plain(value: object) -> object:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return (value - _EPOCH) // timedelta(microseconds=1)
        case _:
            return value
