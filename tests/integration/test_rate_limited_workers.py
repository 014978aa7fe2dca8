"""Rate limits of real processes: each worker counts for itself, and settings reach it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.environment import environment
from tests.keys import BEARER
from tests.serving import free_port, http

LIMIT = 20


@contextlib.contextmanager
def served(url: str, *flags: str, **variables: str) -> Iterator[str]:
    """Run `tekana serve` until the context ends; yield its address once it is ready."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tekana.cli", "serve", "--port", str(port), "--database-url", url, *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment() | variables,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        end = time.monotonic() + 120
        while True:
            with contextlib.suppress(httpx.TransportError):
                if http.get(f"{address}/health/ready", timeout=5).status_code == 200:
                    break
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.05)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@pytest.mark.parametrize("workers", [1, 2])
def test_each_worker_allows_the_limit_to_a_caller(postgres_url: str, workers: int) -> None:
    with served(postgres_url, "--workers", str(workers), "--rate-limit", f"{LIMIT}/hour") as address:
        with httpx.Client(base_url=address, headers=BEARER) as client:  # one connection, so one worker
            alone = [client.get("/v1/wallets").status_code for _ in range(LIMIT + 5)]
        assert alone == [200] * LIMIT + [429] * 5
        allowed, asked = LIMIT, 0
        while allowed < workers * LIMIT or asked < 50:  # each from a new connection, until all workers got some
            status = http.get(f"{address}/v1/wallets").status_code
            asked += 1
            allowed += status == 200
            assert status in (200, 429)
            assert allowed <= workers * LIMIT
            assert asked < 1000
        metrics = http.get(f"{address}/metrics").text
        refused = 5 + asked - (allowed - LIMIT)
        assert f'tekana_http_rate_limited_total{{limit="caller"}} {refused}.0' in metrics


def test_the_server_itself_reads_no_forwarded_headers(postgres_url: str) -> None:
    """The variable is uvicorn's own, and would have it believe every proxy."""
    flags = ("--rate-limit-address", "2/hour", "--trusted-proxies", "192.0.2.1")
    with served(postgres_url, *flags, FORWARDED_ALLOW_IPS="*") as address:
        statuses = [
            http.get(f"{address}/v1/wallets", headers={"X-Forwarded-For": f"198.51.100.{number}"}).status_code
            for number in range(4)
        ]
    assert statuses == [200, 200, 429, 429]
