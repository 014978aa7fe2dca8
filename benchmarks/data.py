"""Create a ledger of any size inside the database: customers, wallets, deposits and a history of transfers.

The audit passes on it: every balance is the sum of entries, every transaction has its key and its row in the outbox.
Wallets are numbered from 0, and a wallet's id is computed from its number, here and in `requests.lua`.
"""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, cast
from uuid import UUID

from tekana.application.commands.limits.limit_fields import COUNT_MAX
from tekana.bootstrap import Settings
from tekana.bootstrap.lifespan import build_local
from tekana.domain.customer import Customer
from tekana.domain.identifiers import CustomerId, WalletId, house_wallet_id
from tekana.domain.limits import LIMIT_NAMES, is_count
from tekana.domain.money import AMOUNT_MAX_MINOR, Currency
from tekana.domain.wallet import house_wallets
from tekana_postgres import PostgresStore
from tekana_postgres.customer_data import DetailsRow, details_row
from tekana_postgres.rows import WALLET_COLUMNS, wallet_row

CURRENCY = Currency("RWF")
START_BALANCE = 1_000_000_000
"""The initial balance of each wallet, in minor units: enough for every benchmark."""

LARGEST_LIMITS = {name: COUNT_MAX if is_count(name) else AMOUNT_MAX_MINOR for name in LIMIT_NAMES}
"""The limits, in minor units: each is set, so that each is compared; none is reached."""

_EPOCH = datetime(2025, 10, 20, 2, tzinfo=UTC)
_AMOUNT = 100
_AUTHOR = "benchmarks"
_BATCH = 10_000  # customers that are encrypted at once
_LONGEST = 3600.0  # timeout of one statement, in seconds

_WALLET, _CUSTOMER = "7000", "7001"

WALLET_ID = f"019a0000-0000-{_WALLET}-8000-%012x"
"""Template of a wallet's id: a UUIDv7 that ends with the wallet's number."""


def wallet_id(number: int) -> WalletId:
    """Return the id of the wallet with this number."""
    return WalletId(UUID(WALLET_ID % number))


def random_pair(wallets: int, *, hot: bool) -> tuple[WalletId, WalletId]:
    """Choose payer and payee at random; with `hot`, the payee is wallet 0 in half of the cases."""
    to = 0 if hot and random.random() < 0.5 else random.randrange(wallets)
    from_ = random.randrange(wallets - 1)
    from_ += from_ >= to  # differs from the payee
    return wallet_id(from_), wallet_id(to)


async def fill(connection: Any, wallets: int, *, rounds: int = 0) -> None:
    """Fill an empty, migrated database through a superuser's asyncpg connection, then vacuum and analyze it.

    Each of the `wallets`, ten million at most, belongs to a customer of its own and gets a deposit of START_BALANCE. In
    each of the `rounds` every wallet then pays another once and is paid once, in an order without a pattern: that makes
    `rounds * wallets` transfers.
    """
    await _open_house(connection, wallets, rounds)
    for statement in (
        *(_CUSTOMERS, _WALLETS, _OPENINGS, _DEPOSITS, _DEPOSIT_ENTRIES, _TRANSFERS, _TRANSFER_ENTRIES),
        *(_KEYS, _ANNOUNCEMENTS, _POSITION, _LIMITS, _NEW_TERMS, "VACUUM ANALYZE"),
    ):
        await connection.execute(_bound(statement, wallets, rounds), timeout=_LONGEST)


async def write_details(connection: Any, url: str, wallets: int) -> None:
    """Encrypt the personal data of the customers of a filled database. It takes a minute or two for a million.

    Args:
        connection: a superuser's asyncpg connection.
        url: the database's URL.
        wallets: as for `fill`.
    """
    store = cast("PostgresStore", build_local(Settings(database_url=url)).store())
    try:
        for begin in range(0, wallets, _BATCH):
            customers = [_customer(number) for number in range(begin, min(begin + _BATCH, wallets))]
            rows = [await details_row(store.vault, one) for one in customers]
            await connection.copy_records_to_table("customer_details", records=rows, columns=DetailsRow._fields)
    finally:
        await store.stop()
    await connection.execute("VACUUM ANALYZE customer_details", timeout=_LONGEST)


def _customer(number: int) -> Customer:
    return Customer(
        id=CustomerId(UUID(f"019a0000-0000-{_CUSTOMER}-8000-{number:012x}")),
        full_name=f"Customer {number}",
        email=f"c{number}@example.com",
        phone_number=f"+250{700_000_000 + number}",
        country="RW",
        external_id=None,
        metadata=None,
        created_by=_AUTHOR,
        created_at=_EPOCH,
        updated_at=_EPOCH,
    )


async def _open_house(connection: Any, wallets: int, rounds: int) -> None:
    moment = _EPOCH + timedelta(microseconds=(rounds + 1) * wallets)  # no earlier than any entry
    house = house_wallets(CURRENCY, created_by=_AUTHOR, at=moment)
    for wallet in house:
        if wallet.house == "settlement":  # where the deposits come from
            wallet.ledger_balance = -wallets * START_BALANCE
            wallet.version = wallet.sequence = wallets
    await connection.copy_records_to_table(
        "wallets", records=[wallet_row(one) for one in house], columns=WALLET_COLUMNS
    )


def _bound(statement: str, wallets: int, rounds: int) -> str:
    """Return the statement with its numbers inserted; all of them come from this module."""
    step = next(one for one in count(int(wallets * 0.618) + 1) if math.gcd(one, wallets) == 1)
    return statement.format(
        wallets=wallets,
        last=wallets - 1,
        transactions=wallets * (rounds + 1),
        rounds=rounds,
        step=step,
        balance=START_BALANCE,
        amount=_AMOUNT,
        currency=CURRENCY,
        author=_AUTHOR,
        settlement=house_wallet_id("settlement", CURRENCY),
        epoch=_EPOCH.isoformat(),
    )


def _id(kind: str, number: str) -> str:
    return f"('019a0000-0000-{kind}-8000-' || lpad(to_hex({number}), 12, '0'))::uuid"


def _transaction_id(number: str) -> str:
    """Return the SQL of a transaction's id; see tekana.domain.identifiers.first_transaction_id."""
    milliseconds = f"lpad(to_hex({int(_EPOCH.timestamp()) * 1000} + ({number}) / 1000), 12, '0')"
    microseconds = f"lpad(to_hex(({number}) % 1000), 3, '0')"
    return f"({milliseconds} || '7' || {microseconds} || '8000' || lpad(to_hex({number}), 12, '0'))::uuid"


def _moment(number: str) -> str:
    return f"timestamptz '{{epoch}}' + {number} * interval '1 microsecond'"


_EPOCH_IN_JSON = "to_json(timestamptz '{epoch}')"

_CUSTOMERS = f"""
INSERT INTO customers (id, country, status, version, created_by, created_at, updated_at)
SELECT {_id(_CUSTOMER, "n")}, 'RW', 'active', 1, '{{author}}', '{{epoch}}', '{{epoch}}'
FROM generate_series(0::bigint, {{last}}) n
"""
_WALLETS = f"""
INSERT INTO wallets (id, customer_id, currency, status, customer_active, ledger_balance, held, version, sequence,
                     created_by, created_at, updated_at)
SELECT {_id(_WALLET, "n")}, {_id(_CUSTOMER, "n")}, '{{currency}}', 'active', true, {{balance}}, 0,
       1 + 2 * {{rounds}}, 2 + 2 * {{rounds}}, '{{author}}', '{{epoch}}', {_moment("{transactions}")}
FROM generate_series(0::bigint, {{last}}) n
"""
_OPENINGS = f"""
INSERT INTO outbox (position, event_type, event)
SELECT 2 * n + place, event_type, event FROM generate_series(0::bigint, {{last}}) n,
LATERAL (VALUES
    (1, 'CustomerRegistered', json_build_object('customer_id', {_id(_CUSTOMER, "n")}, 'sequence', 1,
                                                'occurred_at', {_EPOCH_IN_JSON}, 'country', 'RW')),
    (2, 'WalletOpened', json_build_object('wallet_id', {_id(_WALLET, "n")}, 'sequence', 1,
                                          'occurred_at', {_EPOCH_IN_JSON}, 'customer_id', {_id(_CUSTOMER, "n")},
                                          'currency', '{{currency}}'))
) AS events (place, event_type, event)
"""
_DEPOSITS = f"""
INSERT INTO transactions (id, type, status, amount, currency, from_wallet_id, to_wallet_id, created_by, created_at,
                          posted_at)
SELECT {_transaction_id("n")}, 'deposit', 'posted', {{balance}}, '{{currency}}', '{{settlement}}',
       {_id(_WALLET, "n")}, '{{author}}', {_moment("n")}, {_moment("n")}
FROM generate_series(0::bigint, {{last}}) n
"""
_DEPOSIT_ENTRIES = f"""
INSERT INTO entries (wallet_id, version, sequence, transaction_id, amount, currency, ledger_balance_after, posted_at)
SELECT wallet_id, version, sequence, {_transaction_id("n")}, amount, '{{currency}}', after, {_moment("n")}
FROM generate_series(0::bigint, {{last}}) n,
LATERAL (VALUES ('{{settlement}}'::uuid, n + 1, n + 1, -{{balance}}, -(n + 1) * {{balance}}::bigint),
                ({_id(_WALLET, "n")}, 1, 2, {{balance}}, {{balance}})
) AS legs (wallet_id, version, sequence, amount, after)
"""

# A round is a ring of all wallets: the one at `place` pays the one at `paid`, which is `distance` further along. So
# each wallet pays once and is paid once, and its balance and version follow without a sum, whichever comes first.
_RING = f"""
FROM generate_series({{wallets}}::bigint, {{transactions}} - 1) number,
LATERAL (SELECT number / {{wallets}} - 1 AS round, number % {{wallets}} AS place) a,
LATERAL (SELECT 1 + round * 7919 % ({{wallets}} - 1) AS distance) b,
LATERAL (SELECT (place + distance) % {{wallets}} AS paid,
                (place - distance + {{wallets}}) % {{wallets}} AS was_paid_at) c,
LATERAL (SELECT {_id(_WALLET, "place * {step} % {wallets}")} AS from_wallet_id,
                {_id(_WALLET, "paid * {step} % {wallets}")} AS to_wallet_id) d
"""
_TRANSFERS = f"""
INSERT INTO transactions (id, type, status, amount, currency, from_wallet_id, to_wallet_id, created_by, created_at,
                          posted_at)
SELECT {_transaction_id("number")}, 'transfer', 'posted', {{amount}}, '{{currency}}', from_wallet_id, to_wallet_id,
       '{{author}}', {_moment("number")}, {_moment("number")}
{_RING}
"""
_TRANSFER_ENTRIES = f"""
INSERT INTO entries (wallet_id, version, sequence, transaction_id, amount, currency, ledger_balance_after, posted_at)
SELECT wallet_id, 2 + 2 * round + later, 3 + 2 * round + later, {_transaction_id("number")}, amount, '{{currency}}',
       {{balance}} + amount * (1 - later), {_moment("number")}
{_RING},
LATERAL (VALUES (from_wallet_id, -{{amount}}, (place > was_paid_at)::int),
                (to_wallet_id, {{amount}}, (place > paid)::int)
) AS legs (wallet_id, amount, later)
"""

_KEYS = f"""
INSERT INTO idempotency_keys (key_digest, fingerprint, transaction_id)
SELECT md5('{{author}}' || number)::uuid, number, {_transaction_id("number")}
FROM generate_series(0::bigint, {{transactions}} - 1) number
"""
_ANNOUNCEMENTS = f"""
INSERT INTO outbox (position, transaction_id)
SELECT 2 * {{wallets}} + number + 1, {_transaction_id("number")}
FROM generate_series(0::bigint, {{transactions}} - 1) number
"""
_LIMITS = f"""
INSERT INTO limits SELECT id, version + 1, tier, currency, '{{epoch}}', '{{author}}', {
    ", ".join(str(LARGEST_LIMITS[name]) for name in LIMIT_NAMES)
} FROM limits WHERE tier = '0' AND currency = '{{currency}}'
"""
_NEW_TERMS = "UPDATE terms SET version = version + 1, counted_from = now()"
_POSITION = "SELECT setval('outbox_position_seq', 2 * {wallets} + {transactions})"
