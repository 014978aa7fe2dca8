"""The reader of reports: sums over the state."""

from __future__ import annotations

from datetime import datetime

from tekana.application.journal.from_snapshot import trial_balance_of
from tekana.domain.caller import Caller
from tekana.domain.policy import require_scope
from tekana.ports.clock import Clock
from tekana.ports.reports import TrialBalance
from tekana_memory.state import MemoryState


class MemoryReports:
    """Implements tekana.ports.reports.Reports."""

    def __init__(self, state: MemoryState, clock: Clock, caller: Caller) -> None:
        self._state = state
        self._clock = clock
        self._caller = caller

    async def trial_balance(self, at: datetime | None = None) -> TrialBalance:
        require_scope(self._caller, "tenants:all")
        wallets, transactions = [*self._state.wallets.values()], self._state.transactions.values()
        return trial_balance_of(wallets, transactions, at, self._clock())
