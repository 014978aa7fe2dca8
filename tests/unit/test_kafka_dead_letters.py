"""The reason of a dead letter, a header that everyone with the topic can read, has nothing of the sealed value."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from aiokafka import ConsumerRecord

from tekana.domain.errors import TekanaError
from tekana_kafka.address import Address
from tekana_kafka.command_messages import read_command
from tekana_kafka.query_messages import read_query
from tekana_kafka.reply_producer import ReplyProducer

PERSON = {"full_name": "Canaria", "email": "canary@example.com", "phone_number": "+250788424242"}
WRONG = {
    "an unknown field": ("RegisterCustomer", PERSON | {"Canaria Quetzalcoatl": "canary"}, "invalid_request: body"),
    "two fields": (
        "RegisterCustomer",
        PERSON | {"currency": "Canaria", "email": "Canaria"},
        "invalid_request: email, currency",
    ),
    "a value of another field": (
        "FreezeWallet",
        {"wallet_id": "0198d2a0-0000-7000-8000-000000000002", "scope": "Canaria", "reason": "a test"},
        "invalid_request: body",
    ),
}


def message(value: object, **headers: str) -> ConsumerRecord[Any, Any]:
    encoded = [(name.replace("_", "-"), text.encode()) for name, text in headers.items()]
    return Mock(
        topic="customer.commands", partition=0, offset=7, value=b"sealed", headers=encoded, opened=json.dumps(value)
    )


async def reason_of(record: ConsumerRecord[Any, Any], error: TekanaError) -> str:
    """Return the reason in the dead letter of a message."""
    producer = Mock(send_and_wait=AsyncMock())
    await ReplyProducer(Address(("broker:9092",)), producer, Mock()).dead_letter(record, error)
    return str(dict(producer.send_and_wait.call_args.kwargs["headers"])["dead-reason"].decode())


@pytest.mark.parametrize(("name", "value", "reason"), WRONG.values(), ids=WRONG)
async def test_the_reason_names_fields_and_no_values(name: str, value: object, reason: str) -> None:
    record = message(value, command=name, idempotency_key="a key")
    topic = "customer" if name == "RegisterCustomer" else "wallet"
    with pytest.raises(TekanaError) as raised:
        read_command(record, record.opened.encode(), topic)  # type: ignore[attr-defined]
    assert await reason_of(record, raised.value) == reason


async def test_the_reason_of_a_query_has_no_values() -> None:
    record = message([{"status": "Canaria"}, {"limit": 10, "cursor": None}], query="customers.list")
    with pytest.raises(TekanaError) as raised:
        read_query(record, record.opened.encode(), "customer")  # type: ignore[attr-defined]
    assert "Canaria" not in str(raised.value)
    assert await reason_of(record, raised.value) == "unavailable"
