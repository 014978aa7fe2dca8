"""The invariants in SQL: queries that return no rows while the ledger has no breaches.

A ledger has many millions of rows, so the queries are written for sequential scans, hash joins and parallel workers.
`tekana.application.audit.checks` has the same invariants in Python; tests plant breaches for both.
"""

from __future__ import annotations

from typing import NamedTuple

from tekana.application.audit.checks import (
    APPEND_ONLY,
    BALANCED,
    BALANCES,
    COVERED,
    CURRENCIES,
    DETAILS,
    EVENTS,
    FEES,
    FINAL,
    HELD,
    KEYS,
    LIMITED,
    REVERSALS,
    SEQUENCES,
    STATEMENTS,
    VERSIONS,
)
from tekana.domain.transaction import TRANSACTION_TYPES
from tekana.ports.audit import Invariant
from tekana_postgres.fee_invariants import fee_breaches
from tekana_postgres.hold_invariants import HELD_EVENTS, HOLD_BREACHES
from tekana_postgres.limit_invariants import limit_breaches
from tekana_postgres.outbox_invariants import KEY_BREACHES, aggregate_id_sql, event_breaches
from tekana_postgres.reversal_invariants import reversal_breaches
from tekana_postgres.tables import APPEND_ONLY as HISTORY

SCHEMA = Invariant(14, "tables, guards and rights are as this version needs")
"""Only a database has a schema, so the audit in Python lacks this invariant."""


def with_types(query: str) -> str:
    """Return a query with the types of transactions filled in: the house roles of their payers and payees, and
    of either, and whether they are holds; and a condition that an entry `e` of a transaction `t` is in a further house
    wallet `h` of the type."""
    rows = (
        f"('{name}', {_text(one.payer)}, {_text(one.payee)}, {_text(one.either)}, {one.is_hold})"
        for name, one in TRANSACTION_TYPES.items()
    )
    further = ", ".join(f"('{name}', '{role}')" for name, one in TRANSACTION_TYPES.items() for role in one.further)
    is_further = "false"
    if further:
        is_further = f"coalesce(h.currency = e.currency AND (t.type, h.house) IN ({further}), false)"
    return query.replace("{types}", ", ".join(rows)).replace("{is_further}", is_further)


def _text(value: str | None) -> str:
    return "NULL::text" if value is None else f"'{value}'"


class Check(NamedTuple):
    """A query with a row of text for each breach, and the table that it checks.

    A query for several invariants has the number of the broken one as its first column.
    """

    invariants: tuple[Invariant, ...]
    table: str
    breaches: str


# A full join: a transaction may lack entries, and an entry its transaction. All debits are in the payer's wallet and
# all credits in the payee's, except in further house wallets of the type. The amount is between what left the payer and
# what entered the payee, which without further wallets are equal. A request names the first stripe of a house wallet,
# and entries may be in any stripe. The entries of a transaction with a charge are compared with that: see _FEES.
_BALANCED = """
    WITH houses AS (
        SELECT id, house, currency, first_value(id) OVER (PARTITION BY house, currency ORDER BY id) AS first
        FROM wallets WHERE house IS NOT NULL
    ), sums AS (
        SELECT e.transaction_id, e.currency, count(*) AS entries, sum(e.amount) AS total,
               coalesce(sum(-e.amount) FILTER (WHERE e.amount < 0 AND NOT {is_further}), 0) AS debited,
               coalesce(sum(e.amount) FILTER (WHERE e.amount > 0 AND NOT {is_further}), 0) AS credited,
               bool_and({is_further} OR t.details -> 'charge' IS NOT NULL OR CASE
                   WHEN e.amount < 0 THEN coalesce(h.first, e.wallet_id) = t.from_wallet_id AND e.currency = t.currency
                   ELSE coalesce(h.first, e.wallet_id) = t.to_wallet_id END) AS placed,
               bool_and(e.posted_at IS NOT DISTINCT FROM t.posted_at) AS dated
        FROM entries e LEFT JOIN houses h ON h.id = e.wallet_id LEFT JOIN transactions t ON t.id = e.transaction_id
        GROUP BY e.transaction_id, e.currency
    )
    SELECT format('transaction %s: %s, with %s entries that sum to %s, or that are elsewhere than it says',
                  coalesce(t.id, s.transaction_id), coalesce(t.status, 'not there'), sum(s.entries), sum(s.total))
    FROM transactions t FULL JOIN sums s ON s.transaction_id = t.id
    GROUP BY t.id, s.transaction_id
    HAVING CASE t.status
        WHEN 'rejected' THEN count(s.entries) > 0
        WHEN 'pending' THEN count(s.entries) > 0
        WHEN 'posted' THEN
            coalesce(sum(s.entries), 0) < 2 OR bool_or(s.total <> 0) OR NOT bool_and(s.dated)
            OR NOT bool_and(s.placed)
            OR t.details -> 'charge' IS NULL AND (
                t.amount BETWEEN SYMMETRIC sum(s.debited) FILTER (WHERE s.currency = t.currency)
                AND sum(s.credited) FILTER (WHERE s.currency = t.currency)) IS NOT TRUE
        ELSE true END
    UNION ALL
    SELECT format('transaction %s: a %s that does not go through the wallet it should', t.id, t.type)
    FROM transactions t LEFT JOIN (VALUES {types}) AS rules (type, payer, payee, either, is_hold) ON rules.type = t.type
    LEFT JOIN wallets f ON f.id = t.from_wallet_id AND f.house IS NOT NULL AND f.currency = t.currency
    LEFT JOIN wallets p ON p.id = t.to_wallet_id AND p.house IS NOT NULL AND p.currency = t.currency
    WHERE t.status = 'posted' AND (
        rules.type IS NULL OR rules.is_hold
        OR (rules.payer IS NOT NULL AND f.house IS DISTINCT FROM rules.payer)
        OR (rules.payee IS NOT NULL AND p.house IS DISTINCT FROM rules.payee)
        OR (rules.either IS NOT NULL
            AND (f.house IS NOT DISTINCT FROM rules.either) = (p.house IS NOT DISTINCT FROM rules.either)))
    UNION ALL
    SELECT format('all entries in %s sum to %s', currency, sum(amount))
    FROM entries GROUP BY currency HAVING sum(amount) <> 0
"""

_HISTORY = f"""
    WITH history AS (
        SELECT wallet_id, version, amount, ledger_balance_after AS after, posted_at,
               row_number() OVER wallet AS number, lag(posted_at) OVER wallet AS posted_before,
               lag(ledger_balance_after, 1, 0::bigint) OVER wallet AS before
        FROM entries WINDOW wallet AS (PARTITION BY wallet_id ORDER BY version)
    ), sums AS (
        SELECT wallet_id, count(*) AS entries, sum(amount) AS total,
               min(version) FILTER (WHERE before::numeric + amount <> after) AS unbalanced,
               min(version) FILTER (WHERE version <> number OR posted_at < posted_before) AS misplaced
        FROM history GROUP BY wallet_id
    ), broken AS (
        SELECT coalesce(w.id, s.wallet_id) AS id, w.ledger_balance, coalesce(s.total, 0) AS total, s.unbalanced,
               w.version, coalesce(s.entries, 0) AS entries, s.misplaced
        FROM wallets w FULL JOIN sums s ON s.wallet_id = w.id
        WHERE w.id IS NULL OR w.ledger_balance <> coalesce(s.total, 0) OR s.unbalanced IS NOT NULL
           OR w.version <> coalesce(s.entries, 0) OR s.misplaced IS NOT NULL
    )
    SELECT {BALANCES.number}, format('wallet %s: version %s says another balance than the one before and its amount',
                                     id, unbalanced)
    FROM broken WHERE unbalanced IS NOT NULL
    UNION ALL
    SELECT {BALANCES.number}, format('wallet %s: ledger balance is %s, its entries sum to %s',
                                     id, ledger_balance, total)
    FROM broken WHERE ledger_balance <> total
    UNION ALL
    SELECT {VERSIONS.number}, format('wallet %s: version %s is out of its place or time', id, misplaced)
    FROM broken WHERE misplaced IS NOT NULL
    UNION ALL
    SELECT {VERSIONS.number}, format('wallet %s: at version %s, with %s entries', id, version, entries)
    FROM broken WHERE version IS DISTINCT FROM entries
"""

_COVERED = """
    SELECT format('wallet %s: available balance is %s', id, ledger_balance - held)
    FROM wallets WHERE house IS NULL AND ledger_balance - held < 0
    UNION ALL
    SELECT format('wallet %s: %s after version %s', w.id, e.ledger_balance_after, e.version)
    FROM entries e JOIN wallets w ON w.id = e.wallet_id WHERE w.house IS NULL AND e.ledger_balance_after < 0
    UNION ALL
    SELECT format('wallet %s: %s with %s held after event %s', id, balance, held, sequence)
    FROM (
        SELECT id, sequence,
               coalesce(first_value(balance) OVER (PARTITION BY id, entries ORDER BY sequence), 0) AS balance,
               coalesce(first_value(held) OVER (PARTITION BY id, changes ORDER BY sequence), 0) AS held
        FROM (
            SELECT *, count(balance) OVER wallet AS entries, count(held) OVER wallet AS changes
            FROM (
                SELECT (event ->> 'wallet_id')::uuid AS id, (event ->> 'sequence')::bigint AS sequence,
                       NULL::bigint AS balance, (event ->> 'held_after')::bigint AS held
                FROM outbox WHERE event_type IN ({held_events})
                UNION ALL
                SELECT wallet_id, sequence, ledger_balance_after, NULL FROM entries WHERE wallet_id IN (
                    SELECT (event ->> 'wallet_id')::uuid FROM outbox WHERE event_type IN ({held_events}))
            ) events WINDOW wallet AS (PARTITION BY id ORDER BY sequence)
        ) numbered
    ) history WHERE balance < held AND balance >= 0
"""

_CURRENCIES = """
    SELECT format('transaction %s: amount is %s', id, amount) FROM transactions WHERE amount <= 0
    UNION ALL
    SELECT format('wallet %s: version %s is %s %s', w.id, e.version, e.amount, e.currency)
    FROM entries e JOIN wallets w ON w.id = e.wallet_id WHERE e.currency <> w.currency OR e.amount = 0
"""

_HISTORY_TABLES = ", ".join(f"'{table.name}'" for table in HISTORY)
_APPEND_ONLY = f"""
    SELECT format('%s: its guard %s is missing or off', tables.name, guards.name)
    FROM (SELECT unnest(ARRAY[{_HISTORY_TABLES}])
          UNION ALL SELECT relid::text FROM pg_partition_tree('outbox') WHERE isleaf) AS tables (name),
         unnest(ARRAY['append_only', 'append_only_truncate']) AS guards (name)
    WHERE NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = to_regclass(tables.name)
                      AND g.tgname = guards.name AND g.tgenabled = 'A')
    UNION ALL
    SELECT format('%s: %s rows were updated, %s deleted', relname, n_tup_upd, n_tup_del)
    FROM pg_stat_user_tables
    WHERE (relname IN ({_HISTORY_TABLES})
           OR relid IN (SELECT relid FROM pg_partition_tree('outbox'))) AND schemaname = current_schema()
      AND n_tup_upd + n_tup_del > 0
    UNION ALL
    SELECT format('transaction %s: %s, created at %s, posted at %s', id, status, created_at, posted_at)
    FROM transactions, LATERAL (SELECT (extract(epoch FROM created_at) * 1000000)::bigint AS us) since,
         LATERAL (SELECT int8send((us / 1000 << 16) | (7 << 12) | us % 1000) AS begins) ids
    WHERE (status = 'posted') <> (posted_at IS NOT NULL) OR (status = 'rejected') <> (rejection IS NOT NULL)
       OR uuid_send(id) NOT BETWEEN begins || '\\x80' AND begins || '\\xc0'  -- see first_transaction_id
"""


# Most wallets and customers have no event that changes their status: they are active, as at the beginning.
def _final() -> str:
    return f"""
    WITH changes AS MATERIALIZED (
        SELECT {aggregate_id_sql("event_type", "event")} AS id, event_type,
               (event ->> 'sequence')::bigint AS sequence, event ->> 'scope' AS scope,
               (event ->> 'remaining')::bigint AS remaining
        FROM outbox
        WHERE event_type IN ('WalletFrozen', 'WalletUnfrozen', 'WalletClosed',
                             'CustomerSuspended', 'CustomerReactivated', 'CustomerClosed',
                             'ApprovalApproved', 'ApprovalRejected', 'ApprovalFailed',
                             'HoldCaptured', 'HoldChanged', 'HoldVoided', 'HoldExpired')
    ), last AS (
        SELECT DISTINCT ON (id) id, event_type, scope, remaining FROM changes ORDER BY id, sequence DESC
    ), closed AS (
        SELECT id, sequence FROM changes
        WHERE event_type IN ('WalletClosed', 'CustomerClosed', 'ApprovalApproved', 'ApprovalRejected', 'ApprovalFailed',
                             'HoldVoided', 'HoldExpired')
           OR (event_type = 'HoldCaptured' AND remaining = 0)
    )
    SELECT format('wallet %s: closed with %s in it, %s held', id, ledger_balance, held)
    FROM wallets WHERE status = 'closed' AND (ledger_balance <> 0 OR held <> 0)
    UNION ALL
    SELECT format('wallet %s: %s, while its customer is %s', w.id, w.status, coalesce(c.status, 'not there'))
    FROM wallets w LEFT JOIN customers c ON c.id = w.customer_id
    WHERE w.house IS NULL
      AND (c.id IS NULL OR (c.status = 'closed' AND w.status <> 'closed') OR w.customer_active <> (c.status = 'active'))
    UNION ALL
    SELECT format('wallet %s: %s, while its last event is %s', w.id, w.status, coalesce(l.event_type, 'WalletOpened'))
    FROM wallets w LEFT JOIN last l ON l.id = w.id
    WHERE w.status <> CASE l.event_type WHEN 'WalletFrozen' THEN 'frozen' WHEN 'WalletClosed' THEN 'closed'
                      ELSE 'active' END
       OR w.freeze_scope IS DISTINCT FROM CASE WHEN l.event_type = 'WalletFrozen' THEN l.scope END
    UNION ALL
    SELECT format('wallet %s: of customer %s in %s, opened as another', w.id, w.customer_id, w.currency)
    FROM wallets w JOIN outbox o ON (o.event ->> 'wallet_id')::uuid = w.id
    WHERE o.event_type = 'WalletOpened'
      AND (w.customer_id IS DISTINCT FROM (o.event ->> 'customer_id')::uuid OR w.currency <> o.event ->> 'currency')
    UNION ALL
    SELECT format('customer %s: %s, while their last event is %s', c.id, c.status,
                  coalesce(l.event_type, 'CustomerRegistered'))
    FROM customers c LEFT JOIN last l ON l.id = c.id
    WHERE c.status <> CASE l.event_type WHEN 'CustomerSuspended' THEN 'suspended' WHEN 'CustomerClosed' THEN 'closed'
                      ELSE 'active' END
    UNION ALL
    SELECT format('approval %s: %s, while its last event is %s', a.id, a.status,
                  coalesce(l.event_type, 'ApprovalRequested'))
    FROM approvals a LEFT JOIN last l ON l.id = a.id
    WHERE a.status <> CASE l.event_type WHEN 'ApprovalApproved' THEN 'approved' WHEN 'ApprovalRejected' THEN 'rejected'
                      WHEN 'ApprovalFailed' THEN 'failed' ELSE 'pending' END
    UNION ALL
    SELECT format('hold %s: %s, while its last event is %s', h.id, h.status, coalesce(l.event_type, 'HoldAuthorized'))
    FROM holds h LEFT JOIN last l ON l.id = h.id
    WHERE h.status <> CASE l.event_type WHEN 'HoldVoided' THEN 'voided' WHEN 'HoldExpired' THEN 'expired'
                      WHEN 'HoldCaptured' THEN CASE l.remaining WHEN 0 THEN 'captured' ELSE 'pending' END
                      ELSE 'pending' END
    UNION ALL
    SELECT format('approval %s: asked for by %s, requested by another', a.id, a.asker::json ->> 'subject')
    FROM approvals a JOIN outbox o ON (o.event ->> 'approval_id')::uuid = a.id
    WHERE o.event_type = 'ApprovalRequested' AND a.asker::json ->> 'subject' IS DISTINCT FROM o.event ->> 'caller'
    UNION ALL
    SELECT format('wallet %s: an event %s after it was closed', e.wallet_id, e.sequence)
    FROM closed c JOIN entries e ON e.wallet_id = c.id AND e.sequence > c.sequence
    UNION ALL
    SELECT format('%s: %s after it was closed or decided', c.id, o.event_type)
    FROM closed c JOIN outbox o ON {aggregate_id_sql("o.event_type", "o.event")} = c.id
    WHERE o.event_type <> 'CustomerErased' AND (o.event ->> 'sequence')::bigint > c.sequence
"""


# `index_key_id` is there as long as the key and the details are: a constraint says so, and the auditor reads neither.
_DETAILS = """
    SELECT format('customer %s: %s', coalesce(c.id, d.id), CASE
        WHEN c.id IS NULL THEN 'details without a customer'
        WHEN d.id IS NULL OR (c.erased_at IS NULL AND d.index_key_id IS NULL) THEN 'has no details'
        WHEN c.erased_at IS NOT NULL AND d.index_key_id IS NOT NULL THEN 'has details, and was erased'
        ELSE 'has details of another version, status or tenant' END)
    FROM customers c FULL JOIN customer_details d ON d.id = c.id
    WHERE (c.erased_at IS NULL) IS DISTINCT FROM (d.index_key_id IS NOT NULL) OR c.version IS DISTINCT FROM d.version
       OR (c.status = 'closed') IS DISTINCT FROM d.closed OR c.tenant IS DISTINCT FROM d.tenant
"""

# In the order of posting, so that statements, whose entries are found by versions, are compared with all that was
# posted by then.
_STATEMENTS = """
    WITH history AS (
        SELECT wallet_id, posted_at, ledger_balance_after AS closing, sum(amount) OVER wallet AS total,
               lead(posted_at) OVER wallet AS next
        FROM entries WINDOW wallet AS (PARTITION BY wallet_id ORDER BY posted_at, version)
    )
    SELECT format('wallet %s: its statement of %s closes with %s, not %s', wallet_id,
                  to_char(posted_at AT TIME ZONE 'UTC', 'YYYY-MM'), closing, total)
    FROM history
    WHERE closing <> total
      AND date_trunc('month', posted_at, 'UTC') IS DISTINCT FROM date_trunc('month', next, 'UTC')
    UNION ALL
    SELECT format('the trial balance in %s: wallets sum to %s', currency, sum(ledger_balance))
    FROM wallets GROUP BY currency HAVING sum(ledger_balance) <> 0
"""


def checks() -> tuple[Check, ...]:
    """Return the checks, in the order of the invariants, for the types and aggregates that are declared."""
    return (
        Check((BALANCED,), "transactions", with_types(_BALANCED)),
        Check((BALANCES, VERSIONS), "entries", _HISTORY),
        Check((HELD,), "wallets", HOLD_BREACHES),
        Check((COVERED,), "entries", _COVERED.replace("{held_events}", HELD_EVENTS)),
        Check((CURRENCIES,), "entries", _CURRENCIES),
        Check((KEYS,), "idempotency_keys", KEY_BREACHES),
        Check((REVERSALS,), "reversals", reversal_breaches()),
        Check((EVENTS, SEQUENCES), "outbox", event_breaches()),
        Check((APPEND_ONLY,), "transactions", _APPEND_ONLY),
        Check((FINAL,), "wallets", _final()),
        Check((LIMITED,), "entries", limit_breaches()),
        Check((DETAILS,), "customers", _DETAILS),
        Check((STATEMENTS,), "entries", _STATEMENTS),
        Check((FEES,), "transactions", fee_breaches()),
    )
