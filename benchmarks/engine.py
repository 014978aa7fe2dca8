"""Generate load on the posting engine in this process."""

from __future__ import annotations

import asyncio
import gc
import itertools
import time
import uuid
from typing import NamedTuple

import uvloop

import tekana
from benchmarks.data import CURRENCY, random_pair

WAITERS = 1000

_WARM_UP = 0.5  # seconds not measured, in which connections are opened and statements prepared


class Load(NamedTuple):
    """The result of a load: answered requests per second, and their latencies."""

    per_second: float
    p50_ms: float
    p99_ms: float
    answered: int
    generator_share: float = 0.0  # of one CPU, used by the generator where it is a separate process


def transfers(url: str, seconds: float, wallets: int, *, hot: bool = False, waiters: int = WAITERS) -> Load:
    """Post transfers between random wallets, with `hot` half of them to one wallet, from `waiters` concurrent callers.

    `answered` includes the warm-up. Raises Refused or Unavailable if a transfer is not posted.
    """
    return uvloop.run(_transfers(url, seconds, wallets, hot=hot, waiters=waiters))


async def _transfers(url: str, seconds: float, wallets: int, *, hot: bool, waiters: int) -> Load:
    gc.freeze()  # as the server does: objects from the start are excluded from collection
    gc.set_threshold(20_000, 20, 50)
    waited: list[float] = []
    numbers = itertools.count()
    run = uuid.uuid4().hex
    begin = time.perf_counter() + _WARM_UP
    end = begin + seconds

    async def caller(app: tekana.Session) -> None:
        nonlocal end
        while (sent := time.perf_counter()) < end or not waited:
            await app.submit(_transfer(wallets, hot=hot), key=f"{run}-{next(numbers)}")
            answered = time.perf_counter()
            if begin <= answered and not waited:
                end = max(end, answered)  # a machine that takes longer for the first is measured until then
            if begin <= answered <= end:
                waited.append(answered - sent)

    async with tekana.connect(url) as backend:
        app = backend.as_caller(tekana.LOCAL_OPERATOR)
        await asyncio.gather(*(caller(app) for _ in range(waiters)))
    waited.sort()
    p50, p99 = (1000 * waited[int(len(waited) * share)] for share in (0.5, 0.99))
    return Load(len(waited) / (end - begin), p50, p99, next(numbers))


def _transfer(wallets: int, *, hot: bool) -> tekana.TransferFunds:
    from_, to = random_pair(wallets, hot=hot)
    return tekana.TransferFunds(from_wallet_id=from_, to_wallet_id=to, amount="100", currency=CURRENCY)
