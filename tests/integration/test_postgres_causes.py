"""Causes of database failures are reported to the operator and never to clients."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from sqlalchemy import make_url

import tekana
from tekana_litestar import create_app
from tekana_postgres.embedded import EmbeddedPostgres
from tests.integration.http_support import assert_problem, client_of, started_app
from tests.integration.postgres_support import superuser
from tests.keys import BEARER
from tests.postgres_data import copy_postgres_data
from tests.postgres_stores import postgres_store


@pytest.fixture(scope="module")
def server(postgres_data: Path) -> Iterator[str]:
    """Yield the URL of a server that requires a password from the role `asked`."""
    folder = Path(tempfile.mkdtemp(prefix="tekana-causes-", dir="/var/tmp"))
    folder.chmod(0o755)  # so that the account PostgreSQL runs as can enter it
    try:
        copy_postgres_data(postgres_data, folder)
        with EmbeddedPostgres(folder, durable=False) as url:
            asyncio.run(ask_for_a_password(url))
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def ask_for_a_password(url: str) -> None:
    async with superuser(url) as connection:
        await connection.execute("CREATE ROLE asked LOGIN PASSWORD 'right'")
        rules = Path(await connection.fetchval("SHOW hba_file"))
        rules.write_text("local all asked scram-sha-256\n" + rules.read_text())
        await connection.execute("SELECT pg_reload_conf(), pg_sleep(0.5)")


def with_parts(url: str, **parts: object) -> str:
    return make_url(url).set(**parts).render_as_string(hide_password=False)  # type: ignore[arg-type]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


async def cause(url: str, log: pytest.LogCaptureFixture) -> str:
    """Return the cause that the operator sees in the message and in the log."""
    store = postgres_store(url)
    with pytest.raises(tekana.Unavailable, match="the database cannot be reached now: ") as raised:
        await store.check_ready()
    await store.stop()
    assert raised.value.__cause__ is not None
    message = str(raised.value).partition("now: ")[2]
    assert message in log.text
    return message


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        ({"username": "asked", "password": "wrong"}, 'password authentication failed for user "asked"'),
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
        ({"username": "unknown_role"}, 'role "unknown_role" does not exist'),
        ({"host": "no-such-host.invalid", "port": 5432, "query": {}}, "Errno"),
        ({"host": "127.0.0.1", "port": closed_port(), "query": {}}, "Connect call failed"),
    ],
    ids=["password", "database", "role", "host", "port"],
)
async def test_the_operator_sees_the_cause(
    server: str, caplog: pytest.LogCaptureFixture, parts: dict[str, object], shown: str
) -> None:
    caplog.clear()
    reset_the_log_limit()
    message = await cause(with_parts(server, **parts), caplog)
    assert shown in message
    assert "wrong" not in message


def reset_the_log_limit() -> None:
    from tekana_postgres import connections  # noqa: PLC0415 - private, and only here

    connections._causes.__init__()  # type: ignore[misc]


@asynccontextmanager
async def tls_server(certificate: trustme.LeafCert) -> AsyncIterator[int]:
    """Run a server that starts TLS like PostgreSQL, with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    async def begin_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"S")
        await writer.drain()
        try:
            await writer.start_tls(context)
        except (ssl.SSLError, ConnectionError):
            writer.close()

    listening = await asyncio.start_server(begin_tls, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def test_an_untrusted_certificate_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    reset_the_log_limit()
    trusted = tmp_path / "trusted.pem"
    trustme.CA().cert_pem.write_to_path(trusted)
    async with tls_server(trustme.CA().issue_cert("127.0.0.1")) as port:
        url = f"postgresql+asyncpg://someone@127.0.0.1:{port}/x?sslmode=verify-full&sslrootcert={trusted}"
        assert "certificate verify failed" in await cause(url, caplog)


async def test_a_client_never_sees_the_cause(server: str) -> None:
    url = with_parts(server, username="asked", password="wrong")  # noqa: S106
    async with started_app(create_app(url)) as app, client_of(app) as client:
        move = {"type": "deposit", "wallet_id": "019a0000-0000-7000-8000-000000000000", "amount": "1"}
        answers = [
            await client.get("/health/ready", headers=BEARER),
            await client.get("/v1/customers", headers=BEARER),
            await client.post(
                "/v1/transactions", json={**move, "currency": "RWF"}, headers={"Idempotency-Key": "a key", **BEARER}
            ),
        ]
    for answer in answers:
        assert_problem(answer, 503, "unavailable")
        assert "asked" not in answer.text
        assert "authentication" not in answer.text


async def test_the_cause_of_many_failures_is_logged_once(server: str, caplog: pytest.LogCaptureFixture) -> None:
    reset_the_log_limit()
    store = postgres_store(with_parts(server, username="asked", password="wrong"))  # noqa: S106
    for _ in range(20):
        with pytest.raises(tekana.Unavailable):
            await store.check_ready()
    await store.stop()
    assert (
        caplog.text.count("password authentication failed") == 2
    )  # in one line: once in the message, once as the cause
