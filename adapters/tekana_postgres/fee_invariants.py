"""The invariant of fees in SQL; `tekana.application.audit.fee_checks` has the same in Python."""

from __future__ import annotations

from tekana.domain.transaction import TRANSACTION_TYPES

# What each wallet should have got, beside what it got. House wallets are named by their roles. What went through the
# exchange wallets follows from the rest, as entries sum to zero. A reversal gives back: the one who was paid pays.
_FEES = """
    WITH charged AS (
        SELECT id, type, status, amount, details -> 'charge' AS charge, details -> 'reverses' IS NOT NULL AS is_free,
               CASE WHEN type = 'reversal' THEN -1 ELSE 1 END AS sign,
               CASE WHEN type = 'reversal' THEN to_wallet_id ELSE from_wallet_id END AS payer,
               CASE WHEN type = 'reversal' THEN from_wallet_id ELSE to_wallet_id END AS payee,
               CASE WHEN type = 'reversal' THEN (details ->> 'of_original')::bigint ELSE amount END AS paid,
               CASE WHEN type = 'reversal' THEN amount
                    ELSE coalesce((details ->> 'received')::bigint, amount) END AS received
        FROM transactions WHERE details -> 'charge' IS NOT NULL
    ), parts AS (
        SELECT id, sign, charge ->> 'paid_by' AS paid_by, payer, payee, (charge ->> 'fee')::bigint AS fee,
               coalesce((charge ->> 'tax')::bigint, 0) AS tax,
               coalesce(charge -> 'shares', '[]'::json) AS shares
        FROM charged
    ), shares AS (
        SELECT p.id, p.sign, one ->> 0 AS wallet, (one ->> 1)::bigint AS amount
        FROM parts p, json_array_elements(p.shares) one
    ), expected AS (
        SELECT c.id, coalesce(h.house, c.payer::text) AS wallet, -c.sign * c.paid AS amount
        FROM charged c LEFT JOIN wallets h ON h.id = c.payer AND h.house IS NOT NULL
        UNION ALL
        SELECT c.id, coalesce(h.house, c.payee::text), c.sign * c.received
        FROM charged c LEFT JOIN wallets h ON h.id = c.payee AND h.house IS NOT NULL
        UNION ALL
        SELECT id, CASE paid_by WHEN 'payer' THEN payer ELSE payee END::text, -sign * (fee + tax) FROM parts
        UNION ALL
        SELECT id, 'fees', sign * fee FROM parts
        UNION ALL
        SELECT id, 'taxes', sign * tax FROM parts
        UNION ALL
        SELECT id, 'fees', -sign * amount FROM shares
        UNION ALL
        SELECT id, wallet, sign * amount FROM shares
    ), posted AS (
        SELECT e.transaction_id AS id, coalesce(w.house, e.wallet_id::text) AS wallet, e.amount
        FROM charged c JOIN entries e ON e.transaction_id = c.id JOIN wallets w ON w.id = e.wallet_id
    ), differing AS (
        SELECT id, wallet, sum(expected) AS expected, sum(amount) AS amount FROM (
            SELECT id, wallet, amount AS expected, 0 AS amount FROM expected
            UNION ALL SELECT id, wallet, 0, amount FROM posted
        ) compared
        WHERE wallet <> 'exchange' GROUP BY id, wallet HAVING sum(expected) <> sum(amount)
    )
    SELECT format('transaction %s: %s in wallet %s, where its amount and its fee are %s', id, amount, wallet, expected)
    FROM differing
    UNION ALL
    SELECT format('transaction %s: a %s %s with a fee', id, status, type) FROM charged
    WHERE status <> 'posted' OR type NOT IN ({charged}) OR is_free
"""


def fee_breaches() -> str:
    """Return the query for breaches, for the types that are declared."""
    kinds = [name for name, one in TRANSACTION_TYPES.items() if one.fee_payers]
    return _FEES.replace("{charged}", ", ".join(f"'{name}'" for name in (*kinds, "reversal")))
