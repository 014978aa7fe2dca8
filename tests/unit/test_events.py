"""Events: what they may say, and what they must not."""

import json
from dataclasses import fields
from datetime import datetime
from uuid import UUID

import msgspec
import pytest

from tekana.application.event_payload import data_fields
from tekana.domain import events as module
from tekana.domain.errors import InsufficientFunds
from tekana.domain.events import (
    EVENT_TYPES,
    ApprovalEvent,
    CustomerEvent,
    TransactionEvent,
    WalletEvent,
    aggregate_id,
    event_id,
)
from tekana.domain.transaction import events_of
from tekana.testing import builders
from tests.unit.golden_rows import GOLDEN

BASES = (ApprovalEvent, CustomerEvent, WalletEvent, TransactionEvent)

PERSONAL = {"full_name", "name", "email", "phone_number", "external_id", "description", "reason", "metadata", "detail"}

FIELDS: dict[str, list[str]] = {name: list(json.loads(text)) for name, text in GOLDEN["events"]}
"""What each event says, as the golden file has it. Consumers build on it."""


def test_every_class_is_listed() -> None:
    public = {
        name: kind
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, BASES) and kind not in BASES and not name.startswith("_")
    }
    assert public == EVENT_TYPES
    assert set(EVENT_TYPES) == set(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_what_each_says(name: str) -> None:
    kind = EVENT_TYPES[name]
    [base] = [one for one in BASES if issubclass(kind, one)]
    said = [field.name for field in fields(kind)]
    assert said[: len(fields(base))] == [field.name for field in fields(base)]
    assert said == FIELDS[name]
    assert kind.__doc__
    assert data_fields(name).meanings.keys() == set(data_fields(name).own)


@pytest.mark.parametrize("kind", EVENT_TYPES.values())
def test_no_event_has_personal_data(kind: type) -> None:
    assert {field.name for field in fields(kind)}.isdisjoint(PERSONAL)


@pytest.mark.parametrize("refused", [False, True])
def test_a_transactions_events(refused: bool) -> None:
    one, two = builders.wallet(ledger_balance=500), builders.wallet()
    book = builders.book(one, two)
    command = builders.transfer(one.id, two.id, "300", reference="rent", description="for May")
    if refused:
        transaction = book.reject(command.to_request(book), InsufficientFunds("no"))
        [own] = events_of(transaction)
        assert isinstance(own, module.TransactionRejected)
        assert (own.rejection_code, own.transaction_type) == ("insufficient_funds", "transfer")
    else:
        transaction = command.decide(book)
        own, debited, credited = events_of(transaction)
        assert isinstance(own, module.FundsTransferred)
        assert isinstance(debited, module.WalletDebited)
        assert isinstance(credited, module.WalletCredited)
        assert (debited.wallet_id, debited.sequence, debited.version) == (one.id, 2, 1)
        assert (debited.amount, debited.ledger_balance_after) == (300, 200)
        assert (credited.wallet_id, credited.amount, credited.ledger_balance_after) == (two.id, 300, 300)
    assert (aggregate_id(own), own.sequence, own.amount) == (transaction.id, 1, 300)
    assert (own.from_wallet_id, own.to_wallet_id, own.reference) == (one.id, two.id, "rent")
    assert event_id(own) == f"{transaction.id}:1"


@pytest.mark.parametrize("kind", EVENT_TYPES.values())
def test_they_can_be_written_and_read(kind: type) -> None:
    """One definition for the outbox, the feed and the bus: there is no twin of it on the wire."""
    samples = {
        UUID: UUID("01a20646-7684-7364-9087-f9429ad311a4"),
        int: 7,
        datetime: builders.customer().created_at,
        str: "USD",
    }
    hints = msgspec.inspect.type_info(kind)
    values = {}
    for field in hints.fields:  # type: ignore[union-attr]
        sample = {"UUIDType": samples[UUID], "IntType": 7, "DateTimeType": samples[datetime], "StrType": "USD"}
        match type(field.type).__name__:
            case "LiteralType":
                values[field.name] = field.type.values[0]
            case "VarTupleType":
                values[field.name] = ("email",)
            case "UnionType":
                values[field.name] = None
            case other:
                values[field.name] = sample[other]
    event = kind(**values)
    assert msgspec.json.decode(msgspec.json.encode(event), type=kind) == event
