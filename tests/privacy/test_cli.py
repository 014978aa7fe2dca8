"""`tekana secrets rotate-customer-keys` and `tekana secrets decrypt`, as an operator runs them."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

import tekana
from tekana import LOCAL_OPERATOR, PageRequest, Settings
from tekana.domain.audit_log import AuditEntry
from tekana.testing.contracts.erasure import CANARY
from tests.forked import TEKANA, forked
from tests.integration.postgres_support import superuser

PATIENCE_SECONDS = 60.0
_ROTATIONS = "SELECT count(*) FROM data_keys WHERE purpose = 'customers' AND retired_at IS NOT NULL"


@pytest.fixture
def settings(postgres_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=postgres_url, key_provider_url=f"file://{tmp_path}/keys.json")


def _variables(settings: Settings) -> dict[str, str]:
    urls = {"TEKANA_DATABASE_URL": settings.database_url, "TEKANA_KEY_PROVIDER_URL": settings.key_provider_url}
    return {**os.environ, **{name: str(url) for name, url in urls.items()}}


def run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command tekana."""
    command = (*TEKANA, *arguments)
    return subprocess.run(command, **forked(command, _variables(settings)), capture_output=True, text=True, check=False)


async def entries(settings: Settings, action: str) -> list[AuditEntry]:
    async with tekana.connect(settings) as app:
        found = (await app.as_caller(LOCAL_OPERATOR).audit_log.list(PageRequest(100))).items
    return [one for one in found if one.action == action]


async def count(settings: Settings, query: str) -> int:
    async with superuser(str(settings.database_url)) as connection:
        return int(await connection.fetchval(query))


async def test_a_rotation_that_is_killed_is_completed_and_recorded_with_a_link(settings: Settings) -> None:
    async with tekana.connect(settings) as app:
        known = await app.as_caller(LOCAL_OPERATOR).execute(CANARY, key="registration")
    command = (*TEKANA, "secrets", "rotate-customer-keys")
    process = await asyncio.create_subprocess_exec(*command, **forked(command, _variables(settings)))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await count(settings, _ROTATIONS):  # afterwards it waits for the other processes
            assert process.returncode is None
            await asyncio.sleep(0.1)
    process.kill()
    await process.wait()
    assert await entries(settings, "RotateCustomerKeys") == []
    async with superuser(str(settings.database_url)) as connection:
        await connection.execute("UPDATE data_keys SET created_at = created_at - interval '2 minutes'")
    completed = run(settings, "secrets", "rotate-customer-keys")
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout == "tekana: the keys of 1 customers were encrypted with a new data key\n"
    assert completed.stderr == "tekana: 1 keys of customers\n"
    assert await count(settings, _ROTATIONS) == 1
    async with tekana.connect(settings) as app:
        assert await app.as_caller(LOCAL_OPERATOR).execute(CANARY, key="registration") == known
    [entry] = await entries(settings, "RotateCustomerKeys")
    assert (entry.outcome, entry.subject, entry.kind, entry.address) == ("done", "local", "operator", None)
    whole = run(settings, "audit", "--chain")
    assert whole.returncode == 0, whole.stdout
    async with superuser(str(settings.database_url)) as connection:
        await connection.execute("ALTER TABLE audit_log DISABLE TRIGGER append_only")
        await connection.execute("DELETE FROM audit_log WHERE action = 'RotateCustomerKeys'")
    assert run(settings, "audit", "--chain").returncode == 1


def test_a_rotation_without_the_key_file_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    assert run(settings, "demo").returncode == 0
    (tmp_path / "keys.json").rename(tmp_path / "elsewhere.json")
    refused = run(settings, "secrets", "rotate-customer-keys")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "there is no key file" in refused.stderr
    assert "Traceback" not in refused.stderr


async def test_a_decryption_is_recorded_before_it_begins(settings: Settings) -> None:
    async with tekana.connect(settings) as app:
        await app.as_caller(LOCAL_OPERATOR).execute(CANARY)
    done = run(settings, "secrets", "decrypt")
    assert done.returncode == 0, done.stderr
    assert run(settings, "migrate").returncode == 0
    [entry] = await entries(settings, "DecryptSecrets")
    assert (entry.outcome, entry.subject) == ("done", "local")
    whole = run(settings, "audit", "--chain")
    assert whole.returncode == 0, whole.stdout
