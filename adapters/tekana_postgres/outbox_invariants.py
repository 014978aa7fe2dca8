"""The invariants of the outbox and of idempotency keys in SQL: one place for each transaction, events in order."""

from __future__ import annotations

from tekana.application.audit.checks import EVENTS, SEQUENCES

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

# The events of entries have the position of their transaction in the outbox; if that was dropped, they have none. A
# WalletOpened also has a customer_id; its aggregate is the wallet.
_EVENTS_OF = {
    "wallet": f"""
        SELECT e.wallet_id AS id, e.sequence, o.position FROM entries e LEFT JOIN outbox o USING (transaction_id)
        WHERE o.position IS NOT NULL OR e.transaction_id <= (SELECT {_NEWEST_DROPPED} FROM outbox_parts)
        UNION ALL
        SELECT (event ->> 'wallet_id')::uuid, (event ->> 'sequence')::bigint, position
        FROM outbox WHERE event_type LIKE 'Wallet%'
    """,
    "customer": """
        SELECT (event ->> 'customer_id')::uuid AS id, (event ->> 'sequence')::bigint AS sequence, position
        FROM outbox WHERE event_type NOT LIKE 'Wallet%'
    """,
}


def _sequences(aggregate: str, last: str) -> str:
    """Return a query for wallets or customers whose events differ in number from column `last`, or are misplaced."""
    return f"""
        SELECT '{aggregate}' AS aggregate, coalesce(a.id, e.id) AS id, a.{last} AS sequence,
               coalesce(e.events, 0) AS events, e.misplaced
        FROM {aggregate}s a FULL JOIN (
            SELECT id, count(*) AS events, min(sequence) FILTER (WHERE sequence <> number) AS misplaced
            FROM (SELECT id, sequence, row_number() OVER (
                      PARTITION BY id ORDER BY greatest(position, dropped.up_to), sequence) AS number
                  FROM ({_EVENTS_OF[aggregate]}) events,
                       (SELECT coalesce(max(last_position), 0) AS up_to FROM outbox_parts) dropped) numbered
            GROUP BY id
        ) e ON e.id = a.id
        WHERE a.{last} IS DISTINCT FROM coalesce(e.events, 0) OR e.misplaced IS NOT NULL
    """


EVENT_BREACHES = f"""
    WITH broken AS ({_sequences("wallet", "sequence")} UNION ALL {_sequences("customer", "version")})
    SELECT {EVENTS.number}, breach FROM ({_PLACED_ONCE} UNION ALL {_DROPPED}) announced (breach)
    UNION ALL
    SELECT {EVENTS.number}, format('%s %s: at sequence %s, with %s events', aggregate, id, sequence, events)
    FROM broken WHERE sequence IS DISTINCT FROM events
    UNION ALL
    SELECT {SEQUENCES.number}, format('%s %s: event %s is out of its place', aggregate, id, misplaced)
    FROM broken WHERE misplaced IS NOT NULL
"""
"""The events that are missing, too many, or out of place."""
