"""`tekana audit --chain`, `tekana history` and the checkpoints of `tekana serve`, as an operator runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tekana.testing.session import session
from tekana_keyfile import KeyFile
from tests.forked import TEKANA, forked
from tests.integration.history_support import tamper
from tests.integration.postgres_support import some_history
from tests.postgres_stores import postgres_store
from tests.serving import free_port

FILE = "checkpoints.jsonl"


@pytest.fixture
def key_url(tmp_path: Path) -> str:
    return f"file://{tmp_path}/keys.json"


def tekana(url: str, key_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "TEKANA_DATABASE_URL": url, "TEKANA_KEY_PROVIDER_URL": key_url}
    command = [*TEKANA, *arguments]
    return subprocess.run(command, **forked(command, variables), capture_output=True, text=True, check=False)


async def test_a_ledger_is_sealed_served_verified_and_tampered_with(
    postgres_url: str, key_url: str, tmp_path: Path
) -> None:
    checkpoints = ("--checkpoint-file", str(tmp_path / FILE))
    store = postgres_store(postgres_url, key_provider=lambda: KeyFile(key_url))
    async with session(store=store) as app:  # as of an earlier release: without links
        await some_history(app)
    unsealed = tekana(postgres_url, key_url, "audit", "--chain")
    assert unsealed.returncode == 1
    assert "FAIL  17  every row of history is in a link" in unsealed.stdout

    sealed = tekana(postgres_url, key_url, "history", "seal")
    assert (sealed.returncode, sealed.stdout) == (0, "tekana: 4 transactions were sealed\n")
    again = tekana(postgres_url, key_url, "history", "seal")
    assert (again.returncode, again.stdout) == (2, "")
    assert "history was sealed before" in again.stderr

    assert tekana(postgres_url, key_url, "demo").returncode == 0
    done = tekana(postgres_url, key_url, "history", "checkpoint", *checkpoints)
    assert (done.returncode, done.stdout) == (0, "tekana: the last checkpoint is number 1\n")

    whole = tekana(postgres_url, key_url, "audit", "--chain", *checkpoints)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert whole.stdout.splitlines()[-1] == "tekana: the ledger is whole"
    lines = tekana(postgres_url, key_url, "audit", "--chain", "--json", *checkpoints).stdout.splitlines()
    assert [json.loads(line)["number"] for line in lines][-6:] == [14, 15, 16, 17, 18, 19]

    await tamper(postgres_url, "UPDATE transactions SET description = 'another' WHERE type = 'deposit'")
    changed = tekana(postgres_url, key_url, "audit", "--chain", *checkpoints)
    assert changed.returncode == 1
    assert "it, its entries or its idempotency key were changed; see link 1 of the seal" in changed.stdout


async def test_without_the_key_it_cannot_run(postgres_url: str, key_url: str, tmp_path: Path) -> None:
    assert tekana(postgres_url, key_url, "demo").returncode == 0
    lost = tekana(postgres_url, f"file://{tmp_path}/other.json", "audit", "--chain")
    assert lost.returncode == 2
    assert "key" in lost.stderr
    missing = tekana(postgres_url, key_url, "audit", "--chain", "--checkpoint-file", str(tmp_path / FILE))
    assert missing.returncode == 2
    assert "there is no file of checkpoints" in missing.stderr


def test_memory_has_no_links(key_url: str) -> None:
    done = tekana("memory://", key_url, "audit", "--chain")
    assert done.returncode == 2
    assert "MemoryStore, whose history is not linked" in done.stderr


def test_a_server_takes_checkpoints(postgres_url: str, key_url: str, tmp_path: Path) -> None:
    assert tekana(postgres_url, key_url, "demo").returncode == 0
    variables = {**os.environ, "TEKANA_DATABASE_URL": postgres_url, "TEKANA_KEY_PROVIDER_URL": key_url}
    command = [*TEKANA, "serve", "--port", str(free_port()), "--checkpoint-file", str(tmp_path / FILE)]
    server = subprocess.Popen(command, **forked(command, variables), stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while not (tmp_path / FILE).exists() or not (tmp_path / FILE).read_bytes().endswith(b"\n"):
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    checked = tekana(postgres_url, key_url, "audit", "--chain", "--checkpoint-file", str(tmp_path / FILE))
    assert checked.returncode == 0, checked.stdout + checked.stderr
