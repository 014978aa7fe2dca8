"""Golden vectors of leaves and links: neither their form, nor a defect of the code that computes them, can change.

The vectors have rows as they are stored, what is found of them, and the digests. Each planted bug is caught by them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from hashlib import blake2b
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tekana.domain.audit_log import AuditEntry
from tekana.ports.history import Head, HistoryKey
from tekana_postgres import history_links, tables
from tekana_postgres.history import COLUMNS, NOTHING, History, audit_row
from tekana_postgres.history_links import FIRST_DIGEST, Leaves, Link, Records, new_link, records_of

GOLDEN = Path(__file__).with_name("golden_links.json")
KEY = HistoryKey(UUID(int=1), bytes(range(32)))
CHAIN = UUID("019a0000-0000-7000-8000-00000000000c")
AT = datetime(2026, 11, 29, 12, 0, 0, 123456, tzinfo=UTC)

_FROM, _TO, _FIRST, _SECOND = "0a" * 16, "0b" * 16, "01" * 16, "02" * 16
_POSTED = (
    *(_FIRST, "transfer", "posted", 12_345, "RWF", _FROM, _TO, "rent for May", "inv-7", '{"shop":"Kigali"}', None),
    *("key:1", AT, AT, AT, "main", "req-1", '{"fee":1}', "reverses", _SECOND),
)
_REJECTED = (
    *(_SECOND, "deposit", "rejected", 1, "USD", _TO, _FROM, None, None, None, '["WalletFrozen","frozen","",null]'),
    *("local", AT, None, None, "shop", None, None, None, None),
)
_ENTRIES = (
    (_FROM, 1, 2, _FIRST, -12_345, "RWF", 0, AT, 0),
    (_TO, 3, 3, _FIRST, 12_345, "RWF", 99_999_999_999, AT, 1),
)
_KEYS = (
    ("11" * 16, -(2**63), _FIRST, None),
    ("12" * 16, 2**63 - 1, _SECOND, None),
    ("13" * 16, 0, None, '["Rejection",["WalletNotFound","not_found","",null]]'),
    ("14" * 16, 5, "03" * 16, None),  # of a transaction of another unit of work
)
_OUTBOX = ((_FIRST, None, None), (None, "WalletOpened", '{"sequence":1}'), (None, "WalletFrozen", '{"sequence":2}'))
_DONE = (
    *("21" * 16, AT, "shop", "key:1", "operator", "FreezeWallet", "done", None, "wallet", _FROM, "req-2", "192.0.2.1"),
    *(("freeze_reason",), 1, '{"status":"active"}', '{"status":"frozen"}'),
)
_REFUSED = (
    *("22" * 16, AT, "main", "unknown", None, "Authenticate", "refused", "unauthenticated", None, None, None, None),
    *((), 300, None, None),
)
HISTORY = History(list(_KEYS), [_POSTED, _REJECTED], list(_ENTRIES), list(_OUTBOX), [], [_DONE, _REFUSED])
ONLY_A_KEY = NOTHING._replace(keys=[_KEYS[2]])
ONLY_AN_AUDIT_ENTRY = NOTHING._replace(audit_log=[_REFUSED])


def vectors() -> dict[str, Any]:
    """Compute what the golden file has."""
    leaves = Leaves(KEY.secret)
    first = new_link(Head(CHAIN, 0, FIRST_DIGEST), AT, KEY, records_of(HISTORY, leaves))
    second = new_link(Head(CHAIN, 1, first.digest), AT, KEY, records_of(ONLY_A_KEY, leaves))
    third = new_link(Head(CHAIN, 2, second.digest), AT, KEY, records_of(ONLY_AN_AUDIT_ENTRY, leaves))
    return {
        "transaction": leaves.of_transaction(_POSTED, _ENTRIES, _KEYS[0]).hex(),
        "transaction without entries": leaves.of_transaction(_REJECTED, (), _KEYS[1]).hex(),
        "transaction without a key": leaves.of_transaction(_REJECTED, (), None).hex(),
        "answer": leaves.of_answer(_KEYS[2]).hex(),
        "event": leaves.of_event("WalletOpened", '{"sequence":1}').hex(),
        "audit entry": leaves.of_audit_entry(_DONE).hex(),
        "audit entry of a refusal": leaves.of_audit_entry(_REFUSED).hex(),
        "links": [_as_text(first), _as_text(second), _as_text(third)],
    }


def _as_text(link: Link) -> dict[str, Any]:
    return {
        "number": link.number,
        "form": link.form,
        "records": [one.hex() for one in link.records],
        "digest": link.digest.hex(),
    }


def test_leaves_and_links_are_those_of_the_golden_vectors() -> None:
    assert vectors() == json.loads(GOLDEN.read_text())


def test_the_form_has_the_columns_that_are_written() -> None:
    """A column that is added has no place in form 1: it needs a new one, beside which old links can be verified."""
    rows = {
        tables.transactions: _POSTED,
        tables.entries: _ENTRIES[0],
        tables.idempotency_keys: _KEYS[0],
        tables.audit_log: _DONE,
    }
    assert {table: len(COLUMNS[table]) for table in rows} == {table: len(row) for table, row in rows.items()}
    assert {one.name for one in tables.audit_log.columns} == set(COLUMNS[tables.audit_log])


def test_an_audit_entry_is_the_row_of_the_form() -> None:
    entry = AuditEntry(
        id=UUID("21" * 16),
        at=AT,
        tenant="shop",
        subject="key:1",
        kind="operator",
        action="FreezeWallet",
        outcome="done",
        resource="wallet",
        resource_id=UUID(_FROM),
        request_id="req-2",
        address="192.0.2.1",
        personal_fields=("freeze_reason",),
        before={"status": "active"},
        after={"status": "frozen"},
    )
    assert audit_row(entry) == _DONE


def test_the_same_moment_of_another_time_zone_is_the_same_row() -> None:
    """A value date is stored as the moment that it names, whatever the offset was."""
    leaves = Leaves(KEY.secret)
    elsewhere = AT.astimezone(timezone(timedelta(hours=2)))
    row = tuple(elsewhere if value is AT else value for value in _POSTED)
    assert leaves.of_transaction(row, (), None) == leaves.of_transaction(_POSTED, (), None)


def test_two_keys_of_one_transaction_have_two_records() -> None:
    twice = NOTHING._replace(keys=[*_KEYS[:2], ("15" * 16, 7, _FIRST, None)], transactions=[_POSTED, _REJECTED])
    records = records_of(twice, Leaves(KEY.secret))
    found = records.transactions.hex() + records.answers.hex()
    assert all(key[0] in found for key in twice.keys)


def test_a_key_of_another_unit_has_a_record_beside_a_transaction_without_a_key() -> None:
    records = records_of(NOTHING._replace(keys=[_KEYS[3]], transactions=[_POSTED]), Leaves(KEY.secret))
    assert records.answers.hex().startswith(_KEYS[3][0])
    assert records.transactions.hex().startswith(_FIRST + "00" * 16)


@pytest.mark.parametrize("place", range(len(_POSTED)))
def test_each_column_of_a_transaction_has_a_part_in_its_leaf(place: int) -> None:
    leaves = Leaves(KEY.secret)
    for row in (_POSTED, _REJECTED):
        changed = (*row[:place], "another", *row[place + 1 :])
        assert leaves.of_transaction(changed, (), None) != leaves.of_transaction(row, (), None)


@pytest.mark.parametrize("place", range(len(_DONE)))
def test_each_column_of_an_audit_entry_has_a_part_in_its_leaf(place: int) -> None:
    leaves = Leaves(KEY.secret)
    for row in (_DONE, _REFUSED):
        changed = (*row[:place], "another", *row[place + 1 :])
        assert leaves.of_audit_entry(changed) != leaves.of_audit_entry(row)


def _leaf_without(what: int) -> Callable[..., bytes]:
    """Return an `of_transaction` that leaves out the row, the entries or the key."""
    plain = Leaves.of_transaction

    def of_transaction(self: Leaves, row: Any, entries: Any, key: Any) -> bytes:
        given = [row, entries, key]
        given[what] = ()
        return plain(self, *given)

    return of_transaction


def _audit_leaf_without_values(self: Leaves, row: Any) -> bytes:
    return self._leaf(("audit entry", row[:-2]))


def _digest_without(place: int) -> Callable[..., bytes]:
    """Return a `link_digest` that leaves out one of its arguments: the digest before, the number, the records …"""
    plain = history_links.link_digest
    nothing = (b"", b"", UUID(int=0), 0, AT + timedelta(days=1), UUID(int=0), 0, Records(b"", b"", b"", b""))

    def link_digest(*given: Any) -> bytes:
        return plain(*given[:place], nothing[place], *given[place + 1 :])

    return link_digest


def _digest_of(count: int) -> Callable[..., bytes]:
    """Return a `link_digest` that has a part of the records only."""
    plain = history_links.link_digest
    return lambda *given: plain(*given[:-1], Records(*given[-1][:count], *[b""] * (4 - count)))


BUGS: dict[str, tuple[Any, str, Any]] = {
    "a leaf without the row": (Leaves, "of_transaction", _leaf_without(0)),
    "a leaf without the entries": (Leaves, "of_transaction", _leaf_without(1)),
    "a leaf without the key": (Leaves, "of_transaction", _leaf_without(2)),
    "a leaf under no key": (Leaves, "__init__", lambda self, _secret: setattr(self, "_empty", blake2b(digest_size=16))),
    "an event without its type": (Leaves, "of_event", lambda self, _kind, event: self._leaf(("event", "", event))),
    "an answer as an event": (Leaves, "of_answer", lambda self, row: self._leaf(("event", row))),
    "an audit entry as an answer": (Leaves, "of_audit_entry", lambda self, row: self._leaf(("answer", row))),
    "an audit entry without what it changed": (Leaves, "of_audit_entry", _audit_leaf_without_values),
    "shorter leaves": (history_links, "LEAF_BYTES", 8),
    "leaves for another use": (history_links, "_LEAF", b"another use"),
    "links for another use": (history_links, "_LINK", b"another use"),
    "a link under no key": (history_links, "link_digest", _digest_without(0)),
    "a link without the one before": (history_links, "link_digest", _digest_without(1)),
    "a link without its chain": (history_links, "link_digest", _digest_without(2)),
    "a link without its number": (history_links, "link_digest", _digest_without(3)),
    "a link without its time": (history_links, "link_digest", _digest_without(4)),
    "a link without its key's id": (history_links, "link_digest", _digest_without(5)),
    "a link without its form": (history_links, "link_digest", _digest_without(6)),
    "a link without records": (history_links, "link_digest", _digest_without(7)),
    "a link without answers and events": (history_links, "link_digest", _digest_of(1)),
    "a link without events": (history_links, "link_digest", _digest_of(2)),
    "a link without audit entries": (history_links, "link_digest", _digest_of(3)),
    "other keys left out": (history_links, "_other_keys", lambda _history, _keys: ()),
}


@pytest.mark.parametrize(("place", "name", "bug"), BUGS.values(), ids=BUGS.keys())
def test_a_planted_bug_is_caught(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, bug: Any) -> None:
    monkeypatch.setattr(place, name, bug)
    assert vectors() != json.loads(GOLDEN.read_text())


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(vectors(), indent=2) + "\n")
