"""Events parsed from published messages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tekana.application.event_payload import event_of_payload, event_payload
from tekana.domain.events import WalletCredited, WalletDebited
from tekana.testing.sample_events import sample_events
from tekana_kafka.cloud_events import Header, event_of, message_of

SAMPLES = {type(event).__name__: event for event in sample_events()}


def message(name: str, changes: dict[str, Any] | None = None, **headers: str | None) -> tuple[bytes, list[Header]]:
    """Return the message of a sample with some data and headers changed; None removes a header."""
    sample = message_of(SAMPLES[name])
    data = msgspec.json.decode(sample.value) | (changes or {})
    new = {one: value.encode() for one, value in headers.items() if value is not None}
    kept = [one for one in sample.headers if one[0] not in headers]
    return msgspec.json.encode({one: value for one, value in data.items() if value != "gone"}), [*kept, *new.items()]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_event_survives_a_round_trip(name: str) -> None:
    event = SAMPLES[name]
    assert event_of_payload(event_payload(event)) == event
    sample = message_of(event)
    assert event_of(sample.value, sample.headers) == event


@pytest.mark.parametrize("minor", [0, -1, -5, -1250, 2**62])
@pytest.mark.parametrize("currency", ["RWF", "USD", "KWD"])
def test_any_balance_survives_a_round_trip(minor: int, currency: str) -> None:
    sample = SAMPLES["WalletDebited"]
    assert isinstance(sample, WalletDebited)
    event = replace(sample, ledger_balance_after=minor, currency=currency)
    assert event_of_payload(event_payload(event)) == event


def test_unknown_fields_and_headers_are_ignored() -> None:
    assert event_of(*message("WalletOpened", ce_type="WalletPainted")) is None
    assert event_of(*message("WalletOpened", {"colour": "green"}, ce_traceparent="00-1")) == SAMPLES["WalletOpened"]
    event = event_of(*message("WalletCredited", {"transaction_type": "raffle"}))
    assert isinstance(event, WalletCredited)
    assert event.transaction_type == "raffle"


@pytest.mark.parametrize(
    ("changes", "headers"),
    [
        ({"amount": 1250}, {}),
        ({"amount": "1e3"}, {}),
        ({"amount": "12.5"}, {}),
        ({"currency": "XXX"}, {}),
        ({"currency": "gone"}, {}),
        ({"version": "1"}, {}),
        ({"transaction_id": "mine"}, {}),
        ({}, {"ce_subject": "mine"}),
        ({}, {"ce_sequence": "one"}),
        ({}, {"ce_time": "noon"}),
        ({}, {"ce_type": None}),
        ({}, {"ce_subject": None}),
    ],
)
def test_an_invalid_message_is_an_error(changes: dict[str, Any], headers: dict[str, str | None]) -> None:
    with pytest.raises(ValueError, match=r"."):
        event_of(*message("WalletCredited", changes, **headers))


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'"text"', b"\xff"])
def test_a_value_that_is_not_an_object_is_an_error(value: bytes | None) -> None:
    with pytest.raises(ValueError, match=r"."):
        event_of(value, message_of(SAMPLES["WalletCredited"]).headers)
