"""Exchange rates as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import asyncpg

from tekana.domain.caller import Caller
from tekana.domain.money import Currency
from tekana.domain.rates import Pair, Rate, rate_id, rate_not_found
from tekana_postgres.connections import ConnectionPool, raw_connection

RATE_COLUMNS: Final = ("base", "quote", "bid", "ask", "version", "valid_from", "valid_until", "set_by")
"""The columns of `rates` but the id, which are the fields of a Rate."""

_COLUMNS: Final = ", ".join(RATE_COLUMNS)
LATEST_RATES: Final = f"SELECT DISTINCT ON (id) id, {_COLUMNS} FROM rates WHERE id = ANY($1) ORDER BY id, version DESC"
_ALL: Final = f"SELECT DISTINCT ON (id) id, {_COLUMNS} FROM rates ORDER BY id, version DESC"


def rate_of(row: Mapping[str, Any]) -> Rate:
    """Read a row of `rates`."""
    return Rate(**{name: row[name] for name in RATE_COLUMNS})


async def read_rates(connection: asyncpg.Connection) -> tuple[Rate, ...]:
    """Return the latest rate of each pair, by base currency, then quote currency: the order of their ids."""
    return tuple(map(rate_of, await connection.fetch(_ALL)))


class PostgresRates:
    """Implements tekana.ports.rates.Rates."""

    def __init__(self, pool: ConnectionPool, caller: Caller) -> None:  # noqa: ARG002 - they are the same for every caller
        self._pool = pool

    async def list(self) -> tuple[Rate, ...]:
        async with raw_connection(self._pool) as connection:
            return await read_rates(connection)

    async def get(self, base: Currency, quote: Currency) -> Rate:
        pair = Pair(base, quote)
        async with raw_connection(self._pool) as connection:
            row = await connection.fetchrow(LATEST_RATES, [rate_id(pair)])
        if row is None:
            raise rate_not_found(pair)
        return rate_of(row)
