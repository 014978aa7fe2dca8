"""The audit, asked of the database: each invariant is a query that returns no row.

All run on one snapshot, so they see one moment of a ledger that stays in use. `tekana.application.audit` says the same
in Python; tests plant the same bugs for both.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from tekana.application.audit import (
    APPEND_ONLY,
    BALANCED,
    BALANCES,
    COVERED,
    CURRENCIES,
    EVENTS,
    FINAL,
    HELD,
    INVARIANTS,
    KEYS,
    MOST_BREACHES_SHOWN,
    SEQUENCES,
    VERSIONS,
)
from tekana.ports.audit import Finding, Invariant
from tekana_postgres.connections import create_engine, raw_connection

_LONGEST = 6 * 3600  # seconds for one check: a large ledger takes its time

_COUNTS = {
    BALANCED: "transactions",
    BALANCES: "entries",
    VERSIONS: "entries",
    HELD: "wallets",
    COVERED: "entries",
    CURRENCIES: "entries",
    KEYS: "idempotency_keys",
    EVENTS: "outbox",
    SEQUENCES: "outbox",
    APPEND_ONLY: "transactions",
    FINAL: "wallets",
}

# The events of wallets and customers: those of entries follow from their transaction's place in the outbox.
_ALL_EVENTS = """
    SELECT 'wallet' AS aggregate, e.wallet_id AS id, e.sequence, o.position
    FROM entries e JOIN outbox o ON o.transaction_id = e.transaction_id
    UNION ALL
    SELECT CASE WHEN event_type LIKE 'Wallet%' THEN 'wallet' ELSE 'customer' END,
           coalesce(event ->> 'wallet_id', event ->> 'customer_id')::uuid, (event ->> 'sequence')::bigint, position
    FROM outbox WHERE event IS NOT NULL
"""
# A WalletOpened names its customer as well; what it happened to is the wallet, hence the order in coalesce above.

_LIFECYCLE_OF_WALLETS = """
    SELECT DISTINCT ON (event ->> 'wallet_id') (event ->> 'wallet_id')::uuid AS id, event_type, event
    FROM outbox WHERE event_type LIKE 'Wallet%' ORDER BY event ->> 'wallet_id', (event ->> 'sequence')::bigint DESC
"""
_LIFECYCLE_OF_CUSTOMERS = """
    SELECT DISTINCT ON (event ->> 'customer_id') (event ->> 'customer_id')::uuid AS id, event_type
    FROM outbox
    WHERE event_type IN ('CustomerRegistered', 'CustomerSuspended', 'CustomerReactivated', 'CustomerClosed')
    ORDER BY event ->> 'customer_id', (event ->> 'sequence')::bigint DESC
"""

_BREACHES: dict[Invariant, str] = {
    BALANCED: """
        WITH sums AS (
            SELECT transaction_id, currency, count(*) AS entries, sum(amount) AS total,
                   sum(amount) FILTER (WHERE amount > 0) AS credited
            FROM entries GROUP BY transaction_id, currency
        ), per AS (
            SELECT transaction_id, sum(entries) AS entries, bool_and(total = 0) AS balanced, sum(credited) AS credited
            FROM sums GROUP BY transaction_id
        )
        SELECT format('transaction %s: %s entries, balanced: %s', coalesce(t.id, p.transaction_id),
                      coalesce(p.entries, 0), coalesce(p.balanced::text, '-'))
        FROM transactions t FULL JOIN per p ON p.transaction_id = t.id
        WHERE t.id IS NULL OR (t.status = 'rejected' AND p.entries IS NOT NULL)
           OR (t.status <> 'rejected'
               AND (coalesce(p.entries, 0) < 2 OR NOT p.balanced OR p.credited <> t.amount))
        UNION ALL
        SELECT format('transaction %s: an entry is in wallet %s, or at another time, or in another currency', t.id,
                      e.wallet_id)
        FROM transactions t JOIN entries e ON e.transaction_id = t.id
        WHERE e.wallet_id <> CASE WHEN e.amount < 0 THEN t.from_wallet_id ELSE t.to_wallet_id END
           OR e.posted_at <> t.posted_at OR e.currency <> t.currency
        UNION ALL
        SELECT format('transaction %s: a %s that does not go through the settlement wallet', t.id, t.type)
        FROM transactions t LEFT JOIN wallets w
          ON w.id = CASE t.type WHEN 'deposit' THEN t.from_wallet_id ELSE t.to_wallet_id END
        WHERE t.type <> 'transfer' AND t.status = 'posted'
          AND (w.house IS DISTINCT FROM 'settlement' OR w.currency <> t.currency)
        UNION ALL
        SELECT format('all entries in %s sum to %s', currency, sum(amount))
        FROM entries GROUP BY currency HAVING sum(amount) <> 0
    """,
    BALANCES: """
        SELECT format('wallet %s: version %s says %s', wallet_id, version, ledger_balance_after)
        FROM (SELECT *, lag(ledger_balance_after, 1, 0::bigint) OVER (PARTITION BY wallet_id ORDER BY version) AS before
              FROM entries) e
        WHERE before::numeric + amount <> ledger_balance_after
        UNION ALL
        SELECT format('wallet %s: ledger balance is %s, its entries sum to %s', w.id, w.ledger_balance,
                      coalesce(s.total, 0))
        FROM wallets w LEFT JOIN (SELECT wallet_id, sum(amount) AS total FROM entries GROUP BY wallet_id) s
          ON s.wallet_id = w.id
        WHERE w.ledger_balance <> coalesce(s.total, 0)
    """,
    VERSIONS: """
        SELECT format('wallet %s: version %s is entry number %s, posted at %s', wallet_id, version, number, posted_at)
        FROM (SELECT *, row_number() OVER wallet AS number, lag(posted_at) OVER wallet AS before
              FROM entries WINDOW wallet AS (PARTITION BY wallet_id ORDER BY version)) e
        WHERE version <> number OR posted_at < before
        UNION ALL
        SELECT format('wallet %s: at version %s, with %s entries', coalesce(w.id, c.wallet_id), w.version, c.entries)
        FROM wallets w FULL JOIN (SELECT wallet_id, count(*) AS entries FROM entries GROUP BY wallet_id) c
          ON c.wallet_id = w.id
        WHERE w.id IS NULL OR w.version <> coalesce(c.entries, 0)
    """,
    HELD: "SELECT format('wallet %s: %s is held by no hold', id, held) FROM wallets WHERE held <> 0",
    COVERED: """
        SELECT format('wallet %s: available balance is %s', id, ledger_balance - held)
        FROM wallets WHERE house IS NULL AND ledger_balance - held < 0
        UNION ALL
        SELECT format('wallet %s: %s after version %s', w.id, e.ledger_balance_after, e.version)
        FROM entries e JOIN wallets w ON w.id = e.wallet_id WHERE w.house IS NULL AND e.ledger_balance_after < 0
    """,
    CURRENCIES: """
        SELECT format('transaction %s: amount is %s', id, amount) FROM transactions WHERE amount <= 0
        UNION ALL
        SELECT format('wallet %s: version %s is %s %s', w.id, e.version, e.amount, e.currency)
        FROM entries e JOIN wallets w ON w.id = e.wallet_id WHERE e.currency <> w.currency OR e.amount = 0
    """,
    KEYS: """
        SELECT format('transaction %s: %s keys led to it, not one', coalesce(t.id, k.transaction_id),
                      coalesce(k.keys, 0))
        FROM transactions t FULL JOIN (SELECT transaction_id, count(*) AS keys FROM idempotency_keys
                                       WHERE transaction_id IS NOT NULL GROUP BY transaction_id) k
          ON k.transaction_id = t.id
        WHERE t.id IS NULL OR coalesce(k.keys, 0) <> 1
    """,
    EVENTS: f"""
        SELECT format('transaction %s: in the outbox %s times', coalesce(t.id, o.transaction_id), coalesce(o.times, 0))
        FROM transactions t FULL JOIN (SELECT transaction_id, count(*) AS times FROM outbox
                                       WHERE transaction_id IS NOT NULL GROUP BY transaction_id) o
          ON o.transaction_id = t.id
        WHERE t.id IS NULL OR coalesce(o.times, 0) <> 1
        UNION ALL
        SELECT format('%s %s: at sequence %s, with %s events', coalesce(a.aggregate, e.aggregate), coalesce(a.id, e.id),
                      a.sequence, coalesce(e.events, 0))
        FROM (SELECT 'wallet' AS aggregate, id, sequence FROM wallets
              UNION ALL SELECT 'customer', id, version FROM customers) a
        FULL JOIN (SELECT aggregate, id, count(*) AS events FROM ({_ALL_EVENTS}) x GROUP BY aggregate, id) e
          ON e.aggregate = a.aggregate AND e.id = a.id
        WHERE a.id IS NULL OR a.sequence <> coalesce(e.events, 0)
    """,
    SEQUENCES: f"""
        SELECT format('%s %s: event %s comes where %s should', aggregate, id, sequence, number)
        FROM (SELECT *, row_number() OVER (PARTITION BY aggregate, id ORDER BY position, sequence) AS number
              FROM ({_ALL_EVENTS}) x) e
        WHERE sequence <> number
    """,
    APPEND_ONLY: """
        SELECT format('%s: its guard %s is missing or off', tables.name, guards.name)
        FROM unnest(ARRAY['transactions', 'entries', 'idempotency_keys', 'outbox']) AS tables (name),
             unnest(ARRAY['append_only', 'append_only_truncate']) AS guards (name)
        WHERE NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = to_regclass(tables.name)
                          AND g.tgname = guards.name AND g.tgenabled = 'A')
        UNION ALL
        SELECT format('%s: %s rows were updated, %s deleted', relname, n_tup_upd, n_tup_del)
        FROM pg_stat_user_tables
        WHERE relname IN ('transactions', 'entries', 'idempotency_keys', 'outbox') AND schemaname = current_schema()
          AND n_tup_upd + n_tup_del > 0
        UNION ALL
        SELECT format('transaction %s: %s, posted at %s', id, status, posted_at)
        FROM transactions
        WHERE (status = 'posted') <> (posted_at IS NOT NULL) OR (status = 'rejected') <> (rejection IS NOT NULL)
        UNION ALL
        SELECT format('transaction %s: created at %s, its id says another time', id, created_at)
        FROM transactions, LATERAL (SELECT (extract(epoch FROM created_at) * 1000000)::bigint AS us) since,
             LATERAL (SELECT int8send((us / 1000 << 16) | (7 << 12) | us % 1000) AS begins) ids
        WHERE uuid_send(id) NOT BETWEEN begins || '\\x80' AND begins || '\\xc0'  -- see first_transaction_id
    """,
    FINAL: f"""
        SELECT format('wallet %s: closed with %s in it, %s held', id, ledger_balance, held)
        FROM wallets WHERE status = 'closed' AND (ledger_balance <> 0 OR held <> 0)
        UNION ALL
        SELECT format('wallet %s: %s, while its customer is %s', w.id, w.status, coalesce(c.status, 'not there'))
        FROM wallets w LEFT JOIN customers c ON c.id = w.customer_id
        WHERE w.house IS NULL
          AND (c.id IS NULL OR (c.status = 'closed' AND w.status <> 'closed')
               OR w.customer_active <> (c.status = 'active'))
        UNION ALL
        SELECT format('wallet %s: %s, while its last event is %s', w.id, w.status, l.event_type)
        FROM wallets w JOIN ({_LIFECYCLE_OF_WALLETS}) l ON l.id = w.id
        WHERE w.status <> CASE l.event_type WHEN 'WalletFrozen' THEN 'frozen' WHEN 'WalletClosed' THEN 'closed'
                          ELSE 'active' END
           OR w.freeze_scope IS DISTINCT FROM CASE WHEN l.event_type = 'WalletFrozen' THEN l.event ->> 'scope' END
        UNION ALL
        SELECT format('wallet %s: of customer %s in %s, opened as another', w.id, w.customer_id, w.currency)
        FROM wallets w JOIN outbox o ON o.event_type = 'WalletOpened' AND (o.event ->> 'wallet_id')::uuid = w.id
        WHERE w.customer_id IS DISTINCT FROM (o.event ->> 'customer_id')::uuid OR w.currency <> o.event ->> 'currency'
        UNION ALL
        SELECT format('customer %s: %s, while their last event is %s', c.id, c.status, l.event_type)
        FROM customers c JOIN ({_LIFECYCLE_OF_CUSTOMERS}) l ON l.id = c.id
        WHERE c.status <> CASE l.event_type WHEN 'CustomerSuspended' THEN 'suspended'
                          WHEN 'CustomerClosed' THEN 'closed' ELSE 'active' END
        UNION ALL
        SELECT format('wallet %s: an event %s after it was closed', e.wallet_id, e.sequence)
        FROM outbox o JOIN entries e ON e.wallet_id = (o.event ->> 'wallet_id')::uuid
        WHERE o.event_type = 'WalletClosed' AND e.sequence > (o.event ->> 'sequence')::bigint
        UNION ALL
        SELECT format('%s: %s after it was closed', coalesce(l.event ->> 'wallet_id', l.event ->> 'customer_id'),
                      l.event_type)
        FROM outbox o JOIN outbox l
          ON coalesce(l.event ->> 'wallet_id', l.event ->> 'customer_id')
             = coalesce(o.event ->> 'wallet_id', o.event ->> 'customer_id')
        WHERE o.event_type IN ('WalletClosed', 'CustomerClosed')
          AND (l.event ->> 'sequence')::bigint > (o.event ->> 'sequence')::bigint
    """,
}


async def audit(url: str) -> AsyncIterator[Finding]:
    """Check every invariant on one snapshot; one finding each."""
    engine = create_engine(url, connections=1)
    try:
        async with (
            raw_connection(engine) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            for invariant in INVARIANTS:
                begin = time.perf_counter()
                checked = await connection.fetchval(f"SELECT count(*) FROM {_COUNTS[invariant]}", timeout=_LONGEST)
                rows = await connection.fetch(
                    f"SELECT breach, count(*) OVER () FROM ({_BREACHES[invariant]}) q (breach) LIMIT $1",
                    MOST_BREACHES_SHOWN,
                    timeout=_LONGEST,
                )
                yield Finding(
                    invariant,
                    checked=checked,
                    seconds=time.perf_counter() - begin,
                    breach_count=rows[0][1] if rows else 0,
                    breaches=tuple(row[0] for row in rows),
                )
    finally:
        await engine.dispose()
