"""Generate load on the posting engine in a separate process, for this commit or an earlier one.

python -P benchmarks/load_process.py URL SECONDS WALLETS CALLERS

It imports only tekana and the event loop, so that it runs unchanged in the environment of another commit. It prints
one line of JSON: answered transfers, CPU time per transfer in this process, and the median latency.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import random
import statistics
import sys
import time
import uuid
from typing import Any

import uvloop

import tekana

_WARM_UP_SECONDS = 1.0
_WALLET_ID = "019a0000-0000-7000-8000-%012x"  # as in benchmarks.data


async def _measure(url: str, seconds: float, wallets: int, callers: int) -> dict[str, float]:
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    waits: list[float] = []
    numbers = itertools.count()
    run = uuid.uuid4().hex

    async def call(session: Any, started_at: float, end: float) -> None:
        while (sent := time.perf_counter()) < end:
            from_, to = (tekana.WalletId(uuid.UUID(_WALLET_ID % number)) for number in random.sample(range(wallets), 2))
            command = tekana.TransferFunds(from_wallet_id=from_, to_wallet_id=to, amount="100", currency="RWF")
            await session.submit(command, key=f"{run}-{next(numbers)}")
            if sent >= started_at:
                waits.append(time.perf_counter() - sent)

    async with tekana.connect(url) as backend:
        # Release 0.1 has no sessions: the backend itself executes commands.
        session = backend.as_caller(tekana.LOCAL_OPERATOR) if hasattr(backend, "as_caller") else backend
        started_at = time.perf_counter() + _WARM_UP_SECONDS
        work = asyncio.gather(*(call(session, started_at, started_at + seconds) for _ in range(callers)))
        await asyncio.sleep(_WARM_UP_SECONDS)
        answered, cpu_seconds = next(numbers), time.process_time()
        await work
        cpu_seconds = time.process_time() - cpu_seconds
        answered = next(numbers) - answered - 1
    return {
        "answered": answered,
        "cpu_us": 1e6 * cpu_seconds / answered,
        "p50_ms": 1000 * statistics.median(waits),
        "per_second": answered / seconds,
    }


if __name__ == "__main__":
    url, seconds, wallets, callers = sys.argv[1:]
    print(json.dumps(uvloop.run(_measure(url, float(seconds), int(wallets), int(callers)))))
