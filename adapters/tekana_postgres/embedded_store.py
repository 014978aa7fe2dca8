"""The store on a PostgreSQL that tekana starts by itself. Apart, as only Unix has what starting one needs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tekana.domain.errors import Unavailable
from tekana.ports.clock import Clock
from tekana_postgres.embedded import EmbeddedPostgres, EmbeddedPostgresError, default_data_dir
from tekana_postgres.store import PostgresStore


class EmbeddedPostgresStore(PostgresStore):
    """A PostgreSQL that tekana starts by itself: `embedded:///folder`, or `embedded://` for the user's data folder.

    Any number of processes may share a folder; the server runs while one of them does, and the data stay.
    """

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        folder = unquote(urlsplit(url).path)
        self._folder = Path(folder) if folder else default_data_dir()
        self._server = EmbeddedPostgres(self._folder)
        super().__init__("postgresql+asyncpg://", clock=clock)

    @property
    def location(self) -> str:
        """The folder."""
        return str(self._folder)

    async def start(self) -> None:
        """Start the server, or join those who use it, and bring its schema to the newest version.

        Raises Unavailable, with the reason, if it cannot be started.
        """
        try:
            self._url = await asyncio.to_thread(self._server.start)
        except EmbeddedPostgresError as error:
            raise Unavailable(str(error)) from error
        self._connect()
        await self.migrate()

    async def stop(self) -> None:
        """Close all connections; stop the server if nobody else uses it."""
        await super().stop()
        await asyncio.to_thread(self._server.stop)
