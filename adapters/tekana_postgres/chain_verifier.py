"""Verification of links, some at a time, and of the rows that they name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice, repeat
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from tekana.application.audit.checks import BREACHES_SHOWN_MAX
from tekana.ports.audit import Finding, Invariant
from tekana.ports.history import Head, HistoryKeys
from tekana_postgres.history_links import (
    ANSWER_BYTES,
    AUDIT_ENTRY_BYTES,
    FIRST_DIGEST,
    FORM,
    ID_BYTES,
    LEAF_BYTES,
    NO_KEY,
    SEAL,
    TRANSACTION_BYTES,
    Leaves,
    Link,
    Records,
    link_digest,
    split,
)
from tekana_postgres.history_rows import (
    Row,
    TransactionRows,
    read_audit_rows,
    read_events,
    read_keys,
    read_transaction_rows,
)

_ROWS_READ: Final = 2_000


class Counts(NamedTuple):
    """Numbers of rows of history."""

    transactions: int = 0
    entries: int = 0
    keys: int = 0
    events: int = 0
    audit_entries: int = 0


class Breaches:
    """The breaches of an invariant: how many, and the first ones."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[str] = []

    def add(self, breach: str) -> None:
        """Add a breach."""
        self.count += 1
        if len(self._first) < BREACHES_SHOWN_MAX:
            self._first.append(breach)

    def finding(self, invariant: Invariant, checked: int, seconds: float) -> Finding:
        """Return the finding of the invariant."""
        return Finding(invariant, checked, seconds, self.count, tuple(self._first))


class _Record(NamedTuple):
    """A record of a link, and the position of its event, if it is one of an event."""

    link: Link
    content: bytes
    leaves: Leaves
    position: int | None = None


class ChainVerifier:
    """Verifies links in the order of chains and numbers, with the rows that they name.

    Attributes:
        rows, links, checkpoints: the breaches found so far.
        counts: the numbers of rows that were verified.
        link_count: the number of links.
    """

    def __init__(self, connection: asyncpg.Connection, keys: HistoryKeys, checkpoints: Sequence[Head]) -> None:
        self.rows, self.links, self.checkpoints = Breaches(), Breaches(), Breaches()
        self.counts = Counts()
        self.link_count = 0
        self._connection = connection
        self._keys = keys
        self._expected = {(one.chain, one.number): one.digest for one in checkpoints}
        self._before = Head(SEAL, 0, FIRST_DIGEST)
        self._secrets: dict[UUID, tuple[bytes, Leaves]] = {}

    async def verify(self, rows: Sequence[Any]) -> None:
        """Verify the next links."""
        transactions: list[_Record] = []
        answers: list[_Record] = []
        events: list[_Record] = []
        audit_entries: list[_Record] = []
        for row in rows:
            link = Link(row[0], row[1], row[2], row[3], row[4], Records(*row[5:9]), row[9])
            leaves = await self._verify_link(link)
            if not self._is_well_formed(link):
                continue
            transactions += (_Record(link, one, leaves) for one in split(link.records.transactions, TRANSACTION_BYTES))
            answers += (_Record(link, one, leaves) for one in split(link.records.answers, ANSWER_BYTES))
            positions = chain(row[10] or (), repeat(None))  # the list may be shorter than it was
            leaves_of_events = split(link.records.events, LEAF_BYTES)
            events += (_Record(link, one, leaves, at) for one, at in zip(leaves_of_events, positions, strict=False))
            audit_entries += (
                _Record(link, one, leaves) for one in split(link.records.audit_entries, AUDIT_ENTRY_BYTES)
            )
        for some in _parts(transactions):
            await self._verify_transactions(some)
        for some in _parts(answers):
            await self._verify_answers(some)
        for some in _parts(events):
            await self._verify_events(some)
        for some in _parts(audit_entries):
            await self._verify_audit_entries(some)

    def end(self) -> None:
        """Note the links that checkpoints name and that are missing."""
        for place in self._expected:
            self.checkpoints.add(f"{_place(*place)}: is missing, and a checkpoint names it")

    async def _verify_link(self, link: Link) -> Leaves:
        """Verify the digest and the place of a link."""
        self.link_count += 1
        if link.key_id not in self._secrets:
            secret = (await self._keys.get(link.key_id)).secret
            self._secrets[link.key_id] = secret, Leaves(secret)
        secret, leaves = self._secrets[link.key_id]
        before = self._before
        if before.chain != link.chain:
            before = Head(link.chain, 0, FIRST_DIGEST)
        if link.number != before.number + 1:
            self.links.add(f"{_place(link.chain, before.number + 1)}: is missing before link {link.number}")
        elif link.form != FORM or link.digest != link_digest(secret, before.digest, *link[:6]):
            self.links.add(f"{_place(link.chain, link.number)}, of {link.created_at}: was changed")
        expected = self._expected.pop((link.chain, link.number), link.digest)
        if expected != link.digest:
            self.checkpoints.add(f"{_place(link.chain, link.number)}: is not the one that a checkpoint names")
        self._before = Head(link.chain, link.number, link.digest)
        return leaves

    def _is_well_formed(self, link: Link) -> bool:
        sizes = (TRANSACTION_BYTES, ANSWER_BYTES, LEAF_BYTES, AUDIT_ENTRY_BYTES)
        return not any(len(content) % size for content, size in zip(link.records, sizes, strict=True))

    async def _verify_transactions(self, records: Sequence[_Record]) -> None:
        ids = [(one.content[:ID_BYTES].hex(), one.content[ID_BYTES:-LEAF_BYTES].hex()) for one in records]
        found = await read_transaction_rows(self._connection, (one for one, _ in ids), (key for _, key in ids))
        entry_count = key_count = transaction_count = 0
        for (transaction_id, digest), record in zip(ids, records, strict=True):
            row = found.transactions.get(transaction_id)
            entries = found.entries.get(transaction_id, ())
            key = found.keys.get(digest)
            entry_count += len(entries)
            key_count += key is not None
            transaction_count += row is not None
            if row is None:
                self._add_row(record, f"transaction {UUID(transaction_id)}: is missing")
            elif record.leaves.of_transaction(row, entries, key) != record.content[-LEAF_BYTES:]:
                self._add_row(record, _changed(transaction_id, digest, found))
        self._count(transaction_count, entry_count, key_count)

    async def _verify_answers(self, records: Sequence[_Record]) -> None:
        found = await read_keys(self._connection, (one.content[:ID_BYTES].hex() for one in records))
        self._verify_by_id(records, found, Leaves.of_answer, "idempotency key")
        self._count(keys=len(found))

    async def _verify_audit_entries(self, records: Sequence[_Record]) -> None:
        found = await read_audit_rows(self._connection, (one.content[:ID_BYTES].hex() for one in records))
        self._verify_by_id(records, found, Leaves.of_audit_entry, "entry of the audit log")
        self._count(audit_entries=len(found))

    def _verify_by_id(
        self, records: Sequence[_Record], found: Mapping[str, Row], leaf_of: Callable[[Leaves, Row], bytes], name: str
    ) -> None:
        """Verify records that have an id and the leaf of one row."""
        for record in records:
            row_id = record.content[:ID_BYTES].hex()
            row = found.get(row_id)
            if row is None:
                self._add_row(record, f"{name} {UUID(row_id)}: is missing")
            elif leaf_of(record.leaves, row) != record.content[ID_BYTES:]:
                self._add_row(record, f"{name} {UUID(row_id)}: was changed")

    async def _verify_events(self, records: Sequence[_Record]) -> None:
        found = await read_events(self._connection, [one.position for one in records if one.position is not None])
        for record in records:
            event = found.get(record.position or -1)
            if event is None:
                self._add_row(record, f"the event at position {record.position} of the outbox: is missing")
            elif record.leaves.of_event(*event) != record.content:
                self._add_row(record, f"the event at position {record.position} of the outbox: was changed")
        self._count(events=len(found))

    def _add_row(self, record: _Record, breach: str) -> None:
        self.rows.add(f"{breach}; see {_place(record.link.chain, record.link.number)}, of {record.link.created_at}")

    def _count(
        self, transactions: int = 0, entries: int = 0, keys: int = 0, events: int = 0, audit_entries: int = 0
    ) -> None:
        more = (transactions, entries, keys, events, audit_entries)
        self.counts = Counts(*(one + new for one, new in zip(self.counts, more, strict=True)))


def _changed(transaction_id: str, digest: str, found: TransactionRows) -> str:
    """Describe a transaction that is not as it was written."""
    row, entries = found.transactions[transaction_id], found.entries.get(transaction_id, ())
    named = f"transaction {UUID(transaction_id)} from wallet {UUID(row[5])} to wallet {UUID(row[6])}"
    if digest not in found.keys and digest != NO_KEY:
        return f"{named}: its idempotency key {UUID(digest)} is missing"
    if not entries and row[2] == "posted":
        return f"{named}: its entries are missing"
    return f"{named}: it, its entries or its idempotency key were changed"


def _place(chain: UUID, number: int) -> str:
    return f"link {number} of the seal" if chain == SEAL else f"link {number} of chain {chain}"


def _parts(records: Sequence[_Record]) -> Iterator[Sequence[_Record]]:
    all_records = iter(records)
    while part := list(islice(all_records, _ROWS_READ)):
        yield part
