"""The store on an embedded PostgreSQL. A module of its own, as embedding needs Unix."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tekana.domain.errors import FieldError, Unavailable
from tekana.ports.clock import Clock
from tekana.ports.key_provider import KeyProvider
from tekana_postgres.connections import raw_connection
from tekana_postgres.embedded import EmbeddedPostgres, EmbeddedPostgresError, default_data_dir
from tekana_postgres.store import PostgresStore

_CHECK_INTERVAL_SECONDS = 2.0


class EmbeddedPostgresStore(PostgresStore):
    """A store on a PostgreSQL that tekana starts: `embedded:///folder`, or `embedded://` for the user's data folder.

    Any number of processes may share a folder. The server runs while one of them uses it, and is restarted after a
    crash. With `?existing` at the end of the URL, a folder without data is an error.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock | None = None,
        key_provider: Callable[[], KeyProvider] | None = None,
        time_zone: str | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._folder = Path(unquote(parts.path)) if parts.path else default_data_dir()
        self._existing = parts.query == "existing"
        self._server = EmbeddedPostgres(self._folder)
        self._watch: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        super().__init__("postgresql+asyncpg://", clock=clock, key_provider=key_provider, time_zone=time_zone)

    @property
    def location(self) -> str:
        """The folder."""
        return str(self._folder)

    async def check_production(self) -> Sequence[FieldError]:
        """Refuse production: the server's only user is a superuser."""
        return [FieldError("database_url", "must be that of a PostgreSQL of your own, not of the one tekana starts")]

    async def start(self) -> None:
        """Start the server, or join a running one, and migrate its schema to the newest version.

        Raises:
            Unavailable: the server cannot be started; the message gives the reason.
        """
        if self._existing and not any(self._folder.glob("postgres-*/data/PG_VERSION")):
            raise Unavailable(f"there are no data in {self._folder}")
        try:
            self._url = await asyncio.to_thread(self._server.start)
        except EmbeddedPostgresError as error:
            raise Unavailable(str(error)) from error
        self._connect()
        await self.migrate()
        self._watch = asyncio.create_task(self._keep_running(), name="embedded PostgreSQL watch")

    async def stop(self) -> None:
        """Close all connections; stop the server unless another process uses it."""
        watch, self._watch = self._watch, None
        if watch is not None and not watch.get_loop().is_closed():
            self._stopping.set()  # not cancelled, which would close a connection during a query
            await watch
            self._stopping.clear()
        await super().stop()
        await asyncio.to_thread(self._server.stop)

    async def _keep_running(self) -> None:
        """Start the server again when it does not answer. If it still runs, the start joins it."""
        while not await self._asked_to_stop():
            try:
                async with raw_connection(self._background) as connection:
                    await connection.execute("SELECT 1")
            except Unavailable:
                with contextlib.suppress(EmbeddedPostgresError):  # still stopping, or hung: retry
                    await asyncio.to_thread(self._join_and_leave)

    async def _asked_to_stop(self) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), _CHECK_INTERVAL_SECONDS)
        return self._stopping.is_set()

    def _join_and_leave(self) -> None:
        with EmbeddedPostgres(self._folder):
            """The server runs, and this store continues to use it."""
