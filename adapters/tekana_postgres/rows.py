"""Rows and the domain: how one is read from the other."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import fields
from hashlib import blake2b
from typing import Any, cast, get_args
from uuid import UUID

import msgspec
from asyncpg.pgproto.pgproto import UUID as PostgresUUID  # noqa: N811 - a class, whatever its name looks like

from tekana.domain.book import Answer, BatchRecord, CustomerWithWallets
from tekana.domain.customer import Customer, Metadata
from tekana.domain.events import EVENT_TYPES, Event
from tekana.domain.money import Money
from tekana.domain.transaction import Entry, Rejection, Transaction, TransactionRequest
from tekana.domain.wallet import Wallet
from tekana.domain.webhooks import ConfiguredWebhook
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord

Row = Mapping[str, Any]

_StoredAnswer = Wallet | CustomerWithWallets | Rejection | BatchRecord | ConfiguredWebhook
_STORED_ANSWERS: dict[str, type[_StoredAnswer]] = {kind.__name__: kind for kind in get_args(_StoredAnswer)}

CUSTOMER_COLUMNS = (
    *("id", "full_name", "email", "phone_number", "country", "external_id", "metadata", "status", "suspension_reason"),
    *("tier", "version", "created_by", "created_at", "updated_at"),
)
WALLET_COLUMNS = tuple(field.name for field in fields(Wallet))
_customer_values = operator.attrgetter(*CUSTOMER_COLUMNS)
_wallet_values = operator.attrgetter(*WALLET_COLUMNS)
_METADATA_OF_CUSTOMER = CUSTOMER_COLUMNS.index("metadata")
_METADATA_OF_WALLET = WALLET_COLUMNS.index("metadata")


def key_digest(key: IdempotencyKey) -> UUID:
    """128 bits that stand for a caller's key: short enough to index by the billion, long enough never to collide."""
    caller, name = key
    digest: UUID = PostgresUUID(blake2b(f"{len(caller)}:{caller}{name}".encode(), digest_size=16).digest())
    return digest


def customer_of(row: Row) -> Customer:
    """Read a row of `customers`."""
    return Customer(**{**row, "metadata": read_json(row["metadata"])})


def wallet_of(row: Row) -> Wallet:
    """Read a row of `wallets`."""
    return wallet_from([row[name] for name in WALLET_COLUMNS])


def wallet_from(values: Sequence[Any]) -> Wallet:
    """The wallet of these values, which begin with those of WALLET_COLUMNS."""
    wallet = Wallet(*values[: len(WALLET_COLUMNS)])
    if wallet.metadata is not None:
        wallet.metadata = read_json(cast("str", wallet.metadata))
    return wallet


def customer_row(customer: Customer) -> tuple[Any, ...]:
    """The customer's values in the order of CUSTOMER_COLUMNS."""
    return _with_json(_customer_values(customer), _METADATA_OF_CUSTOMER)


def wallet_row(wallet: Wallet) -> tuple[Any, ...]:
    """The wallet's values in the order of WALLET_COLUMNS."""
    return _with_json(_wallet_values(wallet), _METADATA_OF_WALLET)


def transaction_of(row: Row, entries: tuple[Entry, ...]) -> Transaction:
    """Read a row of `transactions`."""
    rejection = row["rejection"]
    return Transaction(
        id=row["id"],
        request=TransactionRequest(
            type=row["type"],
            money=Money(row["amount"], row["currency"]),
            from_wallet_id=row["from_wallet_id"],
            to_wallet_id=row["to_wallet_id"],
            description=row["description"],
            reference=row["reference"],
            metadata=read_json(row["metadata"]),
            effective_at=row["effective_at"],
        ),
        status=row["status"],
        entries=entries,
        rejection=None if rejection is None else msgspec.json.decode(rejection, type=Rejection),
        created_by=row["created_by"],
        created_at=row["created_at"],
        posted_at=row["posted_at"],
    )


def entry_of(row: Row) -> Entry:
    """Read a row of `entries`."""
    return Entry(
        row["wallet_id"],
        row["version"],
        row["sequence"],
        row["amount"],
        row["currency"],
        row["ledger_balance_after"],
    )


def event_of(event_type: str, event: str) -> Event:
    """Read an event of the outbox."""
    return msgspec.json.decode(event, type=EVENT_TYPES[event_type])


def claimed_of(fingerprint: int, transaction: Transaction | None, answer: str | None) -> IdempotencyRecord:
    """What a key led to: the transaction, or the answer kept with the key."""
    if transaction is not None:
        return IdempotencyRecord(fingerprint, transaction)
    kind, value = msgspec.json.decode(answer or "", type=tuple[str, msgspec.Raw])
    return IdempotencyRecord(fingerprint, msgspec.json.decode(value, type=_STORED_ANSWERS[kind]))


def answer_json(answer: Answer | ConfiguredWebhook) -> str:
    """An answer that is no transaction, as it is kept with its key."""
    return msgspec.json.encode((type(answer).__name__, answer)).decode()


def write_json(value: object) -> str | None:
    """JSON text, for a column that keeps it as it is; None stays None."""
    return None if value is None else msgspec.json.encode(value).decode()


def read_json(value: str | None) -> Metadata | None:
    """The other way."""
    return None if value is None else msgspec.json.decode(value)


def _with_json(values: tuple[Any, ...], place: int) -> tuple[Any, ...]:
    return (*values[:place], write_json(values[place]), *values[place + 1 :])
