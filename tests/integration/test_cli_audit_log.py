"""What command-line tools change is in the audit log, and the log resists changes."""

import os
import subprocess
from pathlib import Path

import asyncpg
import pytest

import tekana
from tekana import LOCAL_OPERATOR, PageRequest
from tekana.bootstrap import Settings
from tekana.bootstrap.audit_records import record_act
from tekana.cli.migrate import _migrate
from tekana.domain.audit_log import AuditEntry
from tekana.testing.builders import person
from tekana_postgres.migrator import migrate
from tests.forked import TEKANA, forked
from tests.integration.postgres_support import some_history, superuser


async def entries(url: str) -> tuple[AuditEntry, ...]:
    async with tekana.connect(url) as app:
        return (await app.as_caller(LOCAL_OPERATOR).audit_log.list(PageRequest(100))).items


def run_tekana(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command `tekana` on a database."""
    command = (*TEKANA, *arguments)
    variables = {**os.environ, "TEKANA_DATABASE_URL": url}
    return subprocess.run(command, **forked(command, variables), capture_output=True, text=True, check=False)


async def _ledger_in_use_at_an_earlier_revision(url: str) -> None:
    await migrate(url)
    async with tekana.connect(url) as app:
        await some_history(app.as_caller(LOCAL_OPERATOR))
    await migrate(url, "0019")


async def test_a_migration_is_recorded_with_a_link(empty_postgres_url: str) -> None:
    await _ledger_in_use_at_an_earlier_revision(empty_postgres_url)
    assert (await _migrate(Settings.from_environment(given={"database_url": empty_postgres_url})))[0] == "up 0020"
    *_, entry = await entries(empty_postgres_url)
    assert (entry.action, entry.outcome, entry.subject, entry.address) == ("MigrateSchema", "done", "local", None)
    assert await _migrate(Settings.from_environment(given={"database_url": empty_postgres_url})) == []
    registered = ["RegisterCustomer"] * 2
    assert [one.action for one in await entries(empty_postgres_url)] == [*registered, "MigrateSchema", "ReadAuditLog"]
    whole = run_tekana(empty_postgres_url, "audit", "--chain")
    assert whole.returncode == 0, whole.stdout


async def test_a_migration_without_the_key_is_not_recorded(
    empty_postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await _ledger_in_use_at_an_earlier_revision(empty_postgres_url)
    elsewhere = {"database_url": empty_postgres_url, "key_provider_url": f"file://{tmp_path}/keys.json"}
    assert (await _migrate(Settings.from_environment(given=elsewhere)))[0] == "up 0020"
    assert "the migration is not in the audit log: there is no key file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert {one.action for one in await entries(empty_postgres_url)} == {"RegisterCustomer"}


async def test_a_new_database_is_whole_and_has_no_key_yet(empty_postgres_url: str) -> None:
    """Its migration is not recorded: the key of links belongs to the machine that serves."""
    assert await _migrate(Settings.from_environment(given={"database_url": empty_postgres_url})) != []
    async with superuser(empty_postgres_url) as connection:
        assert await connection.fetchval("SELECT count(*) FROM data_keys") == 0
    assert await entries(empty_postgres_url) == ()
    whole = run_tekana(empty_postgres_url, "audit", "--chain")
    assert whole.returncode == 0, whole.stdout


async def test_acts_without_a_command_are_recorded(postgres_url: str) -> None:
    async with tekana.connect(postgres_url) as app:
        await record_act(app._store, "RotateMasterKey")  # type: ignore[arg-type]
    assert [one.action for one in await entries(postgres_url)] == ["RotateMasterKey"]
    whole = run_tekana(postgres_url, "audit", "--chain")
    assert whole.returncode == 0, whole.stdout


@pytest.mark.parametrize(
    ("arguments", "action"),
    [
        (("history", "seal"), "SealHistory"),
        (("outbox", "redrive"), "RetryParkedEvents"),
        (("outbox", "replay"), "ReplayEvents"),
        (("outbox", "drop", "--older-than", "0"), "DropEvents"),
    ],
)
async def test_what_an_operator_does_on_the_database_is_recorded(
    postgres_url: str, arguments: tuple[str, ...], action: str
) -> None:
    async with tekana.connect(postgres_url) as app:
        await app.as_caller(LOCAL_OPERATOR).execute(person())
    done = run_tekana(postgres_url, *arguments)
    assert done.returncode == 0, done.stderr
    entry = (await entries(postgres_url))[1]
    assert (entry.action, entry.outcome, entry.subject, entry.address) == (action, "done", "local", None)
    whole = run_tekana(postgres_url, "audit", "--chain")
    assert whole.returncode == 0, whole.stdout


async def test_entries_cannot_be_changed_or_removed(postgres_url: str) -> None:
    async with tekana.connect(postgres_url) as app:
        await app.as_caller(LOCAL_OPERATOR).execute(person())
    before = await entries(postgres_url)
    assert len(before) == 1
    async with superuser(postgres_url) as connection:
        for statement in (
            "UPDATE audit_log SET subject = 'another'",
            "DELETE FROM audit_log",
            "TRUNCATE audit_log",
        ):
            with pytest.raises(asyncpg.PostgresError):
                await connection.execute(statement)
        rights = await connection.fetch(
            "SELECT DISTINCT privilege_type FROM information_schema.role_table_grants "
            "WHERE table_name = 'audit_log' AND grantee LIKE 'tekana_app%' ORDER BY 1"
        )
        assert [row[0] for row in rights] == ["INSERT", "SELECT"]
    assert (await entries(postgres_url))[0] == before[0]
