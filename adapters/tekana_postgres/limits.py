"""Limits as they are read, and the terms that decisions depend on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import asyncpg

from tekana.domain.caller import Caller
from tekana.domain.customer import Customer
from tekana.domain.errors import CustomerNotFound
from tekana.domain.identifiers import CustomerId
from tekana.domain.limit_rules import CustomerLimits, customer_limits
from tekana.domain.limits import LIMIT_NAMES, LimitSet
from tekana.domain.policy import access_of
from tekana.domain.terms import NO_TERMS, Terms, TimeZoneSetting
from tekana.domain.tier_limits import TierLimits, in_order, terms_of
from tekana.ports.clock import Clock
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.fees import read_fee_schedules
from tekana_postgres.rates import read_rates
from tekana_postgres.rows import CUSTOMER_COLUMNS, WALLET_COLUMNS, customer_of, wallet_of

LIMIT_COLUMNS: Final = ("id", "version", "tier", "currency", "valid_from", "set_by", *LIMIT_NAMES)
_IN_FORCE: Final = f"SELECT DISTINCT ON (id) {', '.join(LIMIT_COLUMNS)} FROM limits ORDER BY id, version DESC"
_TIME_ZONES: Final = "SELECT valid_from, name FROM time_zones ORDER BY valid_from"
_COUNTED_FROM: Final = "SELECT counted_from FROM terms"

_CUSTOMER: Final = f"""
SELECT {", ".join(CUSTOMER_COLUMNS)}, clock_timestamp() AS now, (SELECT version FROM terms) AS terms_version
FROM customers WHERE id = $1 AND tenant = coalesce($2, tenant) AND id = coalesce($3, id)
"""
_WALLETS: Final = f"SELECT {', '.join(WALLET_COLUMNS)} FROM wallets WHERE customer_id = $1 ORDER BY created_at, id"


class CurrentTerms:
    """The terms of the last version that was asked for. They are read again when there is a newer one."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._terms = NO_TERMS

    async def get(self, connection: asyncpg.Connection, version: int) -> Terms:
        """Return the terms of a version that was just read on this connection, or of a later one."""
        if version != self._version:
            limits = map(tier_limits_of, await connection.fetch(_IN_FORCE))
            time_zones = [TimeZoneSetting(*row) for row in await connection.fetch(_TIME_ZONES)]
            rates, fees = await read_rates(connection), await read_fee_schedules(connection)
            counted_from = await connection.fetchval(_COUNTED_FROM)
            self._terms = terms_of(limits, time_zones, rates, fees, counted_from)
            self._version = version
        return self._terms


class PostgresLimits:
    """Implements tekana.ports.limits.Limits."""

    def __init__(self, pool: ConnectionPool, clock: Clock | None, terms: CurrentTerms, caller: Caller) -> None:
        self._pool = pool
        self._clock = clock
        self._terms = terms
        self._access = access_of(caller)

    async def list(self) -> tuple[TierLimits, ...]:
        async with raw_connection(self._pool) as connection:
            return in_order(map(tier_limits_of, await connection.fetch(_IN_FORCE)))

    async def of_customer(self, customer_id: CustomerId) -> CustomerLimits:
        async with (
            raw_connection(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            row = await connection.fetchrow(_CUSTOMER, customer_id, *self._access)
            if row is None:
                raise CustomerNotFound(f"no customer has the id {customer_id}")
            customer: Customer = customer_of(row)
            wallets = map(wallet_of, await connection.fetch(_WALLETS, customer_id))
            terms = await self._terms.get(connection, row["terms_version"])
            return customer_limits(customer, wallets, terms, self._clock() if self._clock else row["now"])


def tier_limits_of(row: Mapping[str, Any]) -> TierLimits:
    """Read a row of `limits`."""
    return TierLimits(
        tier=row["tier"],
        currency=row["currency"],
        limits=LimitSet(*(row[name] for name in LIMIT_NAMES)),
        version=row["version"],
        valid_from=row["valid_from"],
        set_by=row["set_by"],
    )
