"""Checkpoints: signed, linked, in a file that survives torn writes, and compared with history before each is taken."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tekana.application.workers.checkpoints import HistoryChanged, checkpoint_worker, take_checkpoint
from tekana.application.workers.worker import running
from tekana.domain.errors import Unavailable
from tekana.ports.history import Head
from tekana.testing import builders
from tekana_checkpoints import CheckpointFile
from tekana_checkpoints.checkpoint import SIGNED_PREFIX, write_checkpoint
from tekana_postgres import PostgresStore
from tests.integration.history_support import GivenKeys, chain_breaches, linked_session, linked_store, tamper
from tests.integration.postgres_support import some_history

GOLDEN = Path(__file__).with_name("golden_checkpoint.json")


def head(chain: int, number: int) -> Head:
    return Head(UUID(int=chain), number, bytes([chain, number]) * 16)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints.jsonl"


async def test_a_checkpoint_has_the_chains_that_have_grown(path: Path) -> None:
    log = CheckpointFile(path, GivenKeys())
    assert await log.append([head(1, 1), head(2, 1)]) == 1
    assert await log.append([head(1, 2), head(2, 1)]) == 2
    assert await log.append([head(1, 2), head(2, 1)]) == 2  # nothing has grown
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [len(line["checkpoint"]["heads"]) for line in lines] == [2, 1]
    read = await CheckpointFile(path, GivenKeys()).read()
    assert read == (2, [head(1, 1), head(2, 1), head(1, 2)], [])
    assert await CheckpointFile(path, GivenKeys()).last_heads() == [head(1, 2), head(2, 1)]
    assert path.stat().st_mode & 0o777 == 0o600


async def test_the_public_key_is_enough_to_verify(path: Path) -> None:
    await CheckpointFile(path, GivenKeys()).append([head(1, 1)])
    line = json.loads(path.read_text())
    signed = path.read_bytes().split(b'{"checkpoint":', 1)[1].rsplit(b',"public_key"', 1)[0]
    public = Ed25519PublicKey.from_public_bytes(b64decode(line["public_key"]))
    public.verify(b64decode(line["signature"]), SIGNED_PREFIX + signed)
    with pytest.raises(InvalidSignature):
        public.verify(b64decode(line["signature"]), SIGNED_PREFIX + signed.replace(b'"number":1', b'"number":2'))


async def test_the_form_of_a_checkpoint_never_changes() -> None:
    key = await GivenKeys().current()
    line = write_checkpoint(7, "ab" * 32, key, [head(1, 2)], at=datetime(2026, 11, 29, 12, tzinfo=UTC))
    assert line.decode() + "\n" == GOLDEN.read_text()


@pytest.mark.parametrize("size", [1, 40, -1])
async def test_a_torn_line_is_ignored(path: Path, size: int) -> None:
    log = CheckpointFile(path, GivenKeys())
    await log.append([head(1, 1)])
    whole = path.read_bytes()
    await log.append([head(1, 2)])
    torn = path.read_bytes()[len(whole) :]
    path.write_bytes(whole + torn[:size])
    log = CheckpointFile(path, GivenKeys())
    assert await log.last_heads() == [head(1, 1)]
    number = await log.append([head(1, 3)])
    assert number == (3 if size == -1 else 2)  # a line that only lacks its end is whole
    read = await CheckpointFile(path, GivenKeys()).read()
    assert (read.number, read.breaches) == (number, [])
    assert read.heads[-1] == head(1, 3)


@pytest.mark.parametrize("tampering", ["a number", "a link", "a deletion", "an exchange", "a signature"])
async def test_a_change_of_the_file_is_found(path: Path, tampering: str) -> None:
    log = CheckpointFile(path, GivenKeys())
    for number in range(1, 5):
        await log.append([head(1, number)])
    lines = path.read_text().splitlines(keepends=True)
    if tampering == "a number":
        lines[3] = lines[3].replace('"number":4', '"number":5')
    elif tampering == "a link":
        lines[3] = lines[3].replace("0104" * 16, "0105" * 16)
    elif tampering == "a deletion":
        del lines[1]
    elif tampering == "an exchange":
        lines[1], lines[2] = lines[2], lines[1]
    else:
        lines[3] = lines[3].replace(json.loads(lines[3])["signature"], json.loads(lines[2])["signature"])
    path.write_text("".join(lines))
    assert (await CheckpointFile(path, GivenKeys()).read()).breaches
    with pytest.raises(Unavailable, match="was changed"):
        await CheckpointFile(path, GivenKeys()).append([head(1, 9)])


async def test_a_file_that_was_cut_off_while_in_use_is_found(path: Path) -> None:
    log = CheckpointFile(path, GivenKeys())
    await log.append([head(1, 1)])
    await log.append([head(1, 2)])
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(Unavailable, match="shorter than it was"):
        await log.append([head(1, 3)])


async def test_processes_append_to_one_file(path: Path) -> None:
    logs = [CheckpointFile(path, GivenKeys()) for _ in range(4)]
    await asyncio.gather(*(log.append([head(chain, 1)]) for chain, log in enumerate(logs, 1)))
    read = await CheckpointFile(path, GivenKeys()).read()
    assert (read.number, read.breaches) == (4, [])
    assert {one.chain.int for one in read.heads} == {1, 2, 3, 4}


async def test_a_lost_key_and_a_missing_file_are_errors(path: Path) -> None:
    with pytest.raises(Unavailable, match="there is no file of checkpoints"):
        await CheckpointFile(path, GivenKeys()).read()
    await CheckpointFile(path, GivenKeys(1)).append([head(1, 1)])
    with pytest.raises(Unavailable, match="there is no history key"):
        await CheckpointFile(path, GivenKeys(2)).read()
    with pytest.raises(Unavailable, match="cannot be written"):
        await CheckpointFile(path / "below", GivenKeys()).append([head(1, 1)])


async def test_a_rotated_key_signs_the_next_checkpoint(path: Path) -> None:
    await CheckpointFile(path, GivenKeys(1)).append([head(1, 1)])
    await CheckpointFile(path, GivenKeys(1, 2)).append([head(1, 2)])
    read = await CheckpointFile(path, GivenKeys(1, 2)).read()
    assert (read.number, read.breaches) == (2, [])
    assert len({json.loads(line)["public_key"] for line in path.read_text().splitlines()}) == 2


async def _until_all_is_noted(path: Path, store: PostgresStore) -> None:
    async with asyncio.timeout(10):
        while await CheckpointFile(path, GivenKeys()).last_heads() != await store.history.heads():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_the_worker_takes_checkpoints_of_what_is_added(postgres_url: str, path: Path) -> None:
    store = linked_store(postgres_url)
    log = CheckpointFile(path, GivenKeys())
    async with linked_session(postgres_url) as app:
        aline, bosco = await some_history(app)
        async with running([checkpoint_worker(store, log, holder="test", period_seconds=0.05)]):
            await _until_all_is_noted(path, store)
            await app.execute(builders.transfer(aline.wallets[0].id, bosco.wallets[0].id, "1"))
            await _until_all_is_noted(path, store)
    read = await CheckpointFile(path, GivenKeys()).read()
    assert await chain_breaches(postgres_url, checkpoints=read.heads) == {}
    await store.stop()


async def test_no_checkpoint_is_taken_of_a_history_that_was_changed(postgres_url: str, path: Path) -> None:
    async with linked_session(postgres_url) as app:
        await some_history(app)
    store = linked_store(postgres_url)
    log = CheckpointFile(path, GivenKeys())
    assert await take_checkpoint(store.history, log) == 1
    await tamper(postgres_url, "DELETE FROM history_links WHERE number > 3")
    with pytest.raises(HistoryChanged, match="is not the one that a checkpoint names"):
        await take_checkpoint(store.history, log)
    assert len(path.read_text().splitlines()) == 1
    await store.stop()
