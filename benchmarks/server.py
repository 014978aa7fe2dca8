"""The PostgreSQL server of the benchmark, and its databases: created once, copied for each run."""

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
_REPORTED_SETTINGS = ("server_version", "shared_buffers", *_DURABILITY)
_ONE_AT_A_TIME = 0x74656B616E61  # "tekana" in ASCII: the advisory lock of the whole server
_TEMPLATES = "tekana_ledger_"
_LONGEST = 3600.0  # timeout of one statement, in seconds
_PROGRESS_SECONDS = 30.0  # between reports of progress while a ledger is filled


def template_name(wallets: int, rounds: int) -> str:
    """Return the name of the template that `benchmarks.data.fill` fills with these numbers."""
    return f"{_current_templates()}{wallets}_{rounds}"


def _current_templates() -> str:
    """Return the prefix of template names, which changes whenever the tables or the code that fills them change."""
    migrations = sorted(Path(migrator.__file__).parent.glob("migrations/versions/*.py"))
    made_by = b"".join(path.read_bytes() for path in (*migrations, Path(data.__file__)))
    return f"{_TEMPLATES}{blake2b(made_by, digest_size=4).hexdigest()}_"


class CannotMeasure(Exception):
    """The measurement cannot run; the message gives the reason."""


class Server:
    """A running PostgreSQL server. Databases are given by name; URLs are those of SQLAlchemy."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)

    @property
    def socket_folder(self) -> str:
        """The folder of the server's socket, for libpq."""
        return str(self._url.query["host"])

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return int((Path(self.execute("SHOW data_directory")[0][0]) / "postmaster.pid").read_text().split()[0])

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return self._url.set(database=database).render_as_string(hide_password=False)

    def execute(self, statement: str, database: str = "postgres") -> list[Any]:
        """Execute one statement and return its rows."""

        async def run() -> list[Any]:
            connection = await self._connect(database)
            try:
                rows: list[Any] = await connection.fetch(statement, timeout=_LONGEST)
                return rows
            finally:
                await connection.close()

        return asyncio.run(run())

    def settings(self) -> dict[str, str]:
        """Return the settings that the figures depend on.

        Raises CannotMeasure unless a commit survives a power failure.
        """
        found = {name: str(self.execute(f"SHOW {name}")[0][0]) for name in _REPORTED_SETTINGS}
        if unsafe := [name for name in _DURABILITY if found[name] != "on"]:
            raise CannotMeasure(
                f"{', '.join(unsafe)} is not on: figures of a server that may lose commits are not comparable"
            )
        return found

    def has(self, database: str) -> bool:
        """Return whether the database exists."""
        return bool(self.execute(f"SELECT FROM pg_database WHERE datname = '{database}'"))

    def make_template(self, name: str, wallets: int, rounds: int, log: Callable[[str], None]) -> None:
        """Create a template ledger unless it exists, and remove outdated or incomplete ones.

        Logs the size from time to time while it is filled.
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
                while not (await asyncio.wait({filling}, timeout=_PROGRESS_SECONDS))[0]:
                    size = await observer.fetchval(f"SELECT pg_size_pretty(pg_database_size('{unfinished}'))")
                    log(f"{name}: {size} so far")
                await filling
                await data.write_details(connection, self.url(unfinished), wallets)
            finally:
                filling.cancel()
                await asyncio.wait({filling})
                await connection.close()
                await observer.close()

        asyncio.run(run())
        self.execute(f"ALTER DATABASE {unfinished} RENAME TO {name}")

    def copy(self, template: str, name: str) -> None:
        """Replace a database by a copy of another."""
        self.drop(name)
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")

    def drop(self, name: str) -> None:
        """Remove a database, also while connections to it are open."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Allow one benchmark at a time on this server. Raises CannotMeasure if another one is running."""
        with asyncio.Runner() as runner:
            connection = runner.run(self._connect("postgres"))
            try:
                if not runner.run(connection.fetchval(f"SELECT pg_try_advisory_lock({_ONE_AT_A_TIME})")):
                    raise CannotMeasure("another benchmark is running on this data folder")
                yield
            finally:
                runner.run(connection.close())

    async def _connect(self, database: str) -> Any:
        return await asyncpg.connect(
            host=self.socket_folder, port=self._url.query["port"], user=self._url.username, database=database
        )


@contextmanager
def started(data_dir: Path) -> Iterator[Server]:
    """Start a durable server on the data folder, for this benchmark exclusively.

    Raises CannotMeasure, or EmbeddedPostgresError if it cannot be started.
    """
    with EmbeddedPostgres(data_dir) as url:
        server = Server(url)
        with server.exclusive():
            yield server
