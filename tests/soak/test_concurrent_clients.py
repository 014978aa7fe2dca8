"""Many concurrent clients move money between a few wallets over HTTP, for TEKANA_SOAK_SECONDS (default 60).

Some repeat requests, some ask for more than the balance, some disconnect before the response. At the end the ledger is
whole, the sum of money is unchanged, and no response had the status 500.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import serving
from tests.keys import BEARER

SECONDS = float(os.environ.get("TEKANA_SOAK_SECONDS", "60"))
CLIENTS = 64
WALLETS = 20
START_BALANCE = 10_000


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tekana-soak-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def server(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    port = serving.free_port()
    command = [sys.executable, "-m", "tekana_cli", "serve", "--port", str(port), "--data-dir", str(folder)]
    with subprocess.Popen([*command, "--workers", str(request.param)]) as process:
        url = f"http://127.0.0.1:{port}"
        _until_ready(url)
        yield url
        process.terminate()
        assert process.wait(30) == 0


def _until_ready(url: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if serving.http.get(f"{url}/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the server did not come up")


async def _open_wallets(http: httpx.AsyncClient) -> list[str]:
    wallets = []
    for number in range(WALLETS):
        person = {
            "full_name": f"Client {number}",
            "email": f"client{number}@example.com",
            "phone_number": f"+2507880{number:05d}",
        }
        wallet = (await http.post("/v1/customers", json=person)).raise_for_status().json()["wallets"][0]["id"]
        deposit = {"type": "deposit", "wallet_id": wallet, "amount": str(START_BALANCE), "currency": "RWF"}
        answer = await http.post("/v1/transactions", json=deposit, headers={"Idempotency-Key": f"start-{number}"})
        answer.raise_for_status()
        wallets.append(wallet)
    return wallets


async def _client(http: httpx.AsyncClient, wallets: list[str], seen: Counter[str], end: float) -> None:
    while time.monotonic() < end:
        source, target = random.sample(wallets, 2)
        transfer = {
            "type": "transfer",
            "from_wallet_id": source,
            "to_wallet_id": target,
            "amount": str(random.choice((1, 10, 100, 50_000))),
            "currency": "RWF",
        }
        key = {"Idempotency-Key": str(uuid.uuid4())}
        if random.random() < 0.05:  # disconnects, then repeats the request
            try:
                await http.post("/v1/transactions", json=transfer, headers=key, timeout=random.uniform(0.001, 0.05))
            except httpx.TimeoutException:
                seen["hung up"] += 1
        answers = [await http.post("/v1/transactions", json=transfer, headers=key)]
        if random.random() < 0.1:
            answers += await asyncio.gather(
                *(http.post("/v1/transactions", json=transfer, headers=key) for _ in range(2))
            )
        assert len({answer.content for answer in answers}) == 1
        for answer in answers:
            code = answer.json().get("code", "posted")
            seen[f"{answer.status_code} {code}"] += 1


async def test_many_clients_between_twenty_wallets_keep_the_ledger_whole(server: str, folder: Path) -> None:
    seen: Counter[str] = Counter()
    limits = httpx.Limits(max_connections=CLIENTS * 3)
    async with httpx.AsyncClient(base_url=server, timeout=30, limits=limits, headers=BEARER) as http:
        wallets = await _open_wallets(http)
        end = time.monotonic() + SECONDS
        await asyncio.gather(*(_client(http, wallets, seen, end) for _ in range(CLIENTS)))
        balances = [(await http.get(f"/v1/wallets/{wallet}")).json()["available_balance"] for wallet in wallets]
    print(f"\n{SECONDS:.0f} s: {dict(seen)}")
    assert set(seen) <= {"201 posted", "422 insufficient_funds", "hung up"}
    assert seen["201 posted"] > 0 < seen["422 insufficient_funds"]
    assert sum(map(int, balances)) == WALLETS * START_BALANCE
    assert min(map(int, balances)) >= 0
    audit = [sys.executable, "-m", "tekana_cli", "audit", "--data-dir", str(folder)]
    done = await asyncio.to_thread(subprocess.run, audit, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0
    [log] = folder.glob("*/data/server.log")
    assert "deadlock" not in log.read_text()
