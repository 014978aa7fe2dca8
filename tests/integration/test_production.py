"""Production refuses to start with what is not safe there: each refusal, by a process, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import asyncpg
import httpx
import pytest

from tekana import Settings, connect
from tekana.bootstrap.production import UnsafeForProduction
from tekana_litestar import create_app
from tekana_postgres.migrator import migrate
from tests.environment import KEY_PROVIDER
from tests.forked import TEKANA, forked
from tests.integration.tcp_postgres import PASSWORD, TcpPostgres, tcp_postgres, wheel_programs
from tests.serving import free_port, http

SERVER = "wallet_server"
SERVER_PASSWORD = "s3cret-of-the-server"  # noqa: S105 - of a server that ends with its test
METRICS_TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of a server that ends with its test
ISSUER: dict[str, Any] = {"token_issuer": "https://wallets.example", "token_audience": "https://wallets.example"}
COMMANDS = {
    "serve": ("serve",),
    "relay": ("relay", "--bus-url", "kafka://127.0.0.1:1"),
    "webhooks": ("webhooks",),
}


class Databases(NamedTuple):
    """A server with two databases: `wallets`, which is migrated, and `empty`."""

    server: TcpPostgres

    @property
    def safe(self) -> str:
        return self.as_user("")

    def as_user(self, user: str, database: str = "wallets") -> str:
        return self.server.url(user or SERVER, PASSWORD if user else SERVER_PASSWORD, database)


@pytest.fixture(scope="module")
def databases() -> Iterator[Databases]:
    with tcp_postgres(wheel_programs(), tls=False, durable=True) as server:
        asyncio.run(_prepare(server))
        yield Databases(server)


async def _prepare(server: TcpPostgres) -> None:
    await execute(
        server.url(),
        f"CREATE ROLE {SERVER} LOGIN PASSWORD '{SERVER_PASSWORD}'",
        f"CREATE ROLE owner LOGIN PASSWORD '{PASSWORD}'",
        f"CREATE ROLE changer LOGIN PASSWORD '{PASSWORD}'",
        "CREATE ROLE tekana_app_wallets",
        "CREATE DATABASE wallets OWNER owner",
        "CREATE DATABASE empty",
    )
    await migrate(server.url("owner", PASSWORD, "wallets"))
    await execute(
        server.url(database="wallets"),
        f"GRANT tekana_app_wallets TO {SERVER}, changer",
        "GRANT DELETE ON entries TO changer",
    )


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def tekana(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [*TEKANA, *arguments]
    options = forked(command, environment(variables))
    return subprocess.run(command, **options, capture_output=True, text=True, check=False, timeout=120)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name == KEY_PROVIDER or not name.startswith("TEKANA_")}
    issuer = {f"TEKANA_{name.upper()}": value for name, value in ISSUER.items()}
    return kept | {"TEKANA_ENV": "production"} | issuer | variables


def assert_refused(done: subprocess.CompletedProcess[str], *lines: str) -> None:
    expected = [f"tekana: refused in production: {line}" for line in lines]
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (2, "", expected)


LONG_URL = "postgresql://u:0123456789abcdef@"
OWN_NAME = "must be set, so that no token of another installation is accepted here"
SETTINGS = {
    "docs": ({"TEKANA_DOCS": "on"}, "docs: must be off: the page would be open to everyone"),
    "wildcard CORS": (
        {"TEKANA_CORS_ORIGINS": "https://a.example, *"},
        "cors_origins: must name exact origins: * lets every page in a browser send requests",
    ),
    "keys in memory": (
        {"TEKANA_KEY_PROVIDER_URL": "memory://"},
        "key_provider_url: must be that of a file: memory:// loses the master keys when it stops",
    ),
    "proxies that are not known": (
        {"TEKANA_TLS_BY_PROXY": "1"},
        "trusted_proxies: is missing: with tls_by_proxy, all callers would share the rate limit of the proxy's address",
    ),
    "a short token": ({"TEKANA_METRICS_TOKEN": "0123456789abcdef"}, "metrics_token: is shorter than 32 characters"),
    "a simple token": ({"TEKANA_METRICS_TOKEN": "a" * 40}, "metrics_token: has fewer than 8 different characters"),
    "the default issuer": ({"TEKANA_TOKEN_ISSUER": "tekana"}, f"token_issuer: {OWN_NAME}"),
    "no audience": ({"TEKANA_TOKEN_AUDIENCE": ""}, f"token_audience: {OWN_NAME}"),
    "one-time codes in the log": (
        {"TEKANA_MESSAGE_SENDER": "console://"},
        "message_sender: must be a sender of SMS or email: one-time codes would be readable in a log or a file",
    ),
    "HTTP in clear": (
        {"TEKANA_HOST": "0.0.0.0"},  # noqa: S104 - refused
        "tls_cert: is missing: HTTP at 0.0.0.0 would not be encrypted (or set tls_by_proxy)",
    ),
    "the server of tekana": (
        {"TEKANA_DATABASE_URL": "embedded:///var/tmp/none"},
        "database_url: must be that of a PostgreSQL of your own, not of the one tekana starts",
    ),
    "memory": (
        {"TEKANA_DATABASE_URL": "memory://"},
        "database_url: must be that of a database: memory:// loses everything when it stops",
    ),
    "a short password": (
        {"TEKANA_DATABASE_URL": "postgresql://u:local@127.0.0.1:1/x"},
        "database_url: has a password that is shorter than 16 characters",
    ),
    "a remote database in clear": (
        {"TEKANA_DATABASE_URL": f"{LONG_URL}db.example/x"},
        "database_url: must have sslmode=verify-full and sslrootcert for db.example, not sslmode=prefer",
    ),
    "a remote database without verification": (
        {"TEKANA_DATABASE_URL": f"{LONG_URL}127.0.0.1,10.1.2.3:5433/x?sslmode=require"},
        "database_url: must have sslmode=verify-full and sslrootcert for 10.1.2.3, not sslmode=require",
    ),
    "a remote replica in clear": (
        {"TEKANA_READ_DATABASE_URL": f"{LONG_URL}replica.example/x"},
        "read_database_url: must have sslmode=verify-full and sslrootcert for replica.example, not sslmode=prefer",
    ),
    "a remote broker in clear": ({"TEKANA_BUS_URL": "kafka://kafka:9092"}, "bus_url: has no TLS to kafka:9092"),
}


@pytest.mark.parametrize(("variables", "line"), SETTINGS.values(), ids=SETTINGS.keys())
def test_each_setting_is_refused_with_a_line_that_names_it(
    databases: Databases, variables: dict[str, str], line: str
) -> None:
    given = {"TEKANA_DATABASE_URL": databases.safe, "TEKANA_PORT": str(free_port())} | variables
    assert_refused(tekana("serve", **given), line)


def test_debugging_is_refused(databases: Databases) -> None:
    for variable in ("PYTHONASYNCIODEBUG", "PYTHONDEVMODE"):
        done = tekana("serve", TEKANA_DATABASE_URL=databases.safe, **{variable: "1"})
        lines = [line for line in done.stderr.splitlines() if line.startswith("tekana: ")]  # the others are debugging's
        assert (done.returncode, len(lines)) == (2, 1), done.stderr
        assert lines[0].startswith(f"tekana: refused in production: {variable}: must not be set"), lines


def test_several_faults_get_a_line_each(databases: Databases) -> None:
    done = tekana("serve", TEKANA_DATABASE_URL="memory://", TEKANA_DOCS="on", TEKANA_CORS_ORIGINS="*")
    assert_refused(done, *(SETTINGS[name][1] for name in ("docs", "wildcard CORS", "memory")))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_runs_for_long_refuses(name: str) -> None:
    done = tekana(*COMMANDS[name], "--env", "production", TEKANA_ENV="", TEKANA_DATABASE_URL="memory://")
    assert_refused(done, SETTINGS["memory"][1])


@pytest.mark.parametrize("role", ["gateway", "transaction"])
def test_every_role_refuses(role: str) -> None:
    variables = {"TEKANA_BUS_URL": "kafka://kafka:9092", "TEKANA_BUS_SECRET": "a" * 32}
    done = tekana("serve", "--role", role, TEKANA_DATABASE_URL="memory://", **variables)
    simple = "bus_secret: has fewer than 8 different characters"
    database = () if role == "gateway" else (SETTINGS["memory"][1],)
    assert_refused(done, simple, *database, SETTINGS["a remote broker in clear"][1])


USERS = {
    "postgres": "database_url: has the superuser postgres, who may change history",
    "owner": "database_url: has the user owner, who owns the tables and may change history",
    "changer": "database_url: has the user changer, who may change the history in entries",
}


@pytest.mark.parametrize("user", USERS)
def test_a_user_who_may_change_history_is_refused(databases: Databases, user: str) -> None:
    assert_refused(tekana("serve", TEKANA_DATABASE_URL=databases.as_user(user)), USERS[user])


def test_an_unmigrated_schema_is_refused(databases: Databases) -> None:
    done = tekana("serve", TEKANA_DATABASE_URL=databases.as_user("changer", "empty"))
    line = "database_url: names a database that is not migrated: the database is at schema none, not "
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert done.stderr.startswith(f"tekana: refused in production: {line}")
    assert done.stderr.endswith(": run tekana migrate\n")


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_a_server_that_is_not_durable_is_refused(databases: Databases, setting: str) -> None:
    url = databases.server.url(database="wallets")
    asyncio.run(execute(url, f"ALTER SYSTEM SET {setting} = off", "SELECT pg_reload_conf()"))
    try:
        done = tekana("serve", TEKANA_DATABASE_URL=databases.safe)
        assert_refused(done, f"{setting}: is off in the database: a power failure may lose money that was confirmed")
    finally:
        asyncio.run(execute(url, f"ALTER SYSTEM RESET {setting}", "SELECT pg_reload_conf()"))


def test_a_server_that_cannot_be_checked_hides_no_other_fault() -> None:
    done = tekana("serve", TEKANA_DATABASE_URL=f"{LONG_URL}127.0.0.1:1/x", TEKANA_DOCS="on")
    lines = [line for line in done.stderr.splitlines() if "refused in production" in line]
    assert (done.returncode, lines) == (2, [f"tekana: refused in production: {SETTINGS['docs'][1]}"])


def test_a_database_that_cannot_be_checked_is_refused(databases: Databases) -> None:
    done = tekana("serve", TEKANA_DATABASE_URL=f"{LONG_URL}127.0.0.1:1/x")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("tekana: the database cannot be reached now: ")  # after the log


def test_the_audit_works_on_what_production_refuses(databases: Databases) -> None:
    done = tekana("audit", TEKANA_DATABASE_URL=databases.as_user("postgres"), TEKANA_DOCS="on")
    assert "table entries: changer has the right to DELETE\ntekana: 1 invariant is broken\n" in done.stdout, done


@contextlib.contextmanager
def served(databases: Databases, *arguments: str, **variables: str) -> Iterator[str]:
    """Run `tekana serve` in production until the context ends; yield its address once it is ready."""
    port = free_port()
    variables = {"TEKANA_DATABASE_URL": databases.safe, "TEKANA_PORT": str(port)} | variables
    command = [*TEKANA, "serve", *arguments]
    options = forked(command, environment(variables))
    process = subprocess.Popen(command, **options, stderr=subprocess.PIPE, text=True)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_until_ready(process, address)
        yield address
        process.send_signal(signal.SIGTERM)
        _, output = process.communicate(timeout=60)
        assert (process.returncode, "WARNING" in output) == (0, False), output
    finally:
        process.kill()
        process.communicate()


def _wait_until_ready(process: subprocess.Popen[str], address: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if http.get(f"{address}/health/ready").status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError(process.communicate()[1] if process.poll() is not None else "not ready")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_is_safe_starts_without_docs_and_metrics(databases: Databases, workers: str) -> None:
    with served(databases, "--workers", workers, "--tls-by-proxy", "--trusted-proxies", "127.0.0.1") as address:
        key = tekana("keys", "create", "--name", "a", "--role", "operator", TEKANA_DATABASE_URL=databases.safe)
        bearer = {"Authorization": f"Bearer {key.stdout.strip()}"}
        for path in ("/", "/api", "/api/openapi.json", "/api/page.js", "/metrics"):
            answers = (http.get(f"{address}{path}", headers=headers).status_code for headers in ({}, bearer))
            assert tuple(answers) == (401, 404), (path, key)  # paths that do not exist need a credential, too
        answer = http.get(f"{address}/health/ready")
        assert answer.json() == {"status": "ready"}
        assert answer.headers["strict-transport-security"] == "max-age=63072000; includeSubDomains"


def test_metrics_in_production_require_the_token(databases: Databases) -> None:
    with served(databases, TEKANA_METRICS_TOKEN=METRICS_TOKEN) as address:
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": METRICS_TOKEN}):
            refused = http.get(f"{address}/metrics", headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
            assert refused.headers["www-authenticate"] == "Bearer"
        answer = http.get(f"{address}/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
        assert (answer.status_code, "tekana_ready 1.0" in answer.text) == (200, True)


async def test_the_app_refuses_too(databases: Databases) -> None:
    with pytest.raises(UnsafeForProduction, match="docs: must be off"):
        create_app(Settings(env="production", docs="on"))
    with pytest.raises(UnsafeForProduction, match=r"token_issuer: must be set, .* token_audience: must be set"):
        create_app(Settings(env="production", database_url=databases.safe))
    app = create_app(Settings(**ISSUER, env="production", database_url=databases.as_user("postgres")))
    with pytest.raises(ExceptionGroup) as refused:  # of Litestar's task group
        async with app.lifespan():
            pass
    assert refused.group_contains(UnsafeForProduction, match="has the superuser postgres")
    with pytest.raises(UnsafeForProduction, match="has the superuser postgres"):
        async with connect(Settings(env="production", database_url=databases.as_user("postgres"))):
            pass
