"""What references stand for that are kept under idempotency keys instead of answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import asyncpg

from tekana.domain.answer_reference import AnswerReference
from tekana.ports.unit_of_work import IdempotencyRecord
from tekana_postgres.aggregates import KINDS
from tekana_postgres.row_locks import NO_LOCK

_KeyT = TypeVar("_KeyT")


async def resolve_references(
    connection: asyncpg.Connection, records: Mapping[_KeyT, IdempotencyRecord]
) -> Mapping[_KeyT, IdempotencyRecord]:
    """Return the records with what references stand for, as it is now."""
    references = {key: one.answer for key, one in records.items() if isinstance(one.answer, AnswerReference)}
    if not references:
        return records
    refs = [one.ref for one in references.values()]
    items = {
        kind: await KINDS[kind].lock(connection, [one.id for one in refs if one.kind.name == kind], NO_LOCK)
        for kind in {one.kind.name for one in refs}
    }
    resolved = {
        key: records[key]._replace(answer=one.resolve(items[one.ref.kind.name].get(one.ref.id)))
        for key, one in references.items()
    }
    return {**records, **resolved}
