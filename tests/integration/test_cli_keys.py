"""`tekana keys`, and the key of development mode: real processes, as an operator runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import tekana as tekana_api
from tests.forked import TEKANA, forked
from tests.integration.test_cli import tekana, wait_until_served
from tests.serving import free_port

KEY = re.compile(r"tk_[0-9a-f]{32}_[0-9a-f]{64}")


@contextmanager
def serving(*arguments: str, home: Path) -> Iterator[tuple[str, list[str]]]:
    """Run `tekana serve` without settings from the environment; yield its URL, and a list for what it prints."""
    port = free_port()
    variables = {name: value for name, value in os.environ.items() if not name.startswith("TEKANA_")}
    variables |= {"HOME": str(home), "TEKANA_KEY_PROVIDER_URL": f"file://{home}/master-keys.json"}
    printed: list[str] = []
    command = [*TEKANA, "serve", "--port", str(port), *arguments]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **forked(command, variables), **pipes, text=True) as process:
        try:
            wait_until_served(time.monotonic() + 120, f"http://127.0.0.1:{port}/health/ready")
            yield f"http://127.0.0.1:{port}", printed
        finally:
            process.send_signal(signal.SIGTERM)
            printed += process.communicate(timeout=60)


def keys(home: Path, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return tekana("keys", *arguments, "--database-url", url, TEKANA_KEY_PROVIDER_URL=f"file://{home}/master-keys.json")


def status(url: str, key: str) -> int:
    with httpx.Client() as client:
        return client.get(f"{url}/v1/wallets", headers={"Authorization": f"Bearer {key}"}).status_code


def test_keys_are_created_listed_rotated_and_revoked(postgres_url: str, tmp_path: Path) -> None:
    before = keys(tmp_path, postgres_url, "create", "--name", "Before", "--role", "operator")
    assert KEY.fullmatch(before.stdout.strip()), before.stderr
    assert before.stdout == before.stdout.strip() + "\n"
    with serving("--database-url", postgres_url, home=tmp_path) as (url, _):
        assert status(url, before.stdout.strip()) == 200
        words = ("create", "--name", "Shop", "--role", "partner", "--scopes", "wallets:read", "--tenant", "north")
        key = keys(tmp_path, postgres_url, *words).stdout.strip()
        assert status(url, key) == 200
        listed = [json.loads(line) for line in keys(tmp_path, postgres_url, "list").stdout.splitlines()]
        assert [(one["name"], one["kind"], one["tenant"], one["revoked_at"]) for one in listed] == [
            ("Before", "operator", "main", None),
            ("Shop", "partner", "north", None),
        ]
        assert not any("hash" in name or "digest" in name for one in listed for name in one)
        assert [name for one in listed for name in one if name.isupper()] == []  # constants of the class
        assert key.rpartition("_")[2] not in json.dumps(listed)
        rotated = keys(tmp_path, postgres_url, "rotate", listed[1]["id"]).stdout.strip()
        assert rotated != key
        assert (status(url, rotated), status(url, key)) == (200, 200)
        assert keys(tmp_path, postgres_url, "revoke", listed[1]["id"]).returncode == 0
        time.sleep(5)
        assert (status(url, rotated), status(url, key)) == (401, 401)


def test_the_keys_of_the_staff_have_the_scopes_of_their_roles(postgres_url: str, tmp_path: Path) -> None:
    for role in ("administrator", "finance", "support"):
        assert keys(tmp_path, postgres_url, "create", "--name", role, "--role", role).returncode == 0
    narrow = ("create", "--name", "narrow", "--role", "support", "--scopes", "wallets:read,tenants:all")
    assert keys(tmp_path, postgres_url, *narrow).returncode == 0
    listed = [json.loads(line) for line in keys(tmp_path, postgres_url, "list").stdout.splitlines()]
    assert {one["kind"] for one in listed} == {"operator"}
    assert {one["name"]: frozenset(one["scopes"]) for one in listed} == {
        **{name: tekana_api.ROLES[name] for name in ("administrator", "finance", "support")},
        "narrow": {"wallets:read", "tenants:all"},
    }


def test_what_cannot_be_created_is_explained(postgres_url: str, tmp_path: Path) -> None:
    for words, reason in (
        (("create", "--name", "x", "--role", "partner", "--scopes", "everything"), "scopes[0]"),
        (("create", "--name", "x", "--role", "operator", "--tenant", "north"), "tenant"),
        (("create", "--name", "x", "--role", "partner", "--expires-at", "2001-01-01T00:00:00Z"), "expires_at"),
        (("revoke", "01a00000-0000-7000-8000-00000000abcd"), "no API key has the id"),
    ):
        done = keys(tmp_path, postgres_url, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert reason in done.stderr
    assert keys(tmp_path, "memory://", "list").returncode == 2


def test_a_revocation_reaches_every_worker_within_5_seconds(postgres_url: str, tmp_path: Path) -> None:
    key = keys(tmp_path, postgres_url, "create", "--name", "Shop", "--role", "operator").stdout.strip()
    [listed] = [json.loads(line) for line in keys(tmp_path, postgres_url, "list").stdout.splitlines()]
    with serving("--database-url", postgres_url, "--workers", "2", home=tmp_path) as (url, _):
        end = time.monotonic() + 60
        accepted = 0
        while accepted < 40:  # in a row, each on a new connection, which any of the workers gets
            assert time.monotonic() < end
            accepted = accepted + 1 if status(url, key) == 200 else 0
        assert keys(tmp_path, postgres_url, "revoke", listed["id"]).returncode == 0
        revoked = time.monotonic()
        last_accepted = 0.0
        while time.monotonic() - revoked < 7:
            sent = time.monotonic() - revoked
            if status(url, key) == 200:
                last_accepted = sent
        assert last_accepted < 5
        assert {status(url, key) for _ in range(40)} == {401}


def test_development_mode_makes_a_key_once(tmp_path: Path) -> None:
    file = tmp_path / ".tekana" / "operator.key"
    outputs = []
    for _ in range(2):
        with serving("--database-url", "memory://", home=tmp_path) as (url, printed):
            key = file.read_text("ascii").strip()
            assert status(url, key) == 200
            assert httpx.get(f"{url}/v1/wallets").status_code == 401
            # No response has the key: the page gets it from the address that a person opens.
            for path in ("/", "/api", "/api/page.js", "/api/openapi.json", "/health/ready", "/metrics"):
                for headers in ({}, {"Origin": url, "Sec-Fetch-Site": "same-origin"}):
                    assert key not in httpx.get(f"{url}{path}", headers=headers).text
        outputs.append("".join(printed))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    [line] = [one for one in outputs[0].splitlines() if one.endswith(f": {key}")]
    assert str(file) in line
    assert f"/api#key={key}" in outputs[0]
    assert KEY.search(outputs[1]) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - development, and not
def test_a_key_file_that_cannot_be_used_is_refused(tmp_path: Path, host: str) -> None:
    file = tmp_path / ".tekana" / "operator.key"
    words = ("serve", "--host", host, "--port", str(free_port()), "--database-url", "memory://")
    given = "" if host == "127.0.0.1" else str(file)
    file.parent.mkdir()
    file.write_text("tk_" + "0" * 32 + "_" + "0" * 64)
    file.chmod(0o644)
    _assert_key_file_refused(tekana(*words, HOME=str(tmp_path), TEKANA_KEY_FILE=given), "can be read by other users")
    file.chmod(0o600)
    file.write_text("no key")
    _assert_key_file_refused(tekana(*words, HOME=str(tmp_path), TEKANA_KEY_FILE=given), "has no API key")


def test_a_key_file_that_is_not_there_is_refused_outside_of_development(tmp_path: Path) -> None:
    words = ("serve", "--host", "0.0.0.0", "--port", str(free_port()), "--database-url", "memory://")  # noqa: S104
    done = tekana(*words, HOME=str(tmp_path), TEKANA_KEY_FILE=str(tmp_path / "missing.key"))
    _assert_key_file_refused(done, "cannot be read")


def _assert_key_file_refused(done: subprocess.CompletedProcess[str], reason: str) -> None:
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"tekana: key_file: {reason}")


@pytest.mark.parametrize("host", ["0.0.0.0"])  # noqa: S104 - for the test
def test_outside_of_development_no_key_is_made(tmp_path: Path, host: str) -> None:
    with serving("--database-url", "memory://", "--host", host, home=tmp_path) as (url, printed):
        assert httpx.get(f"{url}/v1/wallets").status_code == 401
    assert KEY.search("".join(printed)) is None
    assert not (tmp_path / ".tekana").exists()
