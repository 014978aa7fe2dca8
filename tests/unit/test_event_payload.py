"""The payload of events, as published and listed."""

from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import msgspec
import pytest

from tekana.application.event_payload import data_fields, event_payload
from tekana.domain.events import EVENT_TYPES, WalletCredited, WalletFrozen
from tekana.domain.limits import LIMIT_NAMES, is_count
from tekana.domain.money import Currency
from tekana.ports.events import FeedEvent
from tekana.testing.clock import FrozenClock
from tekana.testing.sample_events import ALINES_WALLET, DEPOSIT, sample_events
from tekana_kafka.cloud_events import message_of
from tekana_litestar.resources.events import Event


def test_samples_cover_every_type_and_are_constant() -> None:
    assert sorted(type(event).__name__ for event in sample_events()) == sorted(EVENT_TYPES)
    assert sample_events() == sample_events()


def test_data_has_the_fields_of_the_type_only() -> None:
    for event in sample_events():
        payload = event_payload(event)
        assert tuple(payload.data) == data_fields(payload.type).own
        assert {"sequence", "occurred_at", f"{payload.aggregate}_id"}.isdisjoint(payload.data)
        assert msgspec.json.encode(payload)


COUNTS = {name for name in LIMIT_NAMES if is_count(name)}


def test_amounts_are_decimal_strings() -> None:
    credited = WalletCredited(
        wallet_id=ALINES_WALLET,
        sequence=1,
        occurred_at=FrozenClock()(),
        transaction_id=DEPOSIT,
        transaction_type="deposit",
        version=1,
        amount=1250,
        currency=Currency("USD"),
        ledger_balance_after=2**53 + 1,
    )
    payload = event_payload(credited).data
    assert (payload["amount"], payload["ledger_balance_after"]) == ("12.50", "90071992547409.93")
    for event in sample_events():
        data = event_payload(event).data
        assert {name for name, value in data.items() if isinstance(value, int | float)} <= {"version", *COUNTS}
        assert all(isinstance(data[name], str) for name in {"amount", "ledger_balance_after"} & data.keys())


def test_times_are_in_utc() -> None:
    moment = FrozenClock()().astimezone(timezone(timedelta(hours=2)))
    payload = event_payload(WalletFrozen(wallet_id=ALINES_WALLET, sequence=1, occurred_at=moment, scope="all"))
    assert msgspec.json.encode(payload.occurred_at) == b'"2026-01-31T12:00:00Z"'


@pytest.mark.parametrize("origin", [{}, {"caller": "partner-1", "request_id": "a request"}])
def test_feed_and_bus_have_the_same_payload(origin: dict[str, Any]) -> None:
    for event in [replace(one, **origin) for one in sample_events()]:
        fed = msgspec.json.decode(msgspec.json.encode(Event.from_domain("/v1/events", FeedEvent(event, "a cursor"))))
        message = message_of(event)
        headers = {name: value.decode() for name, value in message.headers}
        assert fed["data"] == msgspec.json.decode(message.value)
        assert (fed["id"], fed["type"]) == (headers["ce_id"], headers["ce_type"])
        assert (fed["occurred_at"], fed["sequence"]) == (headers["ce_time"], int(headers["ce_sequence"]))
        assert (fed["aggregate"], fed["aggregate_id"]) == (message.aggregate, message.key.decode())
        assert (fed["tenant"], fed.get("caller")) == (headers["ce_tenant"], headers.get("ce_caller"))
        assert fed.get("request_id") == headers.get("ce_requestid") == origin.get("request_id")
