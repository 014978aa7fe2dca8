"""Encrypting the personal data of a ledger that an earlier version wrote, and the way back.

It runs between two migrations, which have no keys. It only adds: the version before goes on with its readable columns
until the second migration drops them. It can be interrupted anywhere, and any number of processes may run it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import asyncpg

from tekana.application.secrets.customer_vault import PERSONAL_FIELDS, CustomerVault
from tekana.domain.customer import Customer
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.customer_data import DetailsRow, answer_place, customer_keys, details_row, whole_customer
from tekana_postgres.rows import CUSTOMER_COLUMNS, read_json, write_json

_BATCH: Final = 1000
_PASSES_MAX: Final = 20
_REPORT_SECONDS: Final = 2.0

# The user of the connection, who owns the tables, and not the role of the application.
_AS_OWNER: Final = "RESET ROLE; SET statement_timeout = 0"

Report = Callable[[str], None]

# Columns that were added later are NULL in these rows.
_COLUMNS: Final = ", ".join(
    f"NULL AS {name}" if name == "limit_overrides" else f"c.{name}" for name in CUSTOMER_COLUMNS
)
# Those that were changed since they were encrypted. Their contacts may be those of others by now. Their keys go with
# them, so the answers that were encrypted with these are encrypted again as well.
_DROP_STALE = """
WITH stale AS (
    DELETE FROM customer_details d USING customers c WHERE c.id = d.id AND c.version <> d.version RETURNING d.id
)
UPDATE customer_answers a SET encrypted = NULL FROM stale WHERE a.customer_id = stale.id
"""
_COUNT = "SELECT count(*) FROM customers c WHERE NOT EXISTS (SELECT FROM customer_details d WHERE d.id = c.id)"
_MISSING = f"""
SELECT {_COLUMNS}, {", ".join(f"c.{name}" for name in PERSONAL_FIELDS)} FROM customers c
WHERE NOT EXISTS (SELECT FROM customer_details d WHERE d.id = c.id) AND ($1::uuid IS NULL OR c.id > $1)
ORDER BY c.id LIMIT {_BATCH}
"""
_ADD = f"""
INSERT INTO customer_details ({", ".join(DetailsRow._fields)})
VALUES ({", ".join(f"${number}" for number in range(1, len(DetailsRow._fields) + 1))}) ON CONFLICT (id) DO NOTHING
"""
_COUNT_ANSWERS = "SELECT count(*) FROM customer_answers WHERE encrypted IS NULL"
_MISSING_ANSWERS = f"""
SELECT key_digest, customer_id, answer FROM customer_answers
WHERE encrypted IS NULL AND ($1::uuid IS NULL OR key_digest > $1) ORDER BY key_digest LIMIT {_BATCH}
"""
_ENCRYPT_ANSWER = "UPDATE customer_answers SET encrypted = $2 WHERE key_digest = $1"

_ENCRYPTED = f"""
SELECT {_COLUMNS}, d.key, d.details
FROM customers c LEFT JOIN customer_details d ON d.id = c.id
WHERE c.email IS NULL AND ($1::uuid IS NULL OR c.id > $1) ORDER BY c.id LIMIT {_BATCH}
"""
_DECRYPT = f"""
UPDATE customers SET {", ".join(f"{name} = ${number}" for number, name in enumerate(PERSONAL_FIELDS, 2))} WHERE id = $1
"""
_ENCRYPTED_ANSWERS = f"""
SELECT a.key_digest, a.customer_id, a.encrypted, d.key
FROM customer_answers a JOIN customer_details d ON d.id = a.customer_id
WHERE a.answer IS NULL AND d.key IS NOT NULL AND ($1::uuid IS NULL OR a.key_digest > $1)
ORDER BY a.key_digest LIMIT {_BATCH}
"""
_DECRYPT_ANSWER = "UPDATE customer_answers SET answer = $2 WHERE key_digest = $1"
_DROP_UNREADABLE_ANSWERS = "DELETE FROM customer_answers WHERE answer IS NULL"


async def encrypt_customers(pool: ConnectionPool, vault: CustomerVault, report: Report) -> None:
    """Encrypt the details of all customers, and the answers with their data, that are readable only.

    Args:
        pool: connections of a user who may change all tables.
        vault: encrypts.
        report: is given lines about the progress.

    Raises:
        KeyUnavailable: the key provider cannot be reached.
    """
    async with raw_connection(pool) as connection:
        await connection.execute(_AS_OWNER)
        for attempt in range(_PASSES_MAX):
            await connection.execute(_DROP_STALE)
            progress = Progress("customers", await connection.fetchval(_COUNT), report)
            try:
                await _in_batches(connection, _MISSING, _encrypt_batch, vault, progress)
                break
            except asyncpg.UniqueViolationError:  # a contact has moved to another customer meanwhile
                if attempt == _PASSES_MAX - 1:
                    raise
        progress = Progress("answers about customers", await connection.fetchval(_COUNT_ANSWERS), report)
        await _in_batches(connection, _MISSING_ANSWERS, _encrypt_answers, vault, progress)


async def decrypt_customers(pool: ConnectionPool, vault: CustomerVault, report: Report) -> None:
    """Fill the readable columns that the downgrade of 0020 has added, from what is encrypted.

    Of a customer who was erased, the columns are empty.

    Raises:
        KeyUnavailable: the key provider cannot be reached.
    """
    async with raw_connection(pool) as connection:
        await connection.execute(_AS_OWNER)
        progress = Progress("customers", None, report)
        await _in_batches(connection, _ENCRYPTED, _decrypt_batch, vault, progress)
        progress = Progress("answers about customers", None, report)
        await _in_batches(connection, _ENCRYPTED_ANSWERS, _decrypt_answers, vault, progress)
        await connection.execute(_DROP_UNREADABLE_ANSWERS)


async def _in_batches(
    connection: asyncpg.Connection, query: str, convert: Any, vault: CustomerVault, progress: Progress
) -> None:
    after = None
    while rows := await connection.fetch(query, after):
        async with connection.transaction():
            await convert(connection, vault, rows)
        after = rows[-1][0]
        progress.add(len(rows))
    progress.end()


async def _encrypt_batch(connection: asyncpg.Connection, vault: CustomerVault, rows: list[asyncpg.Record]) -> None:
    customers = [Customer(**{**row, "metadata": read_json(row["metadata"]), "limit_overrides": ()}) for row in rows]
    await connection.executemany(_ADD, [await details_row(vault, customer) for customer in customers])


async def _encrypt_answers(connection: asyncpg.Connection, vault: CustomerVault, rows: list[asyncpg.Record]) -> None:
    keys = await customer_keys(connection, {row["customer_id"] for row in rows})
    encrypted = []
    for digest, customer_id, answer in rows:
        if customer_id in keys:
            place = answer_place(digest.hex)
            encrypted.append((digest, await vault.encrypt_text(keys[customer_id], customer_id, answer, place)))
    await connection.executemany(_ENCRYPT_ANSWER, encrypted)


async def _decrypt_batch(connection: asyncpg.Connection, vault: CustomerVault, rows: list[asyncpg.Record]) -> None:
    customers = [await whole_customer(vault, row) for row in rows]
    values = [
        (one.id, *(write_json(one.metadata) if name == "metadata" else getattr(one, name) for name in PERSONAL_FIELDS))
        for one in customers
    ]
    await connection.executemany(_DECRYPT, values)


async def _decrypt_answers(connection: asyncpg.Connection, vault: CustomerVault, rows: list[asyncpg.Record]) -> None:
    answers = [
        (digest, await vault.decrypt_text(key, customer_id, encrypted, answer_place(digest.hex)))
        for digest, customer_id, encrypted, key in rows
    ]
    await connection.executemany(_DECRYPT_ANSWER, answers)


class Progress:
    """Reports how many rows were converted, at the end and every few seconds."""

    def __init__(self, what: str, total: int | None, report: Report) -> None:
        self._what = what
        self._of = "" if total is None else f" of {total:,}"
        self._count = 0
        self._report = report
        self._report_at = time.monotonic() + _REPORT_SECONDS

    def add(self, count: int) -> None:
        """Count rows."""
        self._count += count
        if time.monotonic() >= self._report_at:
            self.end()
            self._report_at = time.monotonic() + _REPORT_SECONDS

    def end(self) -> None:
        """Report the count, unless it is 0."""
        if self._count:
            self._report(f"{self._count:,}{self._of} {self._what}")
