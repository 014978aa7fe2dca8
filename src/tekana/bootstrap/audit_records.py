"""Entries of the audit log about what command-line tools do without a command of the core."""

from __future__ import annotations

from uuid_utils.compat import uuid7

from tekana.application.audit_recorder import AuditRecorder
from tekana.domain.audit_log import Act
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.ports.store import Store


async def record_act(store: Store, action: str) -> None:
    """Record that the local operator did something.

    Args:
        store: the store that it was done to, started.
        action: the stable name of the act.

    Raises:
        Unavailable: the store cannot be reached.
    """
    act = Act.of(LOCAL_OPERATOR, action, "done", None, None)
    await AuditRecorder(store.audit_records, uuid7).record(act)
