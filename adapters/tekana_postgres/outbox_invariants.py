"""The invariants of the outbox and of idempotency keys in SQL: one place for each transaction, events in order.

Every aggregate is checked whose table counts its events. Which types of event these are, their classes declare.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column

from tekana.application.audit.checks import EVENTS, SEQUENCES
from tekana.domain.events import EVENT_TYPES
from tekana_postgres import tables

# The join finds transactions without a row, and rows without a transaction. If there are none, equal numbers of both
# mean one row for each transaction. So rows are grouped only if the numbers differ, to find transactions with two rows.
# `dropped` is the number of rows that were dropped deliberately, of transactions up to `newest`.
_ONE_EACH = """
    SELECT CASE WHEN t.id IS NULL THEN format('transaction %s: in {table}, but not there', o.transaction_id)
                ELSE format('transaction %s: not in {table}', t.id) END
    FROM transactions t
    FULL JOIN (SELECT transaction_id FROM {table} WHERE transaction_id IS NOT NULL) o ON o.transaction_id = t.id
    WHERE t.id IS NULL OR (o.transaction_id IS NULL AND ({newest} IS NULL OR t.id > {newest}))
    UNION ALL
    SELECT format('transaction %s: in {table} %s times', transaction_id, count(*))
    FROM {table}
    WHERE transaction_id IS NOT NULL
      AND (SELECT count(transaction_id) FROM {table}) + {dropped} <> (SELECT count(*) FROM transactions)
    GROUP BY transaction_id HAVING count(*) > 1
"""

KEY_BREACHES = _ONE_EACH.format(table="idempotency_keys", dropped="0", newest="NULL")
"""The transactions without a key, and the keys without a transaction."""

# For each dropped part of the outbox, the number of its transactions and the sum of their hashes are stored.
_NEWEST_DROPPED = 'max(last_transaction_id::text COLLATE "C")::uuid'
_DROPPED = f"""
    SELECT format('%s transactions have no place in the outbox, and %s were dropped from it, or others',
                  missing.transactions, dropped.transactions)
    FROM (
        SELECT sum(transactions) AS transactions, sum(digest) AS digest, {_NEWEST_DROPPED} AS newest FROM outbox_parts
    ) dropped, LATERAL (
        SELECT count(*) AS transactions, coalesce(sum(uuid_hash_extended(t.id, 0)::numeric), 0) AS digest
        FROM transactions t LEFT JOIN outbox o ON o.transaction_id = t.id
        WHERE o.transaction_id IS NULL AND t.id <= dropped.newest
    ) missing
    WHERE dropped.newest IS NOT NULL
      AND (missing.transactions, missing.digest) IS DISTINCT FROM (dropped.transactions, dropped.digest)
"""
_PLACED_ONCE = _ONE_EACH.format(
    table="outbox",
    dropped="(SELECT coalesce(sum(transactions), 0) FROM outbox_parts)",
    newest=f"(SELECT {_NEWEST_DROPPED} FROM outbox_parts)",
)

# The events of entries are not in the outbox themselves, and have the position of their transaction in it; if that was
# dropped, they have none.
_EVENTS_OF_ENTRIES = f"""
    SELECT e.wallet_id AS id, e.sequence, o.position FROM entries e LEFT JOIN outbox o USING (transaction_id)
    WHERE o.position IS NOT NULL OR e.transaction_id <= (SELECT {_NEWEST_DROPPED} FROM outbox_parts)
    UNION ALL
"""


# Nor is the first event of a hold, which is that of its transaction.
_FIRST_EVENTS_OF_HOLDS = f"""
    SELECT h.id, 1::bigint AS sequence, o.position FROM holds h LEFT JOIN outbox o ON o.transaction_id = h.id
    WHERE o.position IS NOT NULL OR h.id <= (SELECT {_NEWEST_DROPPED} FROM outbox_parts)
    UNION ALL
"""
_DERIVED_EVENTS = {"wallet": _EVENTS_OF_ENTRIES, "transaction": _FIRST_EVENTS_OF_HOLDS}


def _event_counts() -> dict[str, Column[Any]]:
    """Return the columns that count the events of an aggregate, by the kind of aggregate."""
    columns = [column for table in tables.metadata.sorted_tables for column in table.columns]
    return {column.info["event_count_of"]: column for column in columns if "event_count_of" in column.info}


def _event_types(*aggregates: str) -> str:
    """Return the types of event of these kinds of aggregate, as a list in SQL."""
    return ", ".join(f"'{name}'" for name, kind in EVENT_TYPES.items() if kind.aggregate in aggregates)


def aggregate_id_sql(event_type: str, event: str) -> str:
    """Return the SQL of the id of an event's aggregate. An event may have the ids of other aggregates, too."""
    cases = (f"WHEN {event_type} IN ({_event_types(one)}) THEN {event} ->> '{one}_id'" for one in _event_counts())
    return f"(CASE {' '.join(cases)} END)::uuid"


def _sequences(aggregate: str, count: Column[Any]) -> str:
    """Return a query for aggregates whose events differ in number from their count, or are misplaced."""
    return f"""
        SELECT '{aggregate}' AS aggregate, coalesce(a.id, e.id) AS id, a.{count.name} AS sequence,
               coalesce(e.events, 0) AS events, e.misplaced
        FROM {count.table.name} a FULL JOIN (
            SELECT id, count(*) AS events, min(sequence) FILTER (WHERE sequence <> number) AS misplaced
            FROM (SELECT id, sequence, row_number() OVER (
                      PARTITION BY id ORDER BY greatest(position, dropped.up_to), sequence) AS number
                  FROM ({_DERIVED_EVENTS.get(aggregate, "")}
                        SELECT (event ->> '{aggregate}_id')::uuid AS id, (event ->> 'sequence')::bigint AS sequence,
                               position
                        FROM outbox WHERE event_type IN ({_event_types(aggregate)})) events,
                       (SELECT coalesce(max(last_position), 0) AS up_to FROM outbox_parts) dropped) numbered
            GROUP BY id
        ) e ON e.id = a.id
        WHERE a.{count.name} IS DISTINCT FROM coalesce(e.events, 0) OR e.misplaced IS NOT NULL
    """


def event_breaches() -> str:
    """Return a query for breaches of EVENTS and SEQUENCES, with the number of the broken one."""
    counts = _event_counts()
    return f"""
    WITH broken AS ({" UNION ALL ".join(_sequences(aggregate, count) for aggregate, count in counts.items())})
    SELECT {EVENTS.number}, breach FROM ({_PLACED_ONCE} UNION ALL {_DROPPED}) announced (breach)
    UNION ALL
    SELECT {EVENTS.number}, format('%s %s: at sequence %s, with %s events', aggregate, id, sequence, events)
    FROM broken WHERE sequence IS DISTINCT FROM events
    UNION ALL
    SELECT {EVENTS.number}, format('position %s: %s is no event of a stored aggregate', position, event_type)
    FROM outbox WHERE event_type NOT IN ({_event_types(*counts)})
    UNION ALL
    SELECT {SEQUENCES.number}, format('%s %s: event %s is out of its place', aggregate, id, misplaced)
    FROM broken WHERE misplaced IS NOT NULL
"""
