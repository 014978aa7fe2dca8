"""The recorder of the audit log: it never delays, it is bounded, and it says what it left out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from uuid_utils.compat import uuid7

from tekana.application import audit_recorder
from tekana.application.audit_recorder import ACTS_MAX, AUTHENTICATIONS_MAX, AuditRecorder
from tekana.domain.audit_log import Act, AuditEntry, Resource
from tekana.domain.errors import Unavailable


class Records:
    """Keeps entries; refuses them while `down`."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []
        self.down = False

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise Unavailable("down")
        self.entries += entries


def refusal(number: int = 0) -> Act:
    return Act("north", f"key:{number}", "partner", "FreezeWallet", "refused", "forbidden", "192.0.2.1")


def attack(number: int = 0) -> Act:
    return Act.failed_authentication(f"198.51.100.{number}", "unauthenticated")


FIRST = "the first request"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_recorder, "FLUSH_SECONDS", 0.01)


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def recorder(records: Records) -> AuditRecorder:
    return AuditRecorder(records, uuid7)


async def until_written(records: Records, number: int) -> None:
    async with asyncio.timeout(5):
        while len(records.entries) < number:  # noqa: ASYNC110 - what writes them signals nothing
            await asyncio.sleep(0.01)


async def test_the_first_of_equal_acts_is_written_at_once_and_the_others_are_counted(
    records: Records, recorder: AuditRecorder
) -> None:
    recorder.note(refusal(), FIRST)
    await until_written(records, 1)
    for number in range(1_000):
        recorder.note(refusal(), f"request {number}")
    await asyncio.sleep(0.05)
    assert [(one.occurrences, one.request_id) for one in records.entries] == [(1, "the first request")]
    await recorder.stop()
    assert [one.occurrences for one in records.entries] == [1, 1_000]
    assert {(one.subject, one.code, one.address) for one in records.entries} == {("key:0", "forbidden", "192.0.2.1")}


async def test_a_new_window_begins_after_a_minute(
    records: Records, recorder: AuditRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_recorder, "WINDOW_SECONDS", 0.1)
    for _ in range(3):
        recorder.note(refusal(), FIRST)
    await until_written(records, 2)
    assert [one.occurrences for one in records.entries] == [1, 2]
    recorder.note(refusal(), FIRST)
    await until_written(records, 3)
    assert records.entries[2].occurrences == 1
    await recorder.stop()


async def test_an_attack_from_many_addresses_is_bounded_and_counted(records: Records, recorder: AuditRecorder) -> None:
    for number in range(5_000):
        recorder.note(attack(number), FIRST)
    recorder.note(refusal(), FIRST)  # has a limit of its own
    await recorder.stop()
    authentications = [one for one in records.entries if one.action == "Authenticate"]
    [dropped] = [one for one in records.entries if one.action == "EntriesDropped"]
    assert len(authentications) == AUTHENTICATIONS_MAX
    assert dropped.occurrences == 5_000 - AUTHENTICATIONS_MAX
    assert [one.subject for one in records.entries if one.action == "FreezeWallet"] == ["key:0"]


async def test_failed_sign_ins_of_many_customers_are_bounded_and_counted(
    records: Records, recorder: AuditRecorder
) -> None:
    for _ in range(1_000):
        customer = Resource("customer", uuid7())
        recorder.note(Act("north", "unknown", None, "SignIn", "refused", "sign_in_refused", None, customer), FIRST)
    recorder.note(refusal(), FIRST)  # has a limit of its own
    await recorder.stop()
    sign_ins = {one.resource_id for one in records.entries if one.action == "SignIn"}
    assert len(sign_ins) == AUTHENTICATIONS_MAX
    assert sum(one.occurrences for one in records.entries) == 1_001


async def test_refusals_of_many_callers_are_bounded_and_counted(records: Records, recorder: AuditRecorder) -> None:
    for number in range(1_000):
        recorder.note(refusal(number), FIRST)
    recorder.note(attack(), FIRST)
    await recorder.stop()
    assert sum(one.action == "FreezeWallet" for one in records.entries) == ACTS_MAX
    assert sum(one.occurrences for one in records.entries) == 1_001


async def test_many_refusals_of_customers_leave_room_for_those_of_operators(
    records: Records, recorder: AuditRecorder
) -> None:
    for number in range(1_000):
        recorder.note(Act("north", f"customer:{number}", "customer", "FreezeWallet", "refused", "forbidden"), FIRST)
    for number in range(1_000):
        recorder.note(refusal(number), FIRST)
    recorder.note(Act("main", "key:1", "operator", "ReadAuditLog", "done"), FIRST)
    recorder.note(attack(), FIRST)
    await recorder.stop()
    assert [one.kind for one in records.entries if one.action == "ReadAuditLog"] == ["operator"]
    kinds = Counter(one.kind for one in records.entries if one.action == "FreezeWallet")
    assert kinds == {"customer": ACTS_MAX, "partner": ACTS_MAX}
    assert sum(one.occurrences for one in records.entries) == 2_002


async def test_entries_wait_for_a_store_that_is_down(records: Records, recorder: AuditRecorder) -> None:
    records.down = True
    recorder.note(refusal(), FIRST)
    await asyncio.sleep(0.05)
    assert records.entries == []
    records.down = False
    await until_written(records, 1)
    await recorder.stop()
    assert len(records.entries) == 1


async def test_what_is_lost_at_the_stop_is_logged(
    records: Records, recorder: AuditRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    records.down = True
    recorder.note(refusal(), FIRST)
    await recorder.stop()
    assert "1 entries of the audit log are lost" in caplog.text


async def test_an_act_is_recorded_at_once_where_that_is_asked(records: Records, recorder: AuditRecorder) -> None:
    await recorder.record(refusal())
    assert len(records.entries) == 1
    records.down = True
    with pytest.raises(Unavailable):
        await recorder.record(refusal())
