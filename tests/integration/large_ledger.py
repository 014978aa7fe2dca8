"""Create a ledger of 300,000 customers and their webhooks inside the database, for tests that need large tables.

The core did not create it, so the audit does not pass on it; its sizes, its distribution and the order of its ids are
realistic. Customers were registered one per second, then transactions were posted ten per second.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any
from uuid import UUID

from tekana.application.secrets.customer_vault import CustomerVault
from tekana.domain.answers import CustomerWithWallets
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.customer import Customer
from tekana.domain.identifiers import CustomerId, house_wallet_id
from tekana.domain.money import Currency
from tekana.domain.wallet import house_wallets
from tekana.ports.unit_of_work import IdempotencyKey
from tekana_postgres.customer_data import DetailsRow, answer_place, details_row
from tekana_postgres.rows import WALLET_COLUMNS, answer_json, key_digest, wallet_row

CUSTOMERS = 300_000
TRANSACTIONS = 300_000
REGISTRATIONS = 100_000
"""The number of customers whose registration has a stored key."""
MERCHANT = 1
"""The number of the customer that receives every tenth transaction."""
COMMON_REFERENCE = "wages"
"""The reference of every third transaction."""
ENDPOINTS = 200
DELIVERIES = 300_000
AUDIT_ENTRIES = 100_000
"""Every thousandth is a refusal, and every tenth is of SUPPORT."""
SUPPORT = "key:support"
PENDING = 20_000
"""The number of deliveries that are not delivered yet: the last ones, each of another stream."""
LONG_STREAM = 20_000
"""The number of further deliveries: all of one stream, which is due before the others."""
KEY = "a key"
"""An idempotency key of the local operator, which led to a transaction."""
IN_USE = 1_000
"""Wallets up to this number have a correct version; to compute it for all would take long."""

_CUSTOMER, _WALLET, _TRANSACTION, _ENDPOINT, _DELIVERY, _AUDIT_ENTRY = 1, 2, 3, 4, 5, 6
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_FIRST_TRANSACTION = _BEGIN + timedelta(days=15)

# PostgreSQL puts them into the statements, as all of their parts are immutable; `text || int` would not be.
_FUNCTIONS = f"""
CREATE FUNCTION pg_temp.ms(kind int, number bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN kind = {_TRANSACTION} THEN {_FIRST_TRANSACTION.timestamp() * 1000:.0f} + number * 100
                ELSE {_BEGIN.timestamp() * 1000:.0f} + number * 1000 END
$$;
CREATE FUNCTION pg_temp.id(kind int, number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(pg_temp.ms(kind, number)), 12, '0') || '7000800' || kind::text
            || lpad(to_hex(number), 12, '0'))::uuid
$$;
CREATE FUNCTION pg_temp.moment(kind int, number bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT to_timestamp(pg_temp.ms(kind, number) / 1000::double precision)
$$;
"""
_CUSTOMERS = f"""
INSERT INTO customers (id, status, version, created_by, created_at, updated_at)
SELECT pg_temp.id({_CUSTOMER}, n),
       CASE WHEN n % 100 = 0 THEN 'suspended' WHEN n % 1000 = 2 THEN 'closed' ELSE 'active' END,
       1, 'local', pg_temp.moment({_CUSTOMER}, n), pg_temp.moment({_CUSTOMER}, n)
FROM generate_series(1::bigint, {CUSTOMERS}) n
"""
# With blind indexes that no contact has, and without keys, which only the application makes: see `write_details`.
_DETAILS = f"""
INSERT INTO customer_details (id, email_index, phone_number_index, external_id_index, closed, version)
SELECT pg_temp.id({_CUSTOMER}, n), sha256(('email ' || n)::bytea), sha256(('phone ' || n)::bytea),
       sha256(('external ' || n)::bytea), n % 1000 = 2 AND n % 100 <> 0, 1
FROM generate_series(1::bigint, {CUSTOMERS}) n
"""
_WALLETS = f"""
INSERT INTO wallets (id, customer_id, currency, status, customer_active, ledger_balance, held, version, sequence,
                     created_by, created_at, updated_at)
SELECT pg_temp.id({_WALLET}, n), pg_temp.id({_CUSTOMER}, n), CASE WHEN n % 20 = 0 THEN 'USD' ELSE 'RWF' END, 'active',
       true, 1000, 0, 0, 1, 'local', pg_temp.moment({_WALLET}, n),
       pg_temp.moment({_WALLET}, n)
FROM generate_series(1::bigint, {CUSTOMERS}) n
"""
_TRANSACTIONS = f"""
INSERT INTO transactions (id, type, status, amount, currency, from_wallet_id, to_wallet_id, reference, rejection,
                          created_by, created_at, posted_at, details)
SELECT pg_temp.id({_TRANSACTION}, n), CASE WHEN deposit THEN 'deposit' WHEN held THEN 'hold' ELSE 'transfer' END,
       CASE WHEN rejected THEN 'rejected' WHEN held THEN 'pending' ELSE 'posted' END, 100, 'RWF',
       CASE WHEN deposit THEN '{house_wallet_id("settlement", Currency("RWF"))}'
            ELSE pg_temp.id({_WALLET}, 1 + n * 7919 % {CUSTOMERS}) END,
       pg_temp.id({_WALLET}, CASE WHEN n % 10 = 1 THEN {MERCHANT} ELSE 1 + n * 104729 % {CUSTOMERS} END),
       CASE n % 3 WHEN 0 THEN 'order-' || n WHEN 1 THEN '{COMMON_REFERENCE}' END,
       CASE WHEN rejected THEN '["InsufficientFunds", "insufficient_funds", "no", null]'::json END,
       'local', at, CASE WHEN NOT rejected AND NOT held THEN at END,
       CASE WHEN held THEN '{{"expires_in": 604800}}'::json END
FROM generate_series(1::bigint, {TRANSACTIONS}) n, pg_temp.moment({_TRANSACTION}, n) at,
     LATERAL (SELECT n % 10 = 0 AS deposit, n % 100 = 51 AS rejected, n % 50 IN (21, 33) AS held) kind
"""
# Half of them for the merchant. One of ten is open.
_HOLDS = """
INSERT INTO holds (id, amount, captured, status, expires_at, sequence)
SELECT id, 100, CASE WHEN number % 10 = 0 THEN 0 ELSE 100 END,
       CASE WHEN number % 10 = 0 THEN 'pending' ELSE 'captured' END, created_at + interval '7 days', 1
FROM (SELECT id, created_at, row_number() OVER (ORDER BY id) AS number FROM transactions WHERE status = 'pending') t
"""
_REVERSALS = "INSERT INTO reversals (id, amount) SELECT id, 1 FROM transactions WHERE status = 'posted' LIMIT 100000"
_QUOTES = """
INSERT INTO quotes (id, tenant, type, from_wallet_id, to_wallet_id, amount, currency, created_by, created_at,
                    expires_at)
SELECT gen_random_uuid(), 'main', type, from_wallet_id, to_wallet_id, amount, currency, 'local', created_at,
       created_at + interval '1 minute'
FROM transactions WHERE status = 'posted' LIMIT 100000
"""
_ENTRIES = """
INSERT INTO entries (wallet_id, version, sequence, transaction_id, amount, currency, ledger_balance_after, posted_at)
SELECT wallet_id, row_number() OVER wallet, row_number() OVER wallet + 1, id, minor, 'RWF', 1000, posted_at
FROM (SELECT id, from_wallet_id AS wallet_id, -amount AS minor, posted_at FROM transactions WHERE status = 'posted'
      UNION ALL SELECT id, to_wallet_id, amount, posted_at FROM transactions WHERE status = 'posted') e
WINDOW wallet AS (PARTITION BY wallet_id ORDER BY id)
"""
_VERSIONS = f"""
UPDATE wallets w SET version = e.entries, sequence = e.entries + 1
FROM (SELECT wallet_id, count(*) AS entries FROM entries WHERE wallet_id <= pg_temp.id({_WALLET}, {IN_USE})
      GROUP BY wallet_id) e
WHERE w.id = e.wallet_id
"""
_KEYS = f"""
INSERT INTO idempotency_keys (key_digest, fingerprint, transaction_id)
SELECT md5(n::text)::uuid, n, pg_temp.id({_TRANSACTION}, n) FROM generate_series(1::bigint, {TRANSACTIONS}) n
"""
_KEY = "INSERT INTO idempotency_keys (key_digest, fingerprint, transaction_id) VALUES ($1, 1, $2)"
_CUSTOMER_KEYS = f"""
INSERT INTO idempotency_keys (key_digest, fingerprint, answer)
SELECT md5('r' || n)::uuid, n, json_build_array('CustomerAnswer', pg_temp.id({_CUSTOMER}, n))
FROM generate_series(1::bigint, {REGISTRATIONS}) n
"""
_CUSTOMER_ANSWERS = f"""
INSERT INTO customer_answers (key_digest, customer_id, encrypted)
SELECT md5('r' || n)::uuid, pg_temp.id({_CUSTOMER}, n), ''
FROM generate_series(1::bigint, {REGISTRATIONS}) n
"""
_OUTBOX = f"""
INSERT INTO outbox (position, transaction_id)
SELECT nextval('outbox_position_seq'), pg_temp.id({_TRANSACTION}, n) FROM generate_series(1::bigint, {TRANSACTIONS}) n
"""
_ENDPOINTS = f"""
INSERT INTO webhook_endpoints (id, url, secret, status, created_by, created_at, updated_at)
SELECT pg_temp.id({_ENDPOINT}, n), 'https://example.com/' || n, 'secret', 'active', 'local',
       pg_temp.moment({_ENDPOINT}, n), pg_temp.moment({_ENDPOINT}, n)
FROM generate_series(1::bigint, {ENDPOINTS}) n
"""
_DELIVERIES = f"""
INSERT INTO webhook_deliveries (id, endpoint_id, aggregate_id, sequence, event_id, event_type, body, status, tries,
                                attempts, created_at, ended_at)
SELECT pg_temp.id({_DELIVERY}, n), pg_temp.id({_ENDPOINT}, 1 + n % {ENDPOINTS}),
       pg_temp.id({_WALLET}, 1 + n * 7919 % {CUSTOMERS}), n, n || ':1', 'WalletCredited', '{{}}',
       CASE WHEN pending THEN 'pending' ELSE 'delivered' END, 1, '[]', at, CASE WHEN NOT pending THEN at END
FROM generate_series(1::bigint, {DELIVERIES}) n, pg_temp.moment({_DELIVERY}, n) at,
     LATERAL (SELECT n > {DELIVERIES - PENDING} AS pending) kind
"""
_LONG_STREAM = f"""
INSERT INTO webhook_deliveries (id, endpoint_id, aggregate_id, sequence, event_id, event_type, body, status, tries,
                                attempts, created_at)
SELECT pg_temp.id({_DELIVERY}, n), pg_temp.id({_ENDPOINT}, 2::bigint), pg_temp.id({_WALLET}, 1::bigint), n, n || ':1',
       'WalletCredited', '{{}}', 'pending', 0, '[]', pg_temp.moment({_DELIVERY}, 1::bigint)
FROM generate_series({DELIVERIES + 1}::bigint, {DELIVERIES + LONG_STREAM}) n
"""
_STREAMS = """
INSERT INTO webhook_lines (endpoint_id, aggregate_id, next_attempt_at)
SELECT endpoint_id, aggregate_id, min(created_at) FROM webhook_deliveries WHERE status = 'pending' GROUP BY 1, 2
"""
_AUDIT_LOG = f"""
INSERT INTO audit_log (id, at, tenant, subject, kind, action, outcome, code, resource, resource_id, personal_fields,
                       occurrences)
SELECT pg_temp.id({_AUDIT_ENTRY}, n), pg_temp.moment({_AUDIT_ENTRY}, n), 'main',
       CASE WHEN n % 10 = 0 THEN '{SUPPORT}' ELSE 'local' END, 'operator',
       CASE WHEN refused THEN 'CloseCustomer' ELSE 'VerifyCustomer' END,
       CASE WHEN refused THEN 'refused' ELSE 'done' END, CASE WHEN refused THEN 'forbidden' END, 'customer',
       pg_temp.id({_CUSTOMER}, n), '{{}}', 1
FROM generate_series(1::bigint, {AUDIT_ENTRIES}) n, LATERAL (SELECT n % 1000 = 0 AS refused) kind
"""
_SIGN_IN = (
    f"""
INSERT INTO credentials (customer_id, tenant, password_hash, changed_at, attempts)
SELECT pg_temp.id({_CUSTOMER}, n), 'main', '', pg_temp.moment({_CUSTOMER}, n), 0
FROM generate_series(1::bigint, {REGISTRATIONS}) n
""",
    f"""
INSERT INTO refresh_families (id, customer_id, tenant, created_at, rotated_at, digest, ended)
SELECT pg_temp.id({_CUSTOMER}, n), pg_temp.id({_CUSTOMER}, n), 'main', at, at, '', false
FROM generate_series(1::bigint, {REGISTRATIONS}) n, pg_temp.moment({_CUSTOMER}, n) at
""",
    f"""
INSERT INTO one_time_codes (id, customer_id, tenant, code_hash, created_at, attempts)
SELECT pg_temp.id({_CUSTOMER}, n), pg_temp.id({_CUSTOMER}, n), 'main', '', pg_temp.moment({_CUSTOMER}, n), 0
FROM generate_series(1::bigint, {REGISTRATIONS}) n
""",
    f"""
INSERT INTO identities (id, tenant, issuer, subject, customer_id, created_by, created_at)
SELECT pg_temp.id({_CUSTOMER}, n), 'main', 'https://issuer.example.com', n::text, pg_temp.id({_CUSTOMER}, n), 'local',
       pg_temp.moment({_CUSTOMER}, n)
FROM generate_series(1::bigint, {REGISTRATIONS}) n
""",
)
_TABLES = (
    *("customers", "customer_details", "wallets", "transactions", "entries", "idempotency_keys", "customer_answers"),
    *("webhook_deliveries", "audit_log", "credentials", "refresh_families", "one_time_codes", "identities"),
)
"""The large tables, but for the outbox, which has partitions."""
_INDEXES = f"""
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
WHERE NOT indisprimary AND indrelid::regclass::text IN {_TABLES}
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


_UPDATE_DETAILS = f"""
UPDATE customer_details SET {", ".join(f"{name} = ${place}" for place, name in enumerate(DetailsRow._fields[1:], 2))}
WHERE id = $1
"""


def customer_id(number: int) -> UUID:
    return _id(_CUSTOMER, number, _BEGIN + timedelta(seconds=number))


def wallet_id(number: int) -> UUID:
    """Return the id of the wallet of the customer with this number."""
    return _id(_WALLET, number, _BEGIN + timedelta(seconds=number))


def endpoint_id(number: int) -> UUID:
    return _id(_ENDPOINT, number, _BEGIN + timedelta(seconds=number))


def delivery_id(number: int) -> UUID:
    return _id(_DELIVERY, number, _BEGIN + timedelta(seconds=number))


def audit_time(number: int) -> datetime:
    return _BEGIN + timedelta(seconds=number)


def delivery_time(number: int) -> datetime:
    return _BEGIN + timedelta(seconds=number)


def transaction_id(number: int) -> UUID:
    return _id(_TRANSACTION, number, transaction_time(number))


def transaction_time(number: int) -> datetime:
    return _FIRST_TRANSACTION + number * timedelta(seconds=0.1)


def _id(kind: int, number: int, at: datetime) -> UUID:
    return UUID(f"{round(at.timestamp() * 1000):012x}7000800{kind}{number:012x}")


async def fill(connection: Any) -> None:
    """Fill a migrated, empty database through a superuser's asyncpg connection."""
    await connection.execute("SET maintenance_work_mem = '256MB'; SET work_mem = '64MB'")
    indexes = await connection.fetch(_INDEXES)
    for index in indexes:  # created again at the end, which is faster than row by row
        await connection.execute(f"DROP INDEX {index['name']}")
    for table in _TABLES:
        await connection.execute(f"ALTER TABLE {table} SET UNLOGGED")
    await connection.execute(_FUNCTIONS)
    houses = [
        wallet_row(house)
        for currency in ("RWF", "USD")
        for house in house_wallets(Currency(currency), created_by="local", at=_BEGIN)
    ]
    await connection.copy_records_to_table("wallets", records=houses, columns=WALLET_COLUMNS)
    statements = [_CUSTOMERS, _DETAILS, _WALLETS, _TRANSACTIONS, _HOLDS, _REVERSALS, _QUOTES, _ENTRIES, _VERSIONS]
    statements += [_KEYS, _CUSTOMER_KEYS, _CUSTOMER_ANSWERS, _OUTBOX, _ENDPOINTS, _DELIVERIES]
    statements += [_LONG_STREAM, _STREAMS, _AUDIT_LOG, *_SIGN_IN]
    digest = key_digest(IdempotencyKey(LOCAL_OPERATOR.tenant, LOCAL_OPERATOR.subject, KEY))
    await connection.execute(_KEY, digest, transaction_id(TRANSACTIONS // 2))
    for statement in (*statements, *(index["definition"] for index in indexes), "VACUUM ANALYZE"):
        await connection.execute(statement)


async def write_details(connection: Any, vault: CustomerVault, number: int) -> None:
    """Encrypt details of the customer with this number, and the answer to their registration."""
    at = _BEGIN + timedelta(seconds=number)
    customer = Customer(
        id=CustomerId(customer_id(number)),
        full_name=f"Customer {number}",
        email=f"c{number}@example.com",
        phone_number=f"+250{700_000_000 + number}",
        country=None,
        external_id=f"crm-{number}",
        metadata=None,
        status="active",
        created_by="local",
        created_at=at,
        updated_at=at,
    )
    row = await details_row(vault, customer)
    await connection.execute(_UPDATE_DETAILS, *row)
    digest = md5(f"r{number}".encode(), usedforsecurity=False).hexdigest()
    answer = answer_json(CustomerWithWallets(customer, ()))
    place = answer_place(digest)
    encrypted = await vault.encrypt_text(str(row.key), customer.id, answer, place)
    await connection.execute("UPDATE customer_answers SET encrypted = $2 WHERE key_digest = $1", digest, encrypted)
