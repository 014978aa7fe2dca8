"""The rows of API keys, locked and written with the units of work of commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import asyncpg

from tekana.domain.api_keys import ApiKey
from tekana.domain.identifiers import ApiKeyId
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.api_keys import API_KEY_COLUMNS, api_key_of
from tekana_postgres.row_locks import RowLock

_WRITTEN = API_KEY_COLUMNS[:-1]  # all but last_used_at
_LOCK = f"SELECT {', '.join(API_KEY_COLUMNS)} FROM api_keys WHERE id = ANY($1) ORDER BY id {{row_lock}}"
_INSERT = f"""
INSERT INTO api_keys ({", ".join(_WRITTEN)})
VALUES ({", ".join(f"${number}" for number in range(1, len(_WRITTEN) + 1))})
"""
_UPDATE = f"""
UPDATE api_keys SET {", ".join(f"{name} = ${number}" for number, name in enumerate(_WRITTEN[1:], 2))} WHERE id = $1
"""
_values: Any = attrgetter(*_WRITTEN)


class ApiKeyRows(KindRows):
    """Implements KindRows for API keys."""

    async def lock(
        self, connection: asyncpg.Connection, ids: Sequence[ApiKeyId], row_lock: RowLock
    ) -> dict[ApiKeyId, ApiKey]:
        rows = await connection.fetch(_LOCK.format(row_lock=row_lock), ids)
        return {row["id"]: api_key_of(row) for row in rows}

    async def save(
        self, connection: asyncpg.Connection, added: Mapping[ApiKeyId, ApiKey], changed: Mapping[ApiKeyId, ApiKey]
    ) -> None:
        if changed:
            await connection.executemany(_UPDATE, [_values(one) for one in changed.values()])
        if added:
            await connection.executemany(_INSERT, [_values(one) for one in added.values()])
