"""The PostgreSQL that everything is measured on, and its databases: made once, copied for each run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import make_url

from benchmarks import data
from tekana_postgres import PostgresStore, migrator
from tekana_postgres.embedded import EmbeddedPostgres

_DURABILITY = ("fsync", "synchronous_commit", "full_page_writes")
_TOLD = ("server_version", "shared_buffers", *_DURABILITY)
_ONE_AT_A_TIME = 0x74656B616E61  # "tekana": an advisory lock of the whole server
_TEMPLATES = "tekana_ledger_"
_LONGEST = 3600.0  # seconds for one statement
_TOLD_EVERY = 30.0  # seconds, while a ledger is made


def template_name(wallets: int, rounds: int) -> str:
    """The name of the ledger to copy from that `benchmarks.data.fill` makes with these numbers."""
    return f"{_current_templates()}{wallets}_{rounds}"


def _current_templates() -> str:
    """What their names begin with: something else whenever the tables change, or what fills them."""
    migrations = sorted(Path(migrator.__file__).parent.glob("migrations/versions/*.py"))
    made_by = b"".join(path.read_bytes() for path in (*migrations, Path(data.__file__)))
    return f"{_TEMPLATES}{blake2b(made_by, digest_size=4).hexdigest()}_"


class CannotMeasure(Exception):
    """There is nothing to be measured on; the message says why."""


class Server:
    """A running server. Its databases are told by name; their URLs are SQLAlchemy's."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)

    @property
    def socket_folder(self) -> str:
        """The folder of its socket, for libpq."""
        return str(self._url.query["host"])

    def url(self, database: str) -> str:
        """The URL of a database."""
        return self._url.set(database=database).render_as_string(hide_password=False)

    def execute(self, statement: str, database: str = "postgres") -> list[Any]:
        """Run one statement and give its rows."""

        async def run() -> list[Any]:
            connection = await self._connect(database)
            try:
                rows: list[Any] = await connection.fetch(statement, timeout=_LONGEST)
                return rows
            finally:
                await connection.close()

        return asyncio.run(run())

    def settings(self) -> dict[str, str]:
        """The settings that a figure depends on.

        Raises CannotMeasure unless a commit outlives a power failure.
        """
        found = {name: str(self.execute(f"SHOW {name}")[0][0]) for name in _TOLD}
        if unsafe := [name for name in _DURABILITY if found[name] != "on"]:
            raise CannotMeasure(
                f"{', '.join(unsafe)} is not on: figures of a server that may lose money are worth nothing"
            )
        return found

    def has(self, database: str) -> bool:
        """Whether there is such a database."""
        return bool(self.execute(f"SELECT FROM pg_database WHERE datname = '{database}'"))

    def make_template(self, name: str, wallets: int, rounds: int, tell: Callable[[str], None]) -> None:
        """Make a ledger to copy from, unless it is there, and remove those that are out of date or half made.

        Tells now and then how much of it there is.
        """
        if self.has(name):
            return
        for (old,) in self.execute(f"SELECT datname FROM pg_database WHERE datname LIKE '{_TEMPLATES}%'"):
            if not old.startswith(_current_templates()):
                self.drop(old)
        unfinished = f"{name}_unfinished"
        self.drop(unfinished)
        self.execute(f"CREATE DATABASE {unfinished}")

        async def run() -> None:
            await PostgresStore(self.url(unfinished)).migrate()
            connection, observer = await self._connect(unfinished), await self._connect("postgres")
            filling = asyncio.ensure_future(data.fill(connection, wallets, rounds=rounds))
            try:
                while not (await asyncio.wait({filling}, timeout=_TOLD_EVERY))[0]:
                    size = await observer.fetchval(f"SELECT pg_size_pretty(pg_database_size('{unfinished}'))")
                    tell(f"{name}: {size} so far")
                await filling
            finally:
                filling.cancel()
                await asyncio.wait({filling})
                await connection.close()
                await observer.close()

        asyncio.run(run())
        self.execute(f"ALTER DATABASE {unfinished} RENAME TO {name}")

    def copy(self, template: str, name: str) -> None:
        """Make a database anew, as a copy of another."""
        self.drop(name)
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")

    def drop(self, name: str) -> None:
        """Remove a database, whoever uses it."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """For one benchmark at a time, however that ends. Raises CannotMeasure if another is at work."""
        with asyncio.Runner() as runner:
            connection = runner.run(self._connect("postgres"))
            try:
                if not runner.run(connection.fetchval(f"SELECT pg_try_advisory_lock({_ONE_AT_A_TIME})")):
                    raise CannotMeasure("another benchmark is at work on this data folder")
                yield
            finally:
                runner.run(connection.close())

    async def _connect(self, database: str) -> Any:
        return await asyncpg.connect(
            host=self.socket_folder, port=self._url.query["port"], user=self._url.username, database=database
        )


@contextmanager
def started(data_dir: Path) -> Iterator[Server]:
    """A durable server on the data folder, for this benchmark alone.

    Raises CannotMeasure, or EmbeddedPostgresError if it cannot be started.
    """
    with EmbeddedPostgres(data_dir) as url:
        server = Server(url)
        with server.exclusive():
            yield server
