"""Conversions between rows and the domain's objects."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import fields
from hashlib import blake2b
from typing import Any, Final, cast

import msgspec

from tekana.domain.answers import ANSWERS, ERASED_ANSWER, Answer, answer_class, stored_form
from tekana.domain.caller import MAIN_TENANT
from tekana.domain.customer import Customer
from tekana.domain.events import EVENT_TYPES, Event
from tekana.domain.fees import Charge
from tekana.domain.identifiers import CustomerId
from tekana.domain.limits import LimitOverride
from tekana.domain.metadata import Metadata
from tekana.domain.money import Money
from tekana.domain.transaction import (
    TRANSACTION_TYPES,
    Entry,
    Rejection,
    Relation,
    Transaction,
    TransactionRequest,
    first_state,
)
from tekana.domain.usage import Usage
from tekana.domain.wallet import Wallet
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord

Row = Mapping[str, Any]

_CHARGE: Final = "charge"
_CUSTOMER_REFERENCE: Final = "CustomerAnswer"

CUSTOMER_COLUMNS = (
    *("id", "country", "status", "tier", "version", "created_by", "created_at", "updated_at", "tenant", "erased_at"),
    "limit_overrides",
)
WALLET_COLUMNS = tuple(field.name for field in fields(Wallet))
_customer_values = operator.attrgetter(*CUSTOMER_COLUMNS)
_wallet_values = operator.attrgetter(*WALLET_COLUMNS)
_METADATA, _OVERRIDE, _USAGE = (WALLET_COLUMNS.index(name) for name in ("metadata", "limit_override", "usage"))
_OVERRIDES = CUSTOMER_COLUMNS.index("limit_overrides")


def key_digest(key: IdempotencyKey) -> str:
    """Return 128 bits, in hexadecimal, that stand for a caller's key: short enough to index, and never the same twice.

    The main tenant has no part in it: its keys are older than tenants are.
    """
    tenant, subject, name = key
    text = f"{len(subject)}:{subject}{name}"
    if tenant != MAIN_TENANT:
        text = f"{len(tenant)}/{tenant}/{text}"
    return blake2b(text.encode(), digest_size=16).hexdigest()


def customer_of(row: Row) -> Customer:
    """Read a row of `customers`, which has no personal data."""
    overrides = row["limit_overrides"]
    return Customer(
        **{name: row[name] for name in CUSTOMER_COLUMNS if name != "limit_overrides"},
        limit_overrides=() if overrides is None else _overrides_of(overrides),
        full_name="",
        email="",
        phone_number="",
        external_id=None,
        metadata=None,
    )


def wallet_of(row: Row) -> Wallet:
    """Read a row of `wallets`."""
    return wallet_from([row[name] for name in WALLET_COLUMNS])


def wallet_from(values: Sequence[Any]) -> Wallet:
    """The wallet of these values, which begin with those of WALLET_COLUMNS."""
    wallet = Wallet(*values[: len(WALLET_COLUMNS)])
    if wallet.metadata is not None:
        wallet.metadata = read_json(cast("str", wallet.metadata))
    if wallet.usage is not None:
        wallet.usage = read_usage(cast("str", wallet.usage))
    if wallet.limit_override is not None:
        wallet.limit_override = _override_of(cast("str", wallet.limit_override))
    return wallet


def customer_row(customer: Customer) -> tuple[Any, ...]:
    """The customer's values in the order of CUSTOMER_COLUMNS."""
    values: list[Any] = [*_customer_values(customer)]
    values[_OVERRIDES] = write_json(customer.limit_overrides or None)
    return tuple(values)


def wallet_row(wallet: Wallet) -> tuple[Any, ...]:
    """The wallet's values in the order of WALLET_COLUMNS."""
    values: list[Any] = [*_wallet_values(wallet)]
    values[_METADATA] = write_json(wallet.metadata)
    values[_OVERRIDE] = write_json(wallet.limit_override)
    values[_USAGE] = write_usage(wallet.usage)
    return tuple(values)


def write_usage(usage: Usage | None) -> str | None:
    """Return the text of a usage: an array in JSON."""
    return None if usage is None else _encode(usage).decode()


def read_usage(text: str) -> Usage:
    """Read the text of a usage."""
    return _usage_of(text)


def transaction_of(row: Row, entries: tuple[Entry, ...]) -> Transaction:
    """Read a row of `transactions`; a hold as it was authorized."""
    rejection = row["rejection"]
    details, charge = _details_of(row)
    request = TransactionRequest(
        type=row["type"],
        amount=Money(row["amount"], row["currency"]),
        from_wallet_id=row["from_wallet_id"],
        to_wallet_id=row["to_wallet_id"],
        description=row["description"],
        reference=row["reference"],
        metadata=read_json(row["metadata"]),
        effective_at=row["effective_at"],
        details=details,
        relates_to=None if row["relation"] is None else Relation(row["relation"], row["relates_to"]),
        charge=charge,
    )
    return Transaction(
        id=row["id"],
        request=request,
        status=row["status"],
        entries=entries,
        rejection=None if rejection is None else msgspec.json.decode(rejection, type=Rejection),
        created_by=row["created_by"],
        created_at=row["created_at"],
        posted_at=row["posted_at"],
        tenant=row["tenant"],
        request_id=row["request_id"],
        hold=first_state(request, row["created_at"]) if row["status"] == "pending" else None,
    )


def details_json(request: TransactionRequest) -> str | None:
    """The text of a request's details, with its charge as a member of them."""
    if request.charge is None:
        return write_json(request.details)
    return write_json({**msgspec.to_builtins(request.details or {}), _CHARGE: request.charge})


def _details_of(row: Row) -> tuple[Any, Charge | None]:
    """Read the details of a transaction, and its charge."""
    details = row["details"]
    if details is None:
        return None, None
    read = msgspec.json.decode(details)
    charge = read.pop(_CHARGE, None)
    kind = TRANSACTION_TYPES[row["type"]].details
    return (
        msgspec.convert(read, kind) if kind is not None and read else read or None,
        None if charge is None else msgspec.convert(charge, Charge),
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


def record_of(fingerprint: int, transaction: Transaction | None, answer: str | None) -> IdempotencyRecord:
    """Return the record of a key: with the transaction, or the answer that is kept, decrypted."""
    if transaction is not None:
        return IdempotencyRecord(fingerprint, transaction)
    name, value = msgspec.json.decode(answer or "", type=tuple[str, msgspec.Raw])
    if name == _CUSTOMER_REFERENCE:
        return IdempotencyRecord(fingerprint, ERASED_ANSWER)
    return IdempotencyRecord(fingerprint, msgspec.json.decode(value, type=answer_class(name)))


def answer_json(answer: Answer) -> str:
    """Return the JSON of the stored form of an answer that is no transaction."""
    stored = stored_form(answer)
    value = _rejection_values(stored) if isinstance(stored, Rejection) else stored
    return msgspec.json.encode((ANSWERS[type(stored)].name, value)).decode()


def rejection_json(rejection: Rejection | None) -> str | None:
    """Return the JSON of a transaction's rejection."""
    return None if rejection is None else msgspec.json.encode(_rejection_values(rejection)).decode()


def _rejection_values(rejection: Rejection) -> tuple[object, ...]:
    """Return a rejection's values without a family and a limit that are None, which release 0.1 does not know."""
    if rejection.limit is not None:
        return rejection
    return rejection[:5] if rejection.family is not None else rejection[:4]


def reference_json(customer_id: CustomerId | None) -> str:
    """Return what stands under a key whose answer holds a customer's data: where to find it while it is kept."""
    return msgspec.json.encode((_CUSTOMER_REFERENCE, customer_id)).decode()


def write_json(value: object) -> str | None:
    """JSON text, for a column that keeps it as it is; None stays None."""
    return None if value is None else msgspec.json.encode(value).decode()


def read_json(value: str | None) -> Metadata | None:
    """The other way."""
    return None if value is None else msgspec.json.decode(value)


_encode: Final = msgspec.json.Encoder().encode
_usage_of: Final = msgspec.json.Decoder(Usage).decode
_override_of: Final = msgspec.json.Decoder(LimitOverride).decode
_overrides_of: Final = msgspec.json.Decoder(tuple[LimitOverride, ...]).decode
