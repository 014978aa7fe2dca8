"""The rows of quotes: added, and used once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
import msgspec

from tekana.domain.fees import Charge
from tekana.domain.identifiers import QuoteId
from tekana.domain.money import Money
from tekana.domain.quotes import Quote
from tekana.domain.transaction import ExchangeDetails
from tekana_postgres.aggregates.kind_rows import KindRows
from tekana_postgres.row_locks import RowLock
from tekana_postgres.rows import write_json

_COLUMNS: Final = (
    *("id", "tenant", "type", "from_wallet_id", "to_wallet_id", "amount", "currency", "charge", "exchange"),
    *("created_by", "created_at", "expires_at", "used_by"),
)
_LOCK: Final = f"SELECT {', '.join(_COLUMNS)} FROM quotes WHERE id = ANY($1) ORDER BY id {{row_lock}}"
_INSERT: Final = f"""
INSERT INTO quotes ({", ".join(_COLUMNS)})
VALUES ({", ".join(f"${number}" for number in range(1, len(_COLUMNS) + 1))})
"""
_USE: Final = "UPDATE quotes SET used_by = $2 WHERE id = $1"


class QuoteRows(KindRows):
    """Implements KindRows for quotes."""

    async def lock(
        self, connection: asyncpg.Connection, ids: Sequence[QuoteId], row_lock: RowLock
    ) -> dict[QuoteId, Quote]:
        rows = await connection.fetch(_LOCK.format(row_lock=row_lock), ids)
        return {row["id"]: _quote_of(row) for row in rows}

    async def save(
        self,
        connection: asyncpg.Connection,
        added: Mapping[QuoteId, Quote],
        changed: Mapping[QuoteId, Quote],
    ) -> None:
        if added:
            await connection.executemany(_INSERT, list(map(_row, added.values())))
        if changed:
            await connection.executemany(_USE, [(one.id, one.used_by) for one in changed.values()])


def _row(one: Quote) -> tuple[Any, ...]:
    values = {name: getattr(one, name) for name in _COLUMNS if name != "currency"}
    values |= {"amount": one.amount.minor, "currency": one.amount.currency}
    values |= {"charge": write_json(one.charge), "exchange": write_json(one.exchange)}
    return tuple(values[name] for name in _COLUMNS)


def _quote_of(row: Mapping[str, Any]) -> Quote:
    values = {name: row[name] for name in _COLUMNS if name != "currency"}
    values["amount"] = Money(row["amount"], row["currency"])
    for name, kind in (("charge", Charge), ("exchange", ExchangeDetails)):
        if row[name] is not None:
            values[name] = msgspec.json.decode(row[name], type=kind)
    return Quote(**values)
