"""Measure what limits cost: transfers without and with all of them, each on a ledger of its own."""

from __future__ import annotations

import gc
from contextlib import AsyncExitStack

import uvloop
from rich.table import Table

import tekana
from benchmarks import variants
from benchmarks.bench import Bench
from benchmarks.data import CURRENCY
from tekana.domain.limits import TIERS

_NONE, _LIMITS = "without", "limits"


def terms_table(bench: Bench) -> Table:
    """Return the table: transfers without terms, and with limits."""
    urls = [bench.copy_of_ledger(f"tekana_bench_{name}") for name in (_NONE, _LIMITS)]
    uvloop.run(_remove_limits(urls[0]))
    drawn = variants.new_table("A transfer without limits, and with all of them", (_NONE, _LIMITS))
    for callers in variants.CALLERS:
        variants.add_rows(drawn, callers, uvloop.run(_measure(urls, variants.Rounds.of(bench), callers)))
    return drawn


async def _remove_limits(url: str) -> None:
    async with tekana.connect(url) as backend:
        app = backend.as_caller(tekana.LOCAL_OPERATOR)
        for tier in TIERS:  # a setting without limits
            await app.execute(tekana.SetLimits(tier=tier, currency=CURRENCY))


async def _measure(urls: list[str], plan: variants.Rounds, callers: int) -> list[tuple[variants.Window, ...]]:
    gc.freeze()
    async with AsyncExitStack() as stack:
        backends = [await stack.enter_async_context(tekana.connect(url)) for url in urls]
        sessions = [one.as_caller(tekana.LOCAL_OPERATOR) for one in backends]
        return await variants.measure(plan, sessions, callers)
