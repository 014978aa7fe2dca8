"""Metrics of the core: commands by outcome, what waits, connection pools, and how full the operator's wallets are.

The core counts in plain variables; they are copied to the metrics before each response, and once a second if other
workers report them too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from prometheus_client import Counter, Gauge

from tekana import Tekana
from tekana.application.engine.statistics import CommandOutcome
from tekana_litestar.shared_metrics import KEPT, is_shared

_UPDATE_INTERVAL_SECONDS: Final = 1.0

_COMMANDS: Final = Counter(
    "tekana_commands",
    "Commands that have ended, by type, outcome, and the code of the refusal or error.",
    ["command", "outcome", "code"],
    registry=KEPT,
)
_gauge_of_all_workers: Final = partial(Gauge, registry=KEPT, multiprocess_mode="livesum")
_WAITING: Final = _gauge_of_all_workers("tekana_commands_waiting", "Commands that wait to be decided.")
_IN_FLIGHT: Final = _gauge_of_all_workers("tekana_groups_in_flight", "Groups of commands that are being decided.")
_CONNECTIONS_MAX: Final = _gauge_of_all_workers(
    "tekana_pool_connections_max", "Database connections that a pool can have.", ["pool"]
)
_CONNECTIONS_IN_USE: Final = _gauge_of_all_workers(
    "tekana_pool_connections_in_use", "Database connections of a pool that are in use.", ["pool"]
)
_HOUSE_WALLETS: Final = Gauge(
    "tekana_house_wallet_level",
    "The balance of a house wallet as a share of the largest possible one, from 0 to 1; of the fullest stripe.",
    ["role", "currency"],
    registry=KEPT,
    multiprocess_mode="livemax",
)


class CoreMetrics:
    """Copies the statistics of an application to the metrics of the process."""

    def __init__(self, tekana: Tekana) -> None:
        self._tekana = tekana
        self._counted: Mapping[CommandOutcome, int] = {}

    def update(self) -> None:
        """Copy the present statistics."""
        for name, connections_max, in_use in self._tekana.pool_statistics():
            _CONNECTIONS_MAX.labels(name).set(connections_max)
            _CONNECTIONS_IN_USE.labels(name).set(in_use)
        engine = self._tekana.engine_statistics()
        if engine is None:
            return
        for outcome, count in engine.outcomes.items():
            _COMMANDS.labels(*outcome).inc(count - self._counted.get(outcome, 0))
        self._counted = engine.outcomes
        _WAITING.set(engine.waiting_commands)
        _IN_FLIGHT.set(engine.groups_in_flight)
        for wallet, level in engine.house_wallet_levels.items():
            _HOUSE_WALLETS.labels(*wallet).set(level)

    @asynccontextmanager
    async def updated(self) -> AsyncIterator[None]:
        """Update the metrics regularly until the context ends, if other workers report them, and at the end."""
        task = asyncio.create_task(self._update_regularly(), name="core metrics") if is_shared() else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            self.update()

    async def _update_regularly(self) -> None:
        while True:
            self.update()
            await asyncio.sleep(_UPDATE_INTERVAL_SECONDS)
