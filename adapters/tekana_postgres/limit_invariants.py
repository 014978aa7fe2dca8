"""The invariant of limits in SQL; `tekana.application.audit.limit_checks` has the same in Python.

Both may allow a little more than the other where limits change several times within a minute.
"""

from __future__ import annotations

from typing import Final

from tekana.application.audit.limit_checks import GRACE
from tekana.domain.limits import LIMIT_NAMES, TIERS, WINDOW_NAMES, is_count
from tekana.domain.transaction import TRANSACTION_TYPES
from tekana.domain.usage import direction_of, window_of

_GRACE: Final = f"interval '{GRACE.total_seconds():g} seconds'"
_VERIFIED_TIERS: Final = ", ".join(f"'{tier}'" for tier in TIERS[1:])
_UNITS: Final = {"daily": "day", "weekly": "week", "monthly": "month"}

# The tier, the override and the first wallet of a wallet are those of its customer. An override is an array in JSON,
# which begins with its currency.
_COPIES: Final = f"""
    SELECT format('wallet %s: of tier %s, overridden by %s, unlike its customer', w.id, w.tier, w.limit_override)
    FROM wallets w JOIN customers c ON c.id = w.customer_id
    WHERE w.tier IS DISTINCT FROM CASE WHEN c.tier IN ({_VERIFIED_TIERS}) THEN c.tier END
       OR (w.limit_override IS NOT NULL OR c.limit_overrides IS NOT NULL)
          AND w.limit_override::jsonb IS DISTINCT FROM (
              SELECT one FROM jsonb_array_elements(c.limit_overrides::jsonb) one WHERE one ->> 0 = w.currency)
    UNION ALL
    SELECT format('wallet %s: shares the usage of %s, which is no wallet of its customer', w.id, w.usage_wallet_id)
    FROM wallets w LEFT JOIN wallets f ON f.id = w.usage_wallet_id
    WHERE w.usage_wallet_id IS NOT NULL
      AND (f.id IS NULL OR f.usage_wallet_id IS NOT NULL OR f.customer_id IS DISTINCT FROM w.customer_id
           OR f.currency <> w.currency)
    UNION ALL
    SELECT format('customer %s: %s wallets in %s count their usage apart', customer_id, count(*), currency)
    FROM wallets WHERE house IS NULL AND usage_wallet_id IS NULL
    GROUP BY customer_id, currency HAVING count(*) > 1
"""


def limit_breaches() -> str:
    """Return a query for movements above a limit, and for wallets whose copies or usage are wrong."""
    uncounted = ", ".join(f"'{name}'" for name, one in TRANSACTION_TYPES.items() if not one.counts_for_limits)
    return f"""
    WITH zones AS (
        SELECT name, valid_from, lead(valid_from, 1, 'infinity') OVER (ORDER BY valid_from) AS valid_to FROM time_zones
    ), moved AS (
        SELECT coalesce(w.usage_wallet_id, w.id) AS first_id, w.customer_id, w.currency, e.transaction_id, e.posted_at,
               sum(e.amount) AS net
        FROM entries e JOIN wallets w ON w.id = e.wallet_id
        WHERE w.house IS NULL GROUP BY 1, 2, 3, 4, 5
    ), placed AS (
        SELECT m.*, sum(net) OVER (PARTITION BY first_id ORDER BY posted_at, transaction_id) AS balance
        FROM moved m
    ), returned AS (
        SELECT r.id, r.posted_at, o.id AS original_id, nullif(o.amount, 0) AS amount,
               CASE WHEN o.posted_at < (SELECT counted_from FROM terms) THEN '-infinity'
                    ELSE (o.posted_at AT TIME ZONE z.name)::date END AS day,
               (r.details ->> 'of_original')::bigint AS part,
               sum((r.details ->> 'of_original')::bigint) OVER (PARTITION BY o.id ORDER BY r.posted_at, r.id) AS after
        FROM transactions r JOIN transactions o ON o.id = r.relates_to
        JOIN zones z ON o.posted_at >= z.valid_from AND o.posted_at < z.valid_to
        WHERE r.type = 'reversal' AND r.status = 'posted' AND o.type NOT IN ({uncounted})
    ), counted_or_returned AS (
        SELECT first_id, customer_id, currency, transaction_id, posted_at, net, balance,
               false AS is_return, NULL::date AS returned_day, false AS is_whole
        FROM placed p WHERE NOT EXISTS (
            SELECT FROM transactions t WHERE t.id = p.transaction_id
            AND (t.type IN ({uncounted}) OR t.type = 'capture' AND t.details -> 'reverses' IS NOT NULL))
        UNION ALL
        SELECT m.first_id, m.customer_id, m.currency, r.id, r.posted_at,
               sign(m.net) * (div(abs(m.net) * r.after, r.amount) - div(abs(m.net) * (r.after - r.part), r.amount)),
               NULL, true, r.day, r.after = r.amount
        FROM returned r JOIN moved m ON m.transaction_id = r.original_id
        WHERE m.net <> 0
    ), counted AS MATERIALIZED (
        SELECT c.*, c.net < 0 AS is_outgoing,
               max((c.posted_at AT TIME ZONE z.name)::date) OVER (
                   PARTITION BY c.first_id ORDER BY c.posted_at, c.transaction_id) AS day
        FROM counted_or_returned c JOIN zones z ON c.posted_at >= z.valid_from AND c.posted_at < z.valid_to
        WHERE (c.is_return OR c.net <> 0) AND c.posted_at >= (SELECT counted_from FROM terms)
    ), used AS (
        SELECT c.*, {", ".join(_running_sums())} FROM counted c
    ), settings AS (
        SELECT tier, currency, name, value, since, up_to FROM (
            SELECT *, valid_from AS since,
                   lead(valid_from, 1, 'infinity') OVER (PARTITION BY id ORDER BY version) AS up_to
            FROM limits
        ) versions, {_unpivoted("versions")}
        UNION ALL
        SELECT tier, currency, name, NULL, '-infinity', valid_from FROM limits, {_unpivoted("limits")} WHERE version = 1
    ), overrides AS (
        SELECT customer_id, currency, name, value, since, least(until, next) AS up_to FROM (
            SELECT (event ->> 'customer_id')::uuid AS customer_id, event ->> 'currency' AS currency, event,
                   (event ->> 'occurred_at')::timestamptz AS since, (event ->> 'until')::timestamptz AS until,
                   lead((event ->> 'occurred_at')::timestamptz, 1, 'infinity') OVER (
                       PARTITION BY event ->> 'customer_id', event ->> 'currency'
                       ORDER BY (event ->> 'sequence')::bigint) AS next
            FROM outbox WHERE event_type = 'LimitsOverridden'
        ) events, LATERAL (VALUES {", ".join(f"('{one}', (event ->> '{one}')::bigint)" for one in LIMIT_NAMES)})
            AS unpivoted (name, value)
    ), tiers AS (
        SELECT customer_id, CASE WHEN tier IN ({_VERIFIED_TIERS}) THEN tier ELSE '{TIERS[0]}' END AS tier, since,
               lead(since, 1, 'infinity') OVER (PARTITION BY customer_id ORDER BY sequence) AS up_to
        FROM (
            SELECT id AS customer_id, NULL AS tier, timestamptz '-infinity' AS since, 0 AS sequence FROM customers
            UNION ALL
            SELECT (event ->> 'customer_id')::uuid, event ->> 'tier', (event ->> 'occurred_at')::timestamptz,
                   (event ->> 'sequence')::bigint
            FROM outbox WHERE event_type = 'CustomerVerified'
        ) verified
    ), lowest AS (
        SELECT currency, name, min(value) AS value FROM (
            SELECT currency, name, value FROM settings UNION ALL SELECT currency, name, value FROM overrides
        ) all_limits GROUP BY currency, name
    ), above AS (
        SELECT u.first_id, u.customer_id, u.currency, u.transaction_id, u.posted_at AS at, compared.name, compared.value
        FROM used u, LATERAL (VALUES
            ('largest_transaction', abs(u.net)), ('largest_balance', CASE WHEN u.net > 0 THEN u.balance END),
            {", ".join(f"('{name}', u.{name})" for name in WINDOW_NAMES)}
        ) AS compared (name, value) JOIN lowest l ON l.name = compared.name
        WHERE l.currency = u.currency AND compared.value > l.value AND NOT u.is_return
    )
    SELECT format('wallet %s: %s is %s, above the limit, after %s', x.first_id, x.name, x.value, x.transaction_id)
    FROM above x
    JOIN tiers t ON t.customer_id = x.customer_id AND t.since <= x.at AND t.up_to >= x.at - {_GRACE}
    LEFT JOIN settings s ON s.tier = t.tier AND s.currency = x.currency AND s.name = x.name
        AND s.since <= x.at AND s.up_to >= x.at - {_GRACE}
    LEFT JOIN overrides o ON o.customer_id = x.customer_id AND o.currency = x.currency AND o.name = x.name
        AND o.value IS NOT NULL AND o.since <= x.at AND o.up_to >= x.at - {_GRACE}
    GROUP BY x.first_id, x.transaction_id, x.name, x.value
    HAVING coalesce(bool_and(o.value < x.value), true)
       AND (coalesce(bool_or(o.since <= x.at - {_GRACE} AND o.up_to > x.at), false)
            OR bool_and(coalesce(s.value < x.value, false)))
    UNION ALL
    {_WRONG_USAGES}
    UNION ALL
    {_COPIES}
    """


def _unpivoted(table: str) -> str:
    """Return a lateral table with a row of name and value for each limit in a row of a table."""
    rows = ", ".join(f"('{one}', {table}.{one})" for one in LIMIT_NAMES)
    return f"LATERAL (VALUES {rows}) AS unpivoted (name, value)"


def _is_of(name: str) -> str:
    """Return the condition that a movement is of the direction of a limit; a reversal is of that of its original."""
    return f"c.is_outgoing = {direction_of(name) == 'outgoing'}"


def _change(name: str) -> str:
    """Return what a movement adds to the usage of a window; a reversal takes away what is of the same window."""
    unit = _UNITS[window_of(name)]
    added, taken = ("1", "c.is_whole::int") if is_count(name) else ("abs(c.net)", "abs(c.net)")
    return (
        f"CASE WHEN NOT c.is_return THEN {added} "
        f"WHEN date_trunc('{unit}', c.returned_day) = date_trunc('{unit}', c.day) THEN -{taken} ELSE 0 END"
    )


def _running_sums() -> list[str]:
    """Return the columns with what was moved in each window until then, of the same direction."""
    columns = []
    for name in WINDOW_NAMES:
        window = (
            f"PARTITION BY c.first_id, c.is_outgoing, date_trunc('{_UNITS[window_of(name)]}', c.day) "
            "ORDER BY c.posted_at, c.transaction_id"
        )
        columns.append(f"CASE WHEN {_is_of(name)} THEN sum({_change(name)}) OVER ({window}) END AS {name}")
    return columns


def _sums_of_usage() -> str:
    """Return an array of what was moved in the windows of a usage, in its order."""
    columns = []
    for name in WINDOW_NAMES:
        unit = _UNITS[window_of(name)]
        condition = f"{_is_of(name)} AND date_trunc('{unit}', c.day) = date_trunc('{unit}', f.day)"
        columns.append(f"coalesce(sum({_change(name)}) FILTER (WHERE {condition}), 0)")
    return f"ARRAY[{', '.join(columns)}]::numeric[]"


# A wallet without a usage has moved nothing. Day 1 of a usage is the first day of year 1.
_WRONG_USAGES: Final = f"""
    SELECT format('wallet %s: its usage is %s, and %s was moved', f.id, f.usage, s.moved)
    FROM (
        SELECT id, usage, string_to_array(btrim(usage, '[]'), ',')::numeric[] AS used,
               date '0001-01-01' + (split_part(btrim(usage, '[]'), ',', 1)::int - 1) AS day
        FROM wallets WHERE house IS NULL AND usage_wallet_id IS NULL
    ) f LEFT JOIN (
        SELECT c.first_id, max(c.day) AS day, {_sums_of_usage()} AS moved
        FROM counted c JOIN (
            SELECT id, date '0001-01-01' + (split_part(btrim(usage, '[]'), ',', 1)::int - 1) AS day FROM wallets
        ) f ON f.id = c.first_id GROUP BY c.first_id
    ) s ON s.first_id = f.id LEFT JOIN (
        SELECT usage_wallet_id, sum(ledger_balance) AS balance FROM wallets WHERE usage_wallet_id IS NOT NULL
        GROUP BY usage_wallet_id
    ) others ON others.usage_wallet_id = f.id
    WHERE coalesce(f.used[2:13], array_fill(0::numeric, ARRAY[12]))
          <> coalesce(s.moved, array_fill(0::numeric, ARRAY[12]))
       OR s.day > f.day OR (f.day IS NULL AND s.day IS NOT NULL)
       OR coalesce(f.used[14], 0) <> coalesce(others.balance, 0)
"""
