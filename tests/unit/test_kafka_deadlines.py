"""The age of a command is measured with the broker's clock, independent of the clocks of gateway and service."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.structs import RecordMetadata

from tekana_kafka import deadlines, log_limit
from tekana_kafka.cloud_events import Header
from tekana_kafka.deadlines import BrokerClock, deadline_headers, is_late

NOW = 1_800_000_000.0
BY_SENDER, BY_BROKER = 0, 1

SetClock = Callable[[float], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Return a function that sets this machine's clock."""

    def change(seconds: float) -> None:
        monkeypatch.setattr(deadlines, "now_seconds", lambda: seconds)

    change(NOW)
    return change


def record(headers: list[Header], stamped: float, stamped_by: int = BY_BROKER) -> ConsumerRecord:
    return ConsumerRecord("t", 0, 0, int(stamped * 1000), stamped_by, None, b"", None, 0, 0, headers)


def clock_of_broker(seconds: float, sent_seconds: float, stamped_by: int = BY_BROKER) -> BrokerClock:
    """Return a clock that received this time from the broker."""
    clock = BrokerClock()
    clock.observe(RecordMetadata("t", 0, TopicPartition("t", 0), 0, int(seconds * 1000), stamped_by, 0), sent_seconds)
    return clock


@pytest.mark.parametrize("service_ahead", [-3600, -25, 0, 25, 3600])
@pytest.mark.parametrize("gateway_ahead", [-3600, -25, 0, 25, 3600])
def test_the_age_is_exact_with_differing_clocks(
    set_clock: SetClock, gateway_ahead: float, service_ahead: float
) -> None:
    set_clock(NOW + gateway_ahead)
    asked = record(deadline_headers(20), NOW)
    for passed, late in ((0, False), (19, False), (21, True), (3600, True)):
        set_clock(NOW + service_ahead + passed)
        assert is_late(asked, clock_of_broker(NOW + passed, NOW + service_ahead + passed)) is late


def test_a_copy_is_late_although_the_broker_has_just_stamped_it(set_clock: SetClock) -> None:
    headers = deadline_headers(20)
    for passed, late in ((0, False), (79, False), (81, True), (86_400, True)):
        set_clock(NOW + passed)
        copied = record(headers, NOW + passed)
        assert is_late(copied, clock_of_broker(NOW + passed, NOW + passed), NOW) is late
        assert is_late(record([], NOW), clock_of_broker(NOW, NOW), NOW) is False  # the sender does not wait


def test_without_timestamps_of_the_broker_the_deadline_counts(set_clock: SetClock) -> None:
    """Then only the sender's deadline is known."""
    asked = record(deadline_headers(20), NOW, BY_SENDER)
    for clock in (BrokerClock(), clock_of_broker(NOW, NOW, BY_SENDER), clock_of_broker(NOW, NOW)):
        for passed, late in ((0, False), (19, False), (21, True)):
            set_clock(NOW + passed)
            assert is_late(asked, clock) is late


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("deadline", b"")],
        [("deadline", b"\xff")],
        [("deadline", b"2020-01-01T00:00:00")],  # no offset
        [("deadline", b"tomorrow")],
        [("time-to-live-ms", b"-5")],
        [("time-to-live-ms", b"9" * 500)],
        [("time-to-live-ms", "٣".encode())],
    ],
)
def test_malformed_headers_are_never_late(set_clock: SetClock, headers: list[Header]) -> None:
    assert is_late(record(headers, NOW - 3600), clock_of_broker(NOW, NOW)) is False


def test_a_wrong_clock_is_logged_once(
    set_clock: SetClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_limit, "INTERVAL_SECONDS", 0.0)
    clock = clock_of_broker(NOW - 20, NOW)
    for _ in range(3):
        metadata = RecordMetadata("t", 0, TopicPartition("t", 0), 0, int((NOW - 20) * 1000), BY_BROKER, 0)
        clock.observe(metadata, NOW)
    [line] = caplog.messages
    assert line.startswith("this machine's clock and the broker's differ by 20.0 seconds")
    assert clock.offset_seconds == pytest.approx(-20)
