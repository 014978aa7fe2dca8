"""The `tekana` command, run as an operator does: real processes, real signals, a real database."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tekana.application.audit.checks import INVARIANTS
from tests.environment import environment as clean_environment
from tests.forked import TEKANA, forked
from tests.integration.postgres_support import superuser
from tests.integration.test_postgres_schema import STEPS
from tests.postgres_data import copy_postgres_data
from tests.serving import free_port, http

HERE = Path(__file__).parent


def tekana(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = clean_environment() | environment
    command = [*TEKANA, *arguments]
    return subprocess.run(command, **forked(command, variables), capture_output=True, text=True, check=False)


def audit_objects(url: str) -> list[dict[str, Any]]:
    """Return the output of `tekana audit --json`."""
    return [json.loads(line) for line in tekana("audit", "--json", "--database-url", url).stdout.splitlines()]


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tekana-cli-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def with_data(folder: Path, postgres_data: Path) -> None:
    """Put data that were created before into the folder."""
    copy_postgres_data(postgres_data, folder)


@pytest.fixture
def port() -> int:
    return free_port()


def wait_until_served(end: float, url: str) -> None:
    while time.monotonic() < end:
        try:
            if http.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"{url} did not start")


def processes_in(folder: Path) -> list[str]:
    """Return the command lines of all processes that name the folder or have it as working directory."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and process.name != str(os.getpid()):
            try:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if str(folder) in command or str((process / "cwd").readlink()).startswith(str(folder)):
                    found.append(command)
            except OSError:
                continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_keeps_its_data_and_stops_all_processes(
    folder: Path, port: int, number: signal.Signals, workers: str
) -> None:
    url = f"http://127.0.0.1:{port}"
    command = [*TEKANA, "serve", "--port", str(port), "--data-dir", str(folder), "--workers", workers]
    person = {"full_name": "Aline Uwase", "email": "aline@example.com", "phone_number": "+250788000101"}
    answers = []
    for _ in range(2):
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, **forked(command), **pipes, text=True) as server:
            wait_until_served(time.monotonic() + 240, f"{url}/health/ready")
            same = http.post(f"{url}/v1/customers", json=person, headers={"Idempotency-Key": "one"})
            answers.append((same.status_code, same.text))
            server.send_signal(number)
            server.send_signal(number)  # a second signal while it stops
            out, err = server.communicate(timeout=60)
        assert (server.returncode, out) == (0, "")
        assert err.splitlines()[-1] == "tekana: stopped"
        assert "Traceback" not in err
        assert processes_in(folder) == []
    assert answers[0] == answers[1]
    assert answers[0][0] == 201


@pytest.mark.usefixtures("with_data")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_access_log_is_printed(folder: Path, port: int, workers: str) -> None:
    command = [*TEKANA, "serve", "--port", str(port), "--data-dir", str(folder), "--workers", workers]
    command += ["--access-log", "1"]
    with subprocess.Popen(command, **forked(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        wait_until_served(time.monotonic() + 240, f"http://127.0.0.1:{port}/health/ready")
        for number in range(20):
            http.get(f"http://127.0.0.1:{port}/v1/wallets?limit=1", headers={"X-Request-ID": f"request-{number}"})
        server.terminate()
        out, _ = server.communicate(timeout=60)
    lines = [json.loads(line) for line in out.splitlines()]
    ours = sorted(line["request_id"] for line in lines if line["route"] == "/v1/wallets")
    assert ours == sorted(f"request-{number}" for number in range(20))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_reports_a_port_in_use_before_it_starts_a_database(folder: Path, workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = tekana("serve", "--port", port, "--data-dir", str(folder), "--workers", workers)
    assert done.returncode == 1
    assert f"tekana: cannot listen on 127.0.0.1:{port}: Address already in use" in done.stderr.splitlines()
    assert "Traceback" not in done.stderr
    assert processes_in(folder) == []
    assert list(folder.iterdir()) == []


def test_serve_releases_its_port_if_the_database_does_not_start(folder: Path, port: int) -> None:
    (folder / "postgres-18").write_text("a file where a folder has to be")
    done = tekana("serve", "--port", str(port), "--data-dir", str(folder))
    assert done.returncode == 2
    assert "Ctrl-C stops" not in done.stderr
    socket.create_server(("127.0.0.1", port)).close()


def test_serve_without_a_database_returns_503_without_secrets(port: int) -> None:
    command = [*TEKANA, "serve", "--port", str(port), "--database-url", "postgresql://who:secret@127.0.0.1:1/none"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **forked(command), **pipes, text=True) as server:
        wait_until_served(time.monotonic() + 240, f"http://127.0.0.1:{port}/health/live")
        answer = http.get(f"http://127.0.0.1:{port}/health/ready")
        wallets = http.get(f"http://127.0.0.1:{port}/v1/wallets")
        server.terminate()
        _, err = server.communicate(timeout=60)
    assert (answer.status_code, wallets.status_code) == (503, 503)
    assert "retry-after" in answer.headers
    assert "retry-after" in wallets.headers
    for text in (err, answer.text, wallets.text):
        assert "secret" not in text
    assert "not ready yet" in err


def test_the_demo_prints_its_steps() -> None:
    done = tekana("demo")
    assert (done.returncode, done.stderr) == (0, "")
    seconds = re.compile(r"\d\.\d\d s")
    assert seconds.sub("T", done.stdout) == seconds.sub("T", (HERE / "demo.out").read_text())


def test_the_demo_run_again_on_a_database_changes_nothing(postgres_url: str) -> None:
    first, second = (tekana("demo", TEKANA_DATABASE_URL=postgres_url) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0)
    audits = [
        json.loads(line) for line in tekana("audit", "--json", "--database-url", postgres_url).stdout.splitlines()
    ]
    assert {one["number"]: one["checked"] for one in audits}[
        1
    ] == 6  # a deposit, a transfer, a refusal, a hold, a capture and a reversal, each once


def test_audit_exits_with_0_when_whole_and_1_when_broken(postgres_url: str) -> None:
    tekana("demo", "--database-url", postgres_url)
    whole = tekana("audit", "--database-url", postgres_url)
    assert (whole.returncode, whole.stderr) == (0, "")
    assert whole.stdout.endswith("tekana: the ledger is whole\n")
    assert len(whole.stdout.splitlines()) == len(INVARIANTS) + 2  # that of the schema, and the summary

    async def plant() -> None:
        async with superuser(postgres_url) as connection:
            await connection.execute("UPDATE wallets SET ledger_balance = ledger_balance + 1 WHERE house IS NULL")

    asyncio.run(plant())
    broken = tekana("audit", "--database-url", postgres_url)
    assert broken.returncode == 1
    assert "FAIL   2  balances are the sum of the entries" in broken.stdout
    assert broken.stdout.endswith("tekana: 2 invariants are broken\n")
    objects = [
        json.loads(line) for line in tekana("audit", "--json", "--database-url", postgres_url).stdout.splitlines()
    ]
    assert [one["number"] for one in objects if not one["whole"]] == [2, 21]


@pytest.mark.parametrize("verb", ["audit", "migrate"])
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql+asyncpg://who:secret@127.0.0.1:1/none", "cannot be reached"),
        ("mongodb://127.0.0.1/none", "no adapter for 'mongodb' is installed"),
        ("nonsense", "must be a URL"),
    ],
)
def test_an_unusable_url_exits_with_2_and_one_line(verb: str, url: str, message: str) -> None:
    done = tekana(verb, "--database-url", url)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "secret" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_audit_of_a_database_without_a_schema_exits_with_2(empty_postgres_url: str) -> None:
    done = tekana("audit", "--database-url", empty_postgres_url)
    assert (done.returncode, done.stdout) == (2, "")
    assert "tekana migrate" in done.stderr


def test_audit_of_a_folder_without_data_exits_with_2(folder: Path) -> None:
    done = tekana("audit", "--data-dir", str(folder))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"tekana: there are no data in {folder}\n"
    assert list(folder.iterdir()) == []


def test_migrate_prints_each_migration(empty_postgres_url: str) -> None:
    outputs = [tekana("migrate", "--database-url", empty_postgres_url).stdout for _ in range(2)]
    assert outputs == [
        "".join(f"tekana: migrated up {step}\n" for step in STEPS),
        "tekana: the schema is the newest already\n",
    ]


@pytest.mark.parametrize("where", [("--database-url", "memory://"), ("--data-dir", "/var/tmp/missing-data-dir")])
def test_a_replica_is_refused_for_memory_and_embedded_postgresql(where: tuple[str, str]) -> None:
    done = tekana("serve", *where, "--read-database-url", "postgresql://127.0.0.1:1/none")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "read_database_url: cannot be given with " in done.stderr
    assert not Path("/var/tmp/missing-data-dir").exists()


def test_other_commands_ignore_the_replica(postgres_url: str) -> None:
    nowhere = {"TEKANA_READ_DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    assert tekana("demo", **nowhere).returncode == 0
    for verb in ("migrate", "demo", "audit"):
        done = tekana(verb, "--database-url", postgres_url, **nowhere)
        assert (done.returncode, done.stderr) == (0, ""), verb
