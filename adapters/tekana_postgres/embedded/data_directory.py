"""The folder of one major version of PostgreSQL: its users, server and watcher, its data, log and socket."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shlex
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from .account import Account, EmbeddedPostgresError, run_as
from .locks import is_free, lock, locked, wait_until
from .programs import find_programs

_WATCHER = Path(__file__).resolve().with_name("watcher.py")

# The first change of a page after a checkpoint writes the whole page to the WAL. So checkpoints are rare, and these
# pages are not compressed: with five million transfers, pglz cost a quarter of the throughput.
_SETTINGS = (
    "listen_addresses= port=5432 unix_socket_permissions=0700 timezone=UTC log_timezone=UTC "
    "max_connections=100 checkpoint_timeout=10min max_wal_size=8GB "
)
_DURABLE = "fsync=on synchronous_commit=on full_page_writes=on"
_FAST = "fsync=off synchronous_commit=off full_page_writes=off wal_level=minimal max_wal_senders=0 shared_buffers=64MB"
_INITDB = (
    "-D data.new -U postgres --auth-local=trust --auth-host=reject -E UTF8 --no-instructions "
    "--locale-provider=builtin --locale=C --builtin-locale=C.UTF-8"
)
_SOCKET = ".s.PGSQL.5432"
_SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # the server replies with one byte, before authentication
_SOCKET_PATH_BYTES = 103  # on macOS; Linux has 107
_START_SECONDS = 300  # a recovery may read up to max_wal_size
_STOP_SECONDS = (
    60  # a fast shutdown writes shared_buffers; after that an immediate one, with a recovery at the next start
)
_LOG_BYTES = 16 * 2**20
_LOG_END_BYTES = 2000


def _shared_buffers_mb() -> int:
    """Return a quarter of the memory that this process may use, as PostgreSQL's manual advises, in MB; 1024 at most."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):  # "max" without a limit; other systems lack the file
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(max(memory // 4, 128 * 2**20), 2**30) // 2**20


class DataDirectory(NamedTuple):
    """The folder of one major version: the locks, the data, the log and the socket."""

    path: Path
    account: Account | None

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def log(self) -> Path:
        return self.data / "server.log"

    @property
    def socket_folder(self) -> Path:
        """Return the folder `socket`, or the target of its link, which has a shorter path."""
        link = self.path / "socket"
        return link.readlink() if link.is_symlink() else link

    def url(self) -> str:
        """Return the server's URL, in SQLAlchemy's form."""
        return f"postgresql+asyncpg://postgres@/postgres?host={quote(os.fsencode(self.socket_folder))}&port=5432"

    def join(self, *, durable: bool) -> contextlib.ExitStack:
        """Register as a user of the server. Start the server and its watcher if they do not run.

        Args:
            durable: whether the server must be durable.

        Returns:
            The registration, for `leave`.

        Raises:
            EmbeddedPostgresError: the server does not start, or a running one is not durable but must be.
        """
        with locked(self.path / "start.lock"), contextlib.ExitStack() as use:
            for name in ("users.lock", "watch.lock"):
                use.callback(os.close, lock(self.path / name, fcntl.LOCK_SH))
            self._start_watcher()  # first: the server needs one even if this process is killed
            if not self._runs():
                self._launch(durable=durable)
            elif durable and "fsync=off" in (self.data / "postmaster.opts").read_text():
                raise EmbeddedPostgresError(f"the server that runs in {self.path} is not durable: stop its users first")
            return use.pop_all()

    def leave(self, use: contextlib.ExitStack) -> None:
        """End a registration, and stop the server if it was the last.

        Raises:
            EmbeddedPostgresError: the server does not stop.
        """
        use.close()
        dismissed = self.path / "dismissed.lock"
        with locked(self.path / "start.lock"):
            if not self._stop_if_unused():
                return
            with contextlib.suppress(FileNotFoundError):
                (self.path / "watcher.lock").replace(dismissed)  # the next user starts another watcher
        wait_until(5, lambda: is_free(dismissed))  # the watcher ends at once, unless there is a new user

    def watch(self) -> None:
        """Wait until there is no user, stop the server, and return. Called by the watcher process."""
        while True:
            os.close(lock(self.path / "watch.lock", fcntl.LOCK_EX))
            with locked(self.path / "start.lock"):
                if self._stop_if_unused():
                    (self.path / "watcher.lock").unlink(missing_ok=True)  # held by this process until it ends
                    return

    def _stop_if_unused(self) -> bool:
        """Stop the server if it has no user. The caller must hold `start.lock`, so that no user is added meanwhile."""
        if not is_free(self.path / "users.lock"):
            return False
        # the process that started it may have been killed
        wait_until(_STOP_SECONDS, lambda: self._is_gone() or bool(self._postmaster()))
        for word, seconds in (("INT", _STOP_SECONDS), ("QUIT", 10)):
            self._signal(word)
            if wait_until(seconds, self._is_gone):
                self._remove_socket_folder()
                return True
        raise EmbeddedPostgresError(f"the server in {self.path} does not stop, see {self.log}")

    def _is_gone(self) -> bool:
        return is_free(self.path / "server.lock")

    def _postmaster(self) -> list[str]:
        """Return the lines of postmaster.pid: the pid is the first, the state the eighth."""
        with contextlib.suppress(FileNotFoundError):
            return (self.data / "postmaster.pid").read_text().splitlines()
        return []

    def _signal(self, word: str) -> None:
        """Send a signal to the server, as its account, and only to a process with the data folder as its working
        directory, as pids are reused."""
        if lines := self._postmaster():
            script = '[ ! -d /proc/self ] || [ "/proc/$2/cwd" -ef "$3" ] && kill -"$1" "$2"; true'
            run_as(self.account, ["/bin/sh", "-c", script, "sh", word, lines[0], str(self.data)])

    def _start_watcher(self) -> None:
        try:
            held = lock(self.path / "watcher.lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # it runs already
        words = [str(_WATCHER), str(self.path), *map(str, self.account or ())]
        try:
            run_as(None, [sys.executable, "-I", "-S", *words], locks=(held,))
        finally:
            os.close(held)  # not unlocked: the watcher holds it now

    def _runs(self) -> bool:
        """Return whether a server is ready. Wait for one that starts or stops, or whose processes end after a kill."""
        if not wait_until(_STOP_SECONDS, lambda: self._answers() or self._is_gone()):
            raise EmbeddedPostgresError(f"a server in {self.path} neither answers nor ends, see {self.log}")
        return self._answers()

    def _answers(self) -> bool:
        if self._postmaster()[7:] == ["ready   "]:
            with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
                probe.settimeout(5)
                probe.connect(str(self.socket_folder / _SOCKET))
                # A connection is not enough: the socket of a postmaster that was just killed may still be open.
                probe.sendall(_SSL_REQUEST)
                return probe.recv(1) in {b"N", b"S"}
        return False

    def _launch(self, *, durable: bool) -> None:
        held = lock(self.path / "server.lock", fcntl.LOCK_SH)
        try:
            programs = find_programs(self.path, self.account)
            if not self.data.exists():
                self._initialize(programs, held, durable=durable)
            (self.data / "postmaster.pid").unlink(
                missing_ok=True
            )  # left by a crash: no server runs, and its pid may be reused
            fit = f"{_DURABLE} shared_buffers={_shared_buffers_mb()}MB" if durable else _FAST
            settings = (_SETTINGS + fit).split()
            settings.append(f"unix_socket_directories={self._make_socket_folder()}")
            options = shlex.join(f"--{setting}" for setting in settings)
            if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
                self.log.replace(self.log.with_suffix(".log.1"))
            words = ["start", "-t", str(_START_SECONDS), "-D", "data", "-l", "data/server.log", "-o", options]
            run_as(
                self.account, [f"{programs}/pg_ctl", *words], self.path, (held,)
            )  # its shell does not accept unusual paths
        except EmbeddedPostgresError as error:
            raise EmbeddedPostgresError(f"PostgreSQL does not start: {self._reason(error)}") from error
        finally:
            os.close(held)  # not unlocked: the server holds it now

    def _reason(self, error: EmbeddedPostgresError) -> str:
        """Return why the server did not start, in one line."""
        end = os.fsdecode(self.log.read_bytes()[-_LOG_END_BYTES:]) if self.log.exists() else ""
        reasons = re.findall(r"(?:FATAL|PANIC|DETAIL|HINT): +(.*)", end)[-3:]
        return f"{' '.join(reasons)} (see {self.log})" if reasons else " ".join(f"{error} {end}".split())

    def _initialize(self, programs: Path, held: int, *, durable: bool) -> None:
        fresh = self.path / "data.new"  # renamed when complete, so that an interrupted initialization is repeated
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self._give_away(fresh)
        command = [f"{programs}/initdb", *_INITDB.split(), *([] if durable else ["--no-sync"])]
        run_as(self.account, command, self.path, (held,))
        fresh.rename(self.data)
        descriptor = os.open(self.path, os.O_RDONLY)
        os.fsync(
            descriptor
        )  # else a power failure may undo the renaming, and the next start would create an empty ledger
        os.close(descriptor)

    def _make_socket_folder(self) -> Path:
        self._remove_socket_folder()
        folder = self.path / "socket"
        # The characters without a special meaning in PostgreSQL, asyncpg and SQLAlchemy.
        plain = re.fullmatch(r"[\w./ +-]+", str(folder))
        if plain and len(os.fsencode(folder / _SOCKET)) <= _SOCKET_PATH_BYTES:
            folder.mkdir(mode=0o700)
        else:
            folder = Path(tempfile.mkdtemp(prefix="tekana-", dir="/tmp"))  # not TMPDIR: it may be long, or private
            (self.path / "socket").symlink_to(folder)
        self._give_away(folder)
        return folder

    def _remove_socket_folder(self) -> None:
        shutil.rmtree(self.socket_folder, ignore_errors=True)
        if (link := self.path / "socket").is_symlink():
            link.unlink()

    def _give_away(self, path: Path) -> None:
        if self.account:
            os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)
