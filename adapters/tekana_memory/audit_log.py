"""The audit log: the reader, and the records of what happens outside units of work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tekana.domain.audit_log import AuditEntry
from tekana.domain.caller import Caller
from tekana.domain.policy import can_access
from tekana.ports.audit_log import ALL_ENTRIES, AuditFilter
from tekana.ports.clock import Clock
from tekana.ports.page import Page, PageRequest
from tekana_memory.readers import page_of
from tekana_memory.state import MemoryState


class MemoryAuditLog:
    """Implements tekana.ports.audit_log.AuditLog."""

    def __init__(self, state: MemoryState, caller: Caller) -> None:
        self._state = state
        self._caller = caller

    async def list(
        self, page: PageRequest, which: AuditFilter = ALL_ENTRIES, newest_first: bool = False
    ) -> Page[AuditEntry]:
        entries = {key: one for key, one in self._state.audit_log.items() if can_access(self._caller, one.tenant)}
        found = [one for _, one in sorted(entries.items(), reverse=newest_first) if which.matches(one)]
        return page_of(found, page, lambda one: one.id, entries, newest_first=newest_first)


class MemoryAuditRecords:
    """Implements tekana.ports.audit_log.AuditRecords."""

    def __init__(self, state: MemoryState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        now = self._clock()
        for one in entries:
            self._state.audit_log.setdefault(one.id, replace(one, at=now))
