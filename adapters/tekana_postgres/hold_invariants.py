"""The invariant of holds in SQL; `tekana.application.audit.hold_checks` has the same in Python."""

from __future__ import annotations

HELD_EVENTS = "'FundsHeld', 'HoldReleased'"
HOLD_BREACHES = f"""
    WITH rows AS (
        SELECT h.id, h.amount, h.captured, h.status, t.from_wallet_id, t.to_wallet_id, t.currency, t.relates_to::text
        FROM holds h JOIN transactions t ON t.id = h.id
    ), open AS (
        SELECT from_wallet_id AS id, sum(amount - captured) AS left FROM rows WHERE status = 'pending' GROUP BY 1
    ), captures AS (
        SELECT id, relates_to, amount, from_wallet_id, to_wallet_id, currency, details ->> 'reverses' AS reverses
        FROM transactions
        WHERE type = 'capture' AND status = 'posted'
    ), events AS (
        SELECT (event ->> 'wallet_id')::uuid AS id, (event ->> 'sequence')::bigint AS sequence,
               (event ->> 'held_after')::bigint AS after,
               CASE event_type WHEN 'FundsHeld' THEN 1 ELSE -1 END * (event ->> 'amount')::bigint AS change
        FROM outbox WHERE event_type IN ({HELD_EVENTS})
    ), history AS (
        SELECT id, sequence, change, after, lag(after, 1, 0::bigint) OVER wallet AS before,
               lead(sequence) OVER wallet IS NULL AS is_last
        FROM events WINDOW wallet AS (PARTITION BY id ORDER BY sequence)
    )
    SELECT format('wallet %s: %s is held, open holds have %s left', coalesce(w.id, o.id), w.held, coalesce(o.left, 0))
    FROM wallets w FULL JOIN open o ON o.id = w.id WHERE w.held IS DISTINCT FROM coalesce(o.left, 0)
    UNION ALL
    SELECT format('wallet %s: event %s says that %s is held', id, sequence, after)
    FROM history WHERE before + change <> after
    UNION ALL
    SELECT format('wallet %s: %s is held, its events say %s', w.id, w.held, coalesce(h.after, 0))
    FROM wallets w LEFT JOIN history h ON h.id = w.id AND h.is_last LEFT JOIN open o ON o.id = w.id
    WHERE w.held <> coalesce(h.after, 0) AND w.held = coalesce(o.left, 0)
    UNION ALL
    SELECT format('hold %s: has no transaction, or a transaction no hold', coalesce(t.id, h.id))
    FROM (SELECT id FROM transactions WHERE status = 'pending') t FULL JOIN holds h ON h.id = t.id
    WHERE t.id IS NULL OR h.id IS NULL
    UNION ALL
    SELECT format('transaction %s: captures no hold, or one of other wallets, or for something else', c.id)
    FROM captures c LEFT JOIN rows h ON h.id = c.relates_to
    WHERE (h.from_wallet_id, h.to_wallet_id, h.currency, h.relates_to)
          IS DISTINCT FROM (c.from_wallet_id, c.to_wallet_id, c.currency, c.reverses)
    UNION ALL
    SELECT format('hold %s: %s of %s, its captures: %s', h.id, h.captured, h.amount, coalesce(sum(c.amount), 0))
    FROM holds h LEFT JOIN captures c ON c.relates_to = h.id GROUP BY h.id
    HAVING h.captured <> coalesce(sum(c.amount), 0) OR h.captured > h.amount
        OR (h.status = 'pending' AND h.captured = h.amount)
"""
