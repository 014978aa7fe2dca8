"""Events that are read from what those outside are told."""

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
    """A sample's message with some of its data and headers changed; None takes one away."""
    told = message_of(SAMPLES[name])
    data = msgspec.json.decode(told.value) | (changes or {})
    new = {one: value.encode() for one, value in headers.items() if value is not None}
    kept = [one for one in told.headers if one[0] not in headers]
    return msgspec.json.encode({one: value for one, value in data.items() if value != "gone"}), [*kept, *new.items()]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_event_is_read_as_it_was(name: str) -> None:
    event = SAMPLES[name]
    assert event_of_payload(event_payload(event)) == event
    told = message_of(event)
    assert event_of(told.value, told.headers) == event


@pytest.mark.parametrize("minor", [0, -1, -5, -1250, 2**62])
@pytest.mark.parametrize("currency", ["RWF", "USD", "KWD"])
def test_any_balance_is_read(minor: int, currency: str) -> None:
    sample = SAMPLES["WalletDebited"]
    assert isinstance(sample, WalletDebited)
    event = replace(sample, ledger_balance_after=minor, currency=currency)
    assert event_of_payload(event_payload(event)) == event


def test_what_is_new_is_passed_over() -> None:
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
def test_what_is_no_event_is_said(changes: dict[str, Any], headers: dict[str, str | None]) -> None:
    with pytest.raises(ValueError, match=r"."):
        event_of(*message("WalletCredited", changes, **headers))


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'"text"', b"\xff"])
def test_values_that_are_no_object(value: bytes | None) -> None:
    with pytest.raises(ValueError, match=r"."):
        event_of(value, message_of(SAMPLES["WalletCredited"]).headers)
