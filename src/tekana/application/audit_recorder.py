"""The recorder of the audit log: writes what happens outside units of work, in the background, and bounded.

Refusals for want of a scope or a credential reach no unit of work. They must not delay their answer, and a caller who
causes many of them must not fill the disk. So equal ones within a minute share two entries: one of the first, which is
written within a second, and one at the end that counts the others. Of different ones, a limited number is written in a
minute; the others are counted in an entry of their own.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from tekana.domain.audit_log import ENTRIES_DROPPED, UNKNOWN_SUBJECT, Act, AuditEntry, Resource
from tekana.domain.caller import MAIN_TENANT, CallerKind
from tekana.domain.errors import TekanaError
from tekana.ports.audit_log import AuditRecords
from tekana.ports.clock import NewId

_log = logging.getLogger("tekana.audit_log")

WINDOW_SECONDS: Final = 60.0
"""For how long equal acts are counted in one entry."""

FLUSH_SECONDS: Final = 0.5
"""How often entries are written, at most."""

ACTS_MAX: Final = 300
"""How many different acts of each kind of known callers are written in a window: customers leave room for operators."""

AUTHENTICATIONS_MAX: Final = 100
"""How many different failed authentications and sign-ins are written in a window."""

_UNWRITTEN_MAX: Final = 2_000  # entries that wait for the store, which may be down for longer
_STOP_SECONDS: Final = 5.0


class AuditRecorder:
    """Collects acts, and writes their entries in the background. Used on one event loop.

    Args:
        records: where entries are written: a store, or at a gateway that of a service.
        new_id: makes the ids of entries.
    """

    def __init__(self, records: AuditRecords, new_id: NewId) -> None:
        self.records = records
        self._new_id = new_id
        self._known: dict[Act, int] = {}  # the acts of this window, and how many were not written yet
        self._counts: Counter[CallerKind | None] = Counter()  # how many of them, by the kind of caller
        self._ends_at = 0.0
        self._unwritten: deque[AuditEntry] = deque()
        self._dropped = 0
        self._writing: asyncio.Task[None] | None = None

    def note(self, act: Act, request_id: str | None = None, resource: Resource | None = None) -> None:
        """Have an act recorded soon. Never waits and never raises."""
        if monotonic() >= self._ends_at:
            self._end_window()
        if act in self._known:
            self._known[act] += 1
        elif self._has_room(act):
            self._known[act] = 0
            self._add(self._entry(act, request_id, resource))
        else:
            self._dropped += 1
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write_all(), name="audit recorder")

    async def record(self, act: Act, request_id: str | None = None, resource: Resource | None = None) -> None:
        """Record an act at once.

        Raises:
            Unavailable: the store cannot be reached.
        """
        await self.records.append([self._entry(act, request_id, resource)])

    async def stop(self) -> None:
        """Write what was noted. What the store does not take within seconds is lost, and logged."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait((self._writing,))
            self._writing = None
        self._end_window()
        self._count_dropped()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                while self._unwritten:
                    await self._flush()
        except Exception as error:
            _log.error("%d entries of the audit log are lost: %r", len(self._unwritten), error)

    def _has_room(self, act: Act) -> bool:
        if self._counts[act.kind] >= (AUTHENTICATIONS_MAX if act.kind is None else ACTS_MAX):
            return False
        self._counts[act.kind] += 1
        return True

    def _end_window(self) -> None:
        """Begin a new window; add an entry for each act of the last one that was repeated."""
        for act, repeated in self._known.items():
            if repeated:
                self._add(replace(self._entry(act), occurrences=repeated))
        self._known = {}
        self._counts.clear()
        self._ends_at = monotonic() + WINDOW_SECONDS

    def _add(self, entry: AuditEntry) -> None:
        if len(self._unwritten) < _UNWRITTEN_MAX:
            self._unwritten.append(entry)
        else:
            self._dropped += entry.occurrences

    def _count_dropped(self) -> None:
        """Add an entry that counts those that were dropped: one for a window at most."""
        if self._dropped:
            act = Act(MAIN_TENANT, UNKNOWN_SUBJECT, None, ENTRIES_DROPPED, "refused", "overloaded")
            self._unwritten.append(replace(self._entry(act), occurrences=self._dropped))
            self._dropped = 0

    async def _write_all(self) -> None:
        """Write until there is nothing to write and nothing to count."""
        while self._known or self._unwritten or self._dropped:
            await asyncio.sleep(FLUSH_SECONDS)
            if monotonic() >= self._ends_at:
                self._end_window()
                self._count_dropped()
            try:
                await self._flush()
            except TekanaError as error:
                _log.warning("the audit log cannot be written now: %s", error)
            except Exception:
                _log.exception("the audit log cannot be written")
        self._writing = None

    async def _flush(self) -> None:
        entries = list(self._unwritten)
        if entries:
            await self.records.append(entries)
            for _ in entries:
                self._unwritten.popleft()

    def _entry(self, act: Act, request_id: str | None = None, resource: Resource | None = None) -> AuditEntry:
        return act.entry(self._new_id(), datetime.now(UTC), request_id, resource)  # the store replaces the time
