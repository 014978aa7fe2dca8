"""Measure what the links of history cost: transfers with and without them, on one ledger."""

from __future__ import annotations

import gc
import uuid

import uvloop
from rich.table import Table

import tekana
from benchmarks import variants
from benchmarks.bench import Bench
from tekana.ports.history import HistoryKey
from tekana_postgres import PostgresStore


class _Key:
    """Implements tekana.ports.history.HistoryKeys with one key."""

    _key = HistoryKey(uuid.UUID(int=1), bytes(32))

    async def current(self) -> HistoryKey:
        return self._key

    async def get(self, key_id: uuid.UUID) -> HistoryKey:  # noqa: ARG002 - there is one key
        return self._key


def links_table(bench: Bench) -> Table:
    """Return the table: transfers without and with links."""
    drawn = variants.new_table("A transfer without and with links of history", ("without", "with"))
    for callers in variants.CALLERS:
        variants.add_rows(drawn, callers, uvloop.run(_measure(bench.ledger(), variants.Rounds.of(bench), callers)))
    return drawn


async def _measure(url: str, plan: variants.Rounds, callers: int) -> list[tuple[variants.Window, ...]]:
    gc.freeze()
    linked = PostgresStore(url)
    linked.link_history(_Key())
    async with tekana.connect(store=PostgresStore(url)) as plain, tekana.connect(store=linked) as with_links:
        sessions = [one.as_caller(tekana.LOCAL_OPERATOR) for one in (plain, with_links)]
        return await variants.measure(plan, sessions, callers)
