"""Dropping old parts of the outbox."""

from __future__ import annotations

from datetime import datetime, timedelta

from tekana.domain.events import Event
from tekana.domain.transaction import Transaction
from tekana.ports.clock import Clock
from tekana.ports.webhook_endpoints import RELAY as WEBHOOKS
from tekana_memory.state import MemoryState, position_of


class MemoryRetention:
    """Implements tekana.ports.retention.Retention. Dropped events stay for the audit only."""

    def __init__(self, state: MemoryState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    async def prune(self, older_than: timedelta) -> int | None:
        """Drop old events that every relay has published."""
        outbox, before = self._state.outbox, self._state.dropped
        cursors = [one.cursor for name, one in self._state.relays.items() if one.epoch and self._publishes(name)]
        published = min((position_of(cursor)[0] if cursor else 0 for cursor in cursors), default=len(outbox))
        while self._state.dropped < published and _moment(outbox[self._state.dropped]) <= self._clock() - older_than:
            self._state.dropped += 1
        dropped = outbox[before : self._state.dropped]
        return sum(isinstance(one, Transaction) for one in dropped) if dropped else None

    def _publishes(self, relay: str) -> bool:
        """Return whether the relay's cursor counts. That of webhooks does not move while no endpoint is active."""
        return relay != WEBHOOKS or any(one.status == "active" for one in self._state.webhook_endpoints.values())


def _moment(one: Transaction | Event) -> datetime:
    return one.created_at if isinstance(one, Transaction) else one.occurred_at
