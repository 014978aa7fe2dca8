"""Links: keyed digests of the rows that a unit of work adds to history, and of the link before.

A link has a record for each transaction: its id, the digest of its idempotency key, and its leaf, which is the keyed
digest of the transaction's row, its entries and its key. Answers that are kept under keys, events that are in the
outbox only, and entries of the audit log have records of their own. The link's digest is that of its records, its place
and the digest before.

So a verifier finds each row by its id and computes its leaf again: a row that was changed, deleted or exchanged does
not fit, and a row that was inserted is in no record. Personal data and rows that may change lawfully are in no leaf.

The forms of leaves and links are those of FORM, and golden vectors pin them. A column that is added to a table is added
to a new form.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg
import msgspec
from uuid_utils.compat import uuid7

from tekana.domain.errors import Conflict
from tekana.ports.history import Head, HistoryKey, HistoryKeys
from tekana_postgres.connections import is_lost
from tekana_postgres.history import History

FORM: Final = 1
"""The version of the form of leaves and links."""

ID_BYTES: Final = 16
LEAF_BYTES: Final = 16
TRANSACTION_BYTES: Final = 2 * ID_BYTES + LEAF_BYTES
"""The size of the record of a transaction: its id, the digest of its key, and its leaf."""
ANSWER_BYTES: Final = ID_BYTES + LEAF_BYTES
"""The size of the record of a key with an answer: the digest of the key, and its leaf."""
AUDIT_ENTRY_BYTES: Final = ID_BYTES + LEAF_BYTES
"""The size of the record of an entry of the audit log: its id, and its leaf."""

_DIGEST_BYTES: Final = 32
FIRST_DIGEST: Final = bytes(_DIGEST_BYTES)
"""What takes the place of the digest before, in the first link of a chain."""

SEAL: Final = UUID(int=0)
"""The chain of the links of rows that were there before history was linked."""

NO_KEY: Final = "0" * 2 * ID_BYTES
_LEAF: Final = b"tekana leaf 1"
_LINK: Final = b"tekana link 1"

Row = tuple[Any, ...]

_encode = msgspec.msgpack.Encoder().encode
_from_hex = bytes.fromhex


class Records(NamedTuple):
    """The records of a link: of transactions, of keys with answers, of events, and of entries of the audit log."""

    transactions: bytes
    answers: bytes
    events: bytes
    audit_entries: bytes

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return any(self)


LINK_COLUMNS: Final = (
    "chain, number, created_at, key_id, form, transactions, answers, events, audit_entries, digest, event_positions"
)
"""The columns of a link: the values of `Link.row`, and the positions of its events."""


class Link(NamedTuple):
    """A link. The rows of the events are at `event_positions` of the outbox, which PostgreSQL assigns."""

    chain: UUID
    number: int
    created_at: datetime
    key_id: UUID
    form: int
    records: Records
    digest: bytes

    @property
    def row(self) -> Row:
        """The values of LINK_COLUMNS, without the positions of events."""
        return (*self[:5], *self.records, self.digest)


class Leaves:
    """Computes leaves with a key, from rows in the form of `tekana_postgres.history.History`: UUIDs in hexadecimal."""

    def __init__(self, secret: bytes) -> None:
        self._empty = blake2b(digest_size=LEAF_BYTES, key=secret, person=_LEAF)

    def of_transaction(self, row: Row, entries: Sequence[Row], key: Row | None) -> bytes:
        """Return the leaf of a transaction, its entries in the order of posting, and its key."""
        return self._leaf(("transaction", row, entries, key))

    def of_answer(self, row: Row) -> bytes:
        """Return the leaf of a key with an answer."""
        return self._leaf(("answer", row))

    def of_event(self, event_type: str, event: str) -> bytes:
        """Return the leaf of an event."""
        return self._leaf(("event", event_type, event))

    def of_audit_entry(self, row: Row) -> bytes:
        """Return the leaf of an entry of the audit log."""
        return self._leaf(("audit entry", row))

    def _leaf(self, content: Row) -> bytes:
        digest = self._empty.copy()  # in less time than a new one with the key
        digest.update(_encode(content))
        return digest.digest()


def records_of(history: History, leaves: Leaves) -> Records:
    """Return the records of the rows that a unit of work adds."""
    keys = {row[2]: row for row in history.keys}
    entries: dict[str, list[Row]] = {}
    for row in history.entries:
        entries.setdefault(row[3], []).append(row)
    transactions = []
    with_key = 0
    for row in history.transactions:
        transaction_id = row[0]
        key = keys.get(transaction_id)
        with_key += key is not None
        transactions.append(_from_hex(transaction_id + (NO_KEY if key is None else key[0])))
        transactions.append(leaves.of_transaction(row, entries.get(transaction_id, ()), key))
    others = () if with_key == len(history.keys) else _other_keys(history, keys)
    return Records(
        b"".join(transactions),
        b"".join(_from_hex(row[0]) + leaves.of_answer(row) for row in others),
        b"".join(leaves.of_event(row[1], row[2]) for row in history.outbox if row[0] is None),
        b"".join([_from_hex(row[0]) + leaves.of_audit_entry(row) for row in history.audit_log]),
    )


def _other_keys(history: History, keys: Mapping[Any, Row]) -> Sequence[Row]:
    """Return the keys that are in no transaction's record: those with an answer, as a rule."""
    ids = {row[0] for row in history.transactions}
    return [row for row in history.keys if row[2] not in ids or keys[row[2]] is not row]


def new_link(before: Head, created_at: datetime, key: HistoryKey, records: Records) -> Link:
    """Return the link after another one."""
    place = (before.chain, before.number + 1, created_at, key.id, FORM)
    return Link(*place, records, link_digest(key.secret, before.digest, *place, records))


def link_digest(
    secret: bytes,
    before: bytes,
    chain: UUID,
    number: int,
    created_at: datetime,
    key_id: UUID,
    form: int,
    records: Records,
) -> bytes:
    """Return the digest of a link, given that of the link before."""
    content = _encode((before, chain.bytes, number, created_at, key_id.bytes, form, *records))
    return blake2b(content, digest_size=_DIGEST_BYTES, key=secret, person=_LINK).digest()


class Chains:
    """The chains of this process: as many as units of work are saved at the same time.

    No other process continues them, so neither locks nor leases are needed. After a crash they end, and a new process
    begins others.

    Attributes:
        keys: the keys of new links; None for no links.
    """

    def __init__(self) -> None:
        self.keys: HistoryKeys | None = None
        self._idle: list[Head] = []
        self._current: tuple[HistoryKey, Leaves] | None = None

    @asynccontextmanager
    async def link(self, history: History, created_at: datetime) -> AsyncIterator[Link | None]:
        """Return the link of rows that are saved and committed in this context; None without rows, and without keys.

        A chain goes on with its last saved link. If it is not known whether the link was saved, the chain ends: another
        one begins with the next unit of work.
        """
        if self.keys is None or not any(history):
            yield None
            return
        key = await self.keys.current()
        if self._current is None or self._current[0] is not key:
            self._current = key, Leaves(key.secret)
        records = records_of(history, self._current[1])
        if not records:
            yield None
            return
        before = self._idle.pop() if self._idle else Head(uuid7(), 0, FIRST_DIGEST)
        link = new_link(before, created_at, key, records)
        try:
            yield link
        except (asyncpg.PostgresError, Conflict) as error:
            if not is_lost(error):  # PostgreSQL has rolled back
                self._idle.append(before)
            raise
        self._idle.append(Head(link.chain, link.number, link.digest))


_PLACES: Final = ", ".join(f"${number}" for number in range(1, len(LINK_COLUMNS.split(", ")) + 1))
_INSERT: Final = f"INSERT INTO history_links ({LINK_COLUMNS}) VALUES ({_PLACES})"


async def insert_link(connection: asyncpg.Connection, link: Link, event_positions: Sequence[int] | None = None) -> None:
    """Insert a link in a statement of its own."""
    await connection.execute(_INSERT, *link.row, event_positions)


def split(records: bytes, size: int) -> Iterable[bytes]:
    """Return each record of this size."""
    return (records[begin : begin + size] for begin in range(0, len(records), size))
