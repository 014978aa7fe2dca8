"""Each command with each fault: it prints the cause in one sentence without passwords, and exits with 2."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest
import trustme
from sqlalchemy import make_url

from tekana.cli import main
from tekana.testing import builders
from tekana.testing.session import session
from tekana_keyfile import KeyFile
from tekana_postgres.migrator import migrate
from tests.environment import environment as clean_environment
from tests.forked import TEKANA, forked
from tests.integration.postgres_support import superuser
from tests.integration.tcp_postgres import TcpPostgres, tcp_postgres, tls_programs, wheel_programs
from tests.postgres_stores import postgres_store
from tests.serving import free_port

SHORT = {
    "audit": ("audit",),
    "audit --json": ("audit", "--json"),
    "migrate": ("migrate",),
    "demo": ("demo",),
    "outbox status": ("outbox", "status"),
    "outbox list": ("outbox", "list"),
    "outbox redrive": ("outbox", "redrive"),
    "outbox replay": ("outbox", "replay"),
    "outbox drop": ("outbox", "drop", "--older-than", "30"),
}
"""The commands that end on their own."""

LONG = {"serve": ("serve",), "relay": ("relay", "--bus-url", "kafka://127.0.0.1:1"), "webhooks": ("webhooks",)}
"""The commands that run until they are stopped; they wait for a database that is down."""

SECRET = "s3cret"  # noqa: S105 - of no server


def short_commands_except(*names: str) -> dict[str, tuple[str, ...]]:
    """Return all short commands except these."""
    return {name: words for name, words in SHORT.items() if name not in names}


def tekana(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = clean_environment() | variables
    command = [*TEKANA, *arguments]
    options = forked(command, environment)
    return subprocess.run(command, **options, capture_output=True, text=True, check=False, timeout=180)


def run_all(commands: dict[str, tuple[str, ...]], *more: str) -> dict[str, subprocess.CompletedProcess[str]]:
    """Run the commands one after the other in this process, as separate processes would take seconds each."""
    return {name: _run_in_process(*words, *more) for name, words in commands.items()}


def _run_in_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    out, err, code = io.StringIO(), io.StringIO(), 0
    environment = clean_environment()
    with (
        patch.dict(os.environ, environment, clear=True),
        patch.object(sys, "argv", ["tekana", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def assert_fails_with(done: subprocess.CompletedProcess[str], message: str, name: str) -> None:
    lines = [line for line in done.stderr.splitlines() if not line.startswith("tekana: starting, ")]
    assert (done.returncode, done.stdout, len(lines)) == (2, "", 1), (name, done)
    assert lines[0].startswith("tekana: "), name
    assert message in lines[0], (name, lines)
    assert SECRET not in done.stderr, name


MALFORMED = {
    "a slash in the password": (f"postgresql://u:{SECRET}/x@127.0.0.1/db", "database_url: must be a URL such as"),
    "a question mark in the password": (f"postgresql://u:{SECRET}?x=1@127.0.0.1/db", "database_url: must be a URL"),
    "a number, then a question mark": (f"postgresql://u:1?{SECRET}=1@127.0.0.1/db", "database_url: must be a URL"),
    "a hash in the password": (f"postgresql://u:{SECRET}#x@127.0.0.1/db", "database_url: must be a URL such as"),
    "a port that is a word": (f"postgresql://u:{SECRET}@127.0.0.1:port/db", "database_url: must be a URL such as"),
    "a port too large": (f"postgresql+asyncpg://u:{SECRET}@127.0.0.1:99999/db", "database_url: must be a URL such as"),
    "an open bracket": (f"postgresql://u:{SECRET}@[::1/db", "database_url: must be a URL such as"),
    "an address without brackets": (f"postgresql://u:{SECRET}@::1/db", "database_url: must be a URL such as"),
    "an unknown option": (f"postgresql://u:{SECRET}@127.0.0.1/db?ssl_mode=require", "the unknown option 'ssl_mode'"),
    "an option without a value": (f"postgresql://u:{SECRET}@127.0.0.1/db?sslmode", "database_url: must be a URL"),
    "a wrong value": (f"postgresql://u:{SECRET}@127.0.0.1/db?sslmode=on", "the option sslmode must be one of disable"),
    "a time in words": (f"postgresql://u:{SECRET}@127.0.0.1/db?connect_timeout=long", "a number of seconds from 1"),
    "no URL": (SECRET[:3], "database_url: must be a URL"),
    "another database": (f"mysql://u:{SECRET}@127.0.0.1/db", "no adapter for 'mysql' is installed"),
}


@pytest.mark.parametrize(("url", "message"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_url_is_refused(url: str, message: str) -> None:
    for name, done in run_all(SHORT | LONG, "--database-url", url).items():
        assert_fails_with(done, message, name)


@pytest.mark.parametrize("role", ["gateway", "customer", "wallet", "transaction"])
def test_a_part_of_the_topology_does_not_start_without_the_secret_of_the_bus(role: str) -> None:
    done = _run_in_process("serve", "--role", role, "--bus-url", "kafka://127.0.0.1:1", "--database-url", "memory://")
    assert_fails_with(done, f"bus_secret: is needed by the role {role}: set TEKANA_BUS_SECRET", role)


def test_a_malformed_url_of_a_replica_is_refused() -> None:
    url = f"postgresql://u:{SECRET}/x@127.0.0.1/db"
    done = tekana("serve", "--database-url", "postgresql://127.0.0.1:1/db", "--read-database-url", url)
    assert_fails_with(done, "read_database_url: must be a URL such as", "serve")


def test_invalid_arguments_are_refused() -> None:
    for name, done in run_all(SHORT | LONG, "--nonsense").items():
        assert_fails_with(done, "No such option '--nonsense'. See tekana ", name)
    both = ("--database-url", "memory://", "--data-dir", "/var/tmp/none")
    for name, done in run_all(SHORT | LONG, *both).items():
        assert_fails_with(done, "give --database-url or --data-dir, not both", name)
    assert_fails_with(tekana("nonsense"), "No such command 'nonsense'. See tekana --help.", "nonsense")
    assert_fails_with(tekana("serve", TEKANA_PORT="x"), "'x' is not a valid integer", "serve")
    assert_fails_with(tekana("relay"), "say where to publish", "relay")


@pytest.fixture(scope="module")
def server() -> Iterator[TcpPostgres]:
    with tcp_postgres(wheel_programs(), tls=False) as server:
        yield server


@pytest.fixture(scope="module")
def tls_server() -> Iterator[TcpPostgres]:
    with tcp_postgres(tls_programs(), tls=True) as server:
        yield server


def test_a_wrong_password_is_reported(server: TcpPostgres) -> None:
    for name, done in run_all(SHORT, "--database-url", server.url(password=SECRET)).items():
        assert_fails_with(done, 'now: password authentication failed for user "postgres"', name)


def test_a_missing_database_is_reported(server: TcpPostgres) -> None:
    for name, done in run_all(SHORT, "--database-url", server.url(database="none")).items():
        assert_fails_with(done, 'now: database "none" does not exist', name)


def test_an_unknown_host_is_reported() -> None:
    for name, done in run_all(SHORT, "--database-url", f"postgresql://u:{SECRET}@host.invalid/db").items():
        assert_fails_with(done, "the database cannot be reached now: ", name)
        assert "ame" in done.stderr  # "Name or service not known", "Temporary failure in name resolution"


def test_a_separate_process_prints_the_same() -> None:
    done = tekana("audit", "--database-url", f"postgresql://u:{SECRET}@127.0.0.1:1/db")
    assert_fails_with(done, "Connect call failed ('127.0.0.1', 1)", "audit")


def test_a_closed_port_is_reported() -> None:
    for name, done in run_all(SHORT, "--database-url", f"postgresql://u:{SECRET}@127.0.0.1:1/db").items():
        assert_fails_with(done, "Connect call failed ('127.0.0.1', 1)", name)


def test_a_server_without_required_tls_is_reported(server: TcpPostgres) -> None:
    for name, done in run_all(SHORT, "--database-url", server.url(more="?sslmode=require")).items():
        assert_fails_with(done, "rejected SSL upgrade", name)


def test_a_certificate_of_another_authority_is_refused(tls_server: TcpPostgres) -> None:
    with trustme.CA().cert_pem.tempfile() as other:
        url = tls_server.url(more=f"?sslmode=verify-full&sslrootcert={other}")
        for name, done in run_all(SHORT, "--database-url", url).items():
            assert_fails_with(done, "certificate verify failed", name)


def test_a_missing_certificate_file_is_reported(tls_server: TcpPostgres) -> None:
    url = tls_server.url(more="?sslmode=verify-full&sslrootcert=/var/tmp/none.pem")
    for name, done in run_all(SHORT, "--database-url", url).items():
        assert_fails_with(done, "the database cannot be reached now: ", name)


def test_the_ssl_options_of_libpq_work(tls_server: TcpPostgres) -> None:
    trusted = f"sslmode=verify-full&sslrootcert={tls_server.authority}"
    url = tls_server.url(more=f"?{trusted}&application_name=wallets&connect_timeout=7")
    assert tekana("migrate", "--database-url", url).returncode == 0
    done = tekana("audit", "--database-url", url)
    assert (done.returncode, done.stderr) == (0, "")
    plain = url.replace("postgresql://", "postgresql+asyncpg://").replace(trusted, "ssl=require")
    assert tekana("audit", "--database-url", plain).returncode == 0


async def test_connections_are_encrypted_and_have_an_application_name(tls_server: TcpPostgres) -> None:
    store = postgres_store(
        tls_server.url(more=f"?sslmode=verify-ca&sslrootcert={tls_server.authority}&application_name=w")
    )
    async with store.begin() as unit:
        await unit._connection.execute("RESET ROLE")  # the application's role may not read it
        shown = await unit._connection.fetchrow(
            "SELECT ssl, application_name FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
            " WHERE pid = pg_backend_pid()"
        )
    await store.stop()
    assert tuple(shown) == (True, "w")


async def execute(url: str, *statements: str) -> None:
    async with superuser(url) as connection:
        for statement in statements:
            await connection.execute(statement)


def test_a_database_without_a_schema_is_reported(empty_postgres_url: str) -> None:
    for name, done in run_all(
        {k: v for k, v in SHORT.items() if k != "migrate"}, "--database-url", empty_postgres_url
    ).items():
        assert_fails_with(done, "run tekana migrate", name)


def test_a_newer_schema_is_refused_by_audit_and_migrate(postgres_url: str) -> None:
    """The other commands accept it, as during an upgrade."""
    asyncio.run(execute(postgres_url, "UPDATE alembic_version SET version_num = '0999'"))
    for name in ("audit", "audit --json"):
        done = run_all({name: SHORT[name]}, "--database-url", postgres_url)[name]
        assert_fails_with(done, "and the database is at 0999: run tekana migrate, or audit with the version", name)
    done = run_all({"migrate": ("migrate",)}, "--database-url", postgres_url)["migrate"]
    assert_fails_with(done, "the database is at schema 0999, which is newer than 00", "migrate")


def test_an_older_schema_is_reported(postgres_url: str) -> None:
    asyncio.run(migrate(postgres_url, "0005"))
    for name, done in run_all(short_commands_except("migrate"), "--database-url", postgres_url).items():
        assert_fails_with(done, "the database is at schema 0005, not 00", name)


def test_a_foreign_table_with_a_name_of_tekana_is_reported(empty_postgres_url: str) -> None:
    asyncio.run(execute(empty_postgres_url, "CREATE TABLE customers (id int)"))
    done = tekana("migrate", "--database-url", empty_postgres_url)
    assert_fails_with(done, 'relation "customers" already exists', "migrate")


@pytest.fixture
def user(postgres_url: str) -> Iterator[str]:
    name = "user_without_rights"
    asyncio.run(execute(postgres_url, f"CREATE ROLE {name} LOGIN"))
    yield name
    asyncio.run(execute(postgres_url, f"DROP ROLE {name}"))


def test_a_user_without_the_grant_is_reported(postgres_url: str, user: str) -> None:
    url = make_url(postgres_url).set(username=user).render_as_string(hide_password=False)
    for name, done in run_all(SHORT, "--database-url", url).items():
        if name == "migrate":
            assert_fails_with(done, "permission denied", name)
        else:
            role = "tekana_audit_" if name.startswith("audit") else "tekana_app_"
            assert_fails_with(done, f"GRANT {role}", name)
            assert f" TO {user}" in done.stderr


def test_serve_without_the_grant_names_the_missing_grant(postgres_url: str, user: str) -> None:
    url = make_url(postgres_url).set(username=user).render_as_string(hide_password=False)
    command = [*TEKANA, "serve", "--port", str(free_port()), "--database-url", url]
    with subprocess.Popen(command, **forked(command), stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        lines = [server.stderr.readline() for _ in range(2)]
        server.terminate()
        lines += server.stderr.read().splitlines()
    assert (server.returncode, [line for line in lines if "Traceback" in line]) == (0, [])
    assert "tekana: not ready yet, serving 503 until it is: the database user has no right" in lines[1]
    assert "GRANT tekana_app_" in lines[1]


def test_serve_does_not_start_without_the_master_key(postgres_url: str, tmp_path: Path) -> None:
    async def register() -> None:
        async with session(postgres_url) as app:
            await app.execute(builders.person())
        await KeyFile(f"file://{other}").wrap(bytes(32), "a check")

    missing, other = tmp_path / "missing.json", tmp_path / "other.json"
    asyncio.run(register())
    for url, message in (
        (f"file://{missing}?existing", f"the master key cannot be read: there is no key file {missing}"),
        (f"file://{missing}", f"the master key cannot be read: there is no key file {missing}"),
        (f"file://{other}", "the master key cannot be read: there is no master key "),
    ):
        done = tekana("serve", "--port", str(free_port()), "--database-url", postgres_url, "--key-provider-url", url)
        assert_fails_with(done, message, url)
        assert len(done.stderr.splitlines()) == 2, done.stderr


def test_migrate_without_rights_is_reported(empty_postgres_url: str) -> None:
    name = "user_who_may_not_migrate"
    asyncio.run(execute(empty_postgres_url, f"CREATE ROLE {name} LOGIN"))
    try:
        url = make_url(empty_postgres_url).set(username=name).render_as_string(hide_password=False)
        done = tekana("migrate", "--database-url", url)
        assert_fails_with(done, "permission denied for schema public", "migrate")
    finally:
        asyncio.run(execute(empty_postgres_url, f"DROP ROLE {name}"))


@pytest.mark.parametrize("command", ["audit", "migrate", "demo"])
def test_a_closed_output_pipe_is_not_reported_as_a_broken_ledger(postgres_url: str, command: str) -> None:
    words = [*TEKANA, command, "--database-url", postgres_url]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.close()
        _, err = process.communicate(timeout=180)
    assert (process.returncode, err) == (2, "")


@pytest.mark.parametrize("cursor", ["999999.0", "nonsense", "1.99999"])
def test_replay_after_an_unknown_cursor_is_refused(postgres_url: str, cursor: str) -> None:
    done = run_all({"replay": ("outbox", "replay", "--after", cursor)}, "--database-url", postgres_url)["replay"]
    assert_fails_with(done, "cursor: must be a cursor that this list returned, unchanged", "replay")
