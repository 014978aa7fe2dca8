"""The invariant of reversals in SQL; `tekana.application.audit.reversal_checks` has the same in Python."""

from __future__ import annotations

from tekana.domain.transaction import TRANSACTION_TYPES

_REVERSALS = """
    WITH reversed AS (
        SELECT r.id, r.relates_to, r.relation, (r.details ->> 'of_original')::bigint AS of_original,
               o.id AS original, o.amount, o.status = 'posted' AND {reversible} AS is_reversible
        FROM transactions r LEFT JOIN transactions o ON o.id = r.relates_to
        WHERE r.type = 'reversal' AND r.status = 'posted'
    ), amounts AS (
        SELECT relates_to AS id, sum(of_original) AS reversed, max(amount) AS amount FROM reversed GROUP BY 1
    ), back AS (
        SELECT r.relates_to AS id, e.wallet_id, sign(e.amount) AS side, sum(e.amount) AS amount
        FROM reversed r JOIN entries e ON e.transaction_id = r.id GROUP BY 1, 2, 3
    ), moved AS (
        SELECT e.transaction_id AS id, e.wallet_id, sign(e.amount) AS side, sum(e.amount) AS amount
        FROM entries e JOIN amounts a ON a.id = e.transaction_id GROUP BY 1, 2, 3
    ), held AS (
        SELECT t.relates_to AS id,
               sum(CASE WHEN h.status = 'pending' THEN h.amount ELSE h.captured END) AS held
        FROM transactions t JOIN holds h ON h.id = t.id WHERE t.relation IS NOT NULL GROUP BY 1
    )
    SELECT format('transaction %s: reverses nothing that can be reversed', id)
    FROM reversed WHERE relation IS DISTINCT FROM 'reverses' OR is_reversible IS NOT TRUE OR of_original IS NULL
    UNION ALL
    SELECT format('transaction %s: moved %s in wallet %s, reversed %s', b.id, m.amount, b.wallet_id, b.amount)
    FROM back b LEFT JOIN moved m ON m.id = b.id AND m.wallet_id = b.wallet_id AND m.side = -b.side
    WHERE m.amount IS NULL OR abs(b.amount) > abs(m.amount)
    UNION ALL
    SELECT format('transaction %s: %s of its amount was reversed', id, reversed) FROM amounts WHERE reversed > amount
    UNION ALL
    SELECT format('hold %s: is for the payer of nothing that can be reversed, or in other wallets', t.id)
    FROM transactions t JOIN holds h ON h.id = t.id LEFT JOIN transactions o ON o.id = t.relates_to
    WHERE t.relation IS NOT NULL
      AND (o.status = 'posted' AND {reversible}
           AND (o.from_wallet_id, o.to_wallet_id) = (t.to_wallet_id, t.from_wallet_id)) IS NOT TRUE
    UNION ALL
    SELECT format('transaction %s: %s of its amount was reversed, and %s is held for its payer',
                  h.id, coalesce(a.reversed, 0), h.held)
    FROM held h JOIN transactions o ON o.id = h.id LEFT JOIN amounts a ON a.id = h.id
    WHERE coalesce(a.reversed, 0) + h.held > o.amount
    UNION ALL
    SELECT format('transaction %s: %s counts as reversed, its reversals are of %s',
                  coalesce(k.id, a.id), coalesce(k.amount, 0), coalesce(a.reversed, 0))
    FROM reversals k FULL JOIN amounts a ON a.id = k.id WHERE coalesce(k.amount, 0) <> coalesce(a.reversed, 0)
"""


def reversal_breaches() -> str:
    """Return the query for breaches, for the types that are declared."""
    reversible = (f"'{name}'" for name, one in TRANSACTION_TYPES.items() if one.is_reversible)
    condition = f"o.type IN ({', '.join(reversible)}) AND o.details -> 'reverses' IS NULL"
    return _REVERSALS.replace("{reversible}", condition)
