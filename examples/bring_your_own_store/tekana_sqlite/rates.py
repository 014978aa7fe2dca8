"""Exchange rates: every version that was set."""

from __future__ import annotations

from msgspec import json

from tekana import Caller, Currency, Rate
from tekana.domain.rates import Pair, RateId, rate_not_found

from .database import Database


def latest_rates(database: Database) -> dict[RateId, Rate]:
    """Return the latest rate of each pair, by id, in the order of the pairs."""
    rows = database.rows("SELECT body FROM rates ORDER BY version")
    latest = {one.id: one for one in (json.decode(body, type=Rate) for [body] in rows)}
    return dict(sorted(latest.items()))


class SqliteRates:
    """Implements tekana.ports.rates.Rates."""

    def __init__(self, database: Database, caller: Caller) -> None:  # noqa: ARG002 - they are the same for every caller
        self._database = database

    async def list(self) -> tuple[Rate, ...]:
        return tuple(latest_rates(self._database).values())

    async def get(self, base: Currency, quote: Currency) -> Rate:
        pair = Pair(base, quote)
        for one in await self.list():
            if one.pair == pair:
                return one
        raise rate_not_found(pair)
