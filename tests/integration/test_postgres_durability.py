"""Confirmed commits are on disk: connections set synchronous_commit, and unsafe server settings give a warning."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tekana_postgres.embedded import EmbeddedPostgres
from tests.forked import TEKANA, forked
from tests.integration.postgres_support import superuser
from tests.postgres_data import copy_postgres_data
from tests.postgres_stores import postgres_store


@contextmanager
def server(data: Path, *, durable: bool) -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="tekana-durable-", dir="/var/tmp"))
    folder.chmod(0o755)  # so that the account PostgreSQL runs as can enter it
    try:
        copy_postgres_data(data, folder)
        with EmbeddedPostgres(folder, durable=durable) as url:
            asyncio.run(postgres_store(url).migrate())
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def durable_url(postgres_data: Path) -> Iterator[str]:
    """Return the URL of a migrated database on a server that syncs to disk."""
    with server(postgres_data, durable=True) as url:
        yield url


@pytest.fixture(scope="module")
def unsafe_url(postgres_data: Path) -> Iterator[str]:
    """Return the URL of a migrated database on a server that does not sync to disk."""
    with server(postgres_data, durable=False) as url:
        yield url


@pytest.mark.parametrize(
    ("wanted", "got"),
    [("off", "on"), ("local", "on"), ("on", "on"), ("remote_write", "remote_write"), ("remote_apply", "remote_apply")],
)
async def test_commits_are_synchronous_whatever_the_database_default(durable_url: str, wanted: str, got: str) -> None:
    async with superuser(durable_url) as connection:
        await connection.execute(f"ALTER DATABASE postgres SET synchronous_commit = {wanted}")
    store = postgres_store(durable_url)
    assert list(await store.check_ready()) == []
    async with store.begin() as unit:
        assert await unit._connection.fetchval("SHOW synchronous_commit") == got
    await store.stop()


async def test_an_unsafe_server_stays_asynchronous_and_gives_a_warning(unsafe_url: str) -> None:
    store = postgres_store(unsafe_url)
    [warning] = await store.check_ready()
    assert warning.startswith("the database runs with fsync=off, full_page_writes=off, synchronous_commit=off: ")
    async with store.begin() as unit:
        assert await unit._connection.fetchval("SHOW synchronous_commit") == "off"
    await store.stop()


def test_serve_prints_the_warning_before_it_listens(unsafe_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    words = [*TEKANA, "serve", "--port", str(port), "--database-url", unsafe_url]
    with subprocess.Popen(words, **forked(words), stderr=subprocess.PIPE, text=True) as serve:
        assert serve.stderr
        output = [serve.stderr.readline() for _ in range(3)]
        serve.send_signal(signal.SIGTERM)
        serve.communicate(timeout=60)
    assert output[1].startswith("tekana: WARNING: the database runs with fsync=off")
    assert output[2].startswith("tekana: http://")
