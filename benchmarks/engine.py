"""Generate load on the posting engine in this process."""

from __future__ import annotations

import asyncio
import gc
import itertools
import time
import uuid
from collections.abc import Awaitable, Callable
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


Act = Callable[[tekana.Session, str], Awaitable[None]]
"""What is measured, once, with a session and a unique key."""


def transfers(url: str, seconds: float, wallets: int, *, hot: bool = False, waiters: int = WAITERS) -> Load:
    """Post transfers between random wallets, with `hot` half of them to one wallet, from `waiters` concurrent callers.

    `answered` includes the warm-up. Raises Refused or Unavailable if a transfer is not posted.
    """

    async def post(app: tekana.Session, key: str) -> None:
        from_, to = random_pair(wallets, hot=hot)
        command = tekana.TransferFunds(from_wallet_id=from_, to_wallet_id=to, amount="100", currency=CURRENCY)
        await app.submit(command, key=key)

    return uvloop.run(_load(url, seconds, waiters, post))


def holds(url: str, seconds: float, wallets: int, *, captured: bool) -> Load:
    """Authorize holds between random wallets, and capture each with `captured`. Like `transfers` otherwise."""

    async def hold(app: tekana.Session, key: str) -> None:
        from_, to = random_pair(wallets, hot=False)
        command = tekana.AuthorizeHold(from_wallet_id=from_, to_wallet_id=to, amount="100", currency=CURRENCY)
        authorized = (await app.submit(command, key=key)).answer
        if captured:
            await app.submit(tekana.CaptureHold(transaction_id=authorized.id), key=f"{key}-capture")

    return uvloop.run(_load(url, seconds, WAITERS, hold))


async def _load(url: str, seconds: float, waiters: int, act: Act) -> Load:
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
            await act(app, f"{run}-{next(numbers)}")
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
