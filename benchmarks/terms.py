"""Measure what limits and fees cost: transfers without and with them, each on a ledger of its own."""

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

_NONE, _LIMITS, _FEES = "without", "limits", "limits, fees"


def terms_table(bench: Bench) -> Table:
    """Return the table: transfers without terms, with limits, and with limits and a fee with tax."""
    urls = [bench.copy_of_ledger(f"tekana_bench_{name}") for name in ("unlimited", "limited", "charged")]
    uvloop.run(_remove_limits(urls[0]))
    uvloop.run(_charge_fees(urls[2]))
    drawn = variants.new_table("A transfer without terms, with limits, and with fees", (_NONE, _LIMITS, _FEES))
    for callers in variants.CALLERS:
        variants.add_rows(drawn, callers, uvloop.run(_measure(urls, variants.Rounds.of(bench), callers)))
    return drawn


async def _remove_limits(url: str) -> None:
    async with tekana.connect(url) as backend:
        app = backend.as_caller(tekana.LOCAL_OPERATOR)
        for tier in TIERS:  # a setting without limits
            await app.execute(tekana.SetLimits(tier=tier, currency=CURRENCY))


async def _charge_fees(url: str) -> None:
    async with tekana.connect(url) as backend:
        await backend.as_caller(tekana.LOCAL_OPERATOR).execute(
            tekana.CreateFeeSchedule(
                transaction_type="transfer",
                currency=CURRENCY,
                paid_by="payer",
                bands=(tekana.NewFeeBand(flat="5", percentage="1"),),
                tax_percentage="18",
            )
        )


async def _measure(urls: list[str], plan: variants.Rounds, callers: int) -> list[tuple[variants.Window, ...]]:
    gc.freeze()
    async with AsyncExitStack() as stack:
        backends = [await stack.enter_async_context(tekana.connect(url)) for url in urls]
        sessions = [one.as_caller(tekana.LOCAL_OPERATOR) for one in backends]
        return await variants.measure(plan, sessions, callers)
