"""The tables. Each object is stored whole, as JSON, in `body`; the columns to search by are generated from it.

The constraints enforce the rules independently of the code.
"""

from __future__ import annotations

VERSION = 10

_APPEND_ONLY = ("transactions", "entries", "keys", "outbox")

_FIRST: tuple[str, ...] = (
    """
    CREATE TABLE customers (
        id TEXT PRIMARY KEY,
        body TEXT NOT NULL,
        email AS (json_extract(body, '$.email')),
        phone_number AS (json_extract(body, '$.phone_number')),
        external_id AS (json_extract(body, '$.external_id')),
        status AS (json_extract(body, '$.status'))
    )
    """,
    "CREATE INDEX customers_by_email ON customers (email)",
    "CREATE INDEX customers_by_phone_number ON customers (phone_number)",
    "CREATE INDEX customers_by_external_id ON customers (external_id)",
    """
    CREATE TABLE contacts (
        field TEXT, value TEXT, tenant TEXT, customer_id TEXT NOT NULL REFERENCES customers,
        PRIMARY KEY (field, value, tenant)
    )
    """,
    "CREATE INDEX contacts_by_customer ON contacts (customer_id)",
    """
    CREATE TABLE wallets (
        id TEXT PRIMARY KEY,
        body TEXT NOT NULL,
        customer_id AS (json_extract(body, '$.customer_id')),
        currency AS (json_extract(body, '$.currency')),
        CHECK (
            json_extract(body, '$.house') IS NOT NULL
            OR json_extract(body, '$.ledger_balance') >= json_extract(body, '$.held')
        )
    )
    """,
    "CREATE INDEX wallets_by_customer ON wallets (customer_id)",
    """
    CREATE TABLE transactions (
        id TEXT PRIMARY KEY,
        created_at INTEGER NOT NULL,
        body TEXT NOT NULL,
        type AS (json_extract(body, '$.request.type')),
        status AS (json_extract(body, '$.status')),
        reference AS (json_extract(body, '$.request.reference')),
        from_wallet_id AS (json_extract(body, '$.request.from_wallet_id')),
        to_wallet_id AS (json_extract(body, '$.request.to_wallet_id'))
    )
    """,
    "CREATE INDEX transactions_by_reference ON transactions (reference)",
    """
    CREATE TABLE entries (
        wallet_id TEXT REFERENCES wallets, version INTEGER, transaction_id TEXT NOT NULL REFERENCES transactions,
        PRIMARY KEY (wallet_id, version)
    )
    """,
    """
    CREATE TABLE keys (
        tenant TEXT, subject TEXT, key TEXT, fingerprint INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (tenant, subject, key)
    )
    """,
    """
    CREATE TABLE outbox (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        transaction_id TEXT UNIQUE REFERENCES transactions,
        event_type TEXT,
        event TEXT,
        CHECK ((transaction_id IS NULL) = (event_type IS NOT NULL AND event IS NOT NULL))
    )
    """,
    *(
        f"CREATE TRIGGER no_{verb}_of_{table} BEFORE {verb} ON {table} "
        f"BEGIN SELECT raise(ABORT, '{table} are never changed'); END"
        for table in _APPEND_ONLY
        for verb in ("UPDATE", "DELETE")
    ),
)

_API_KEYS = (
    """
    CREATE TABLE api_keys (
        id TEXT PRIMARY KEY,
        body TEXT NOT NULL,
        last_used_at TEXT
    )
    """,
)

_APPROVALS = ("CREATE TABLE approvals (id TEXT PRIMARY KEY, body TEXT NOT NULL)",)

_AUDIT_LOG = (
    """
    CREATE TABLE audit_log (
        id TEXT PRIMARY KEY,
        body TEXT NOT NULL
    )
    """,
    *(
        f"CREATE TRIGGER no_{verb}_of_audit_log BEFORE {verb} ON audit_log "
        "BEGIN SELECT raise(ABORT, 'the audit log is never changed'); END"
        for verb in ("UPDATE", "DELETE")
    ),
)

# The answers under keys hold customers' data, which are erased. The keys stay.
_ERASED_ANSWERS = (
    "DROP TRIGGER no_UPDATE_of_keys",
    (
        "CREATE TRIGGER no_UPDATE_of_keys BEFORE UPDATE OF tenant, subject, key, fingerprint ON keys "
        "BEGIN SELECT raise(ABORT, 'keys are never changed'); END"
    ),
)

_HOLDS = (
    """
    CREATE TABLE holds (
        id TEXT PRIMARY KEY REFERENCES transactions,
        state TEXT NOT NULL,
        status AS (json_extract(state, '$.status'))
    )
    """,
    # In the transactions, the status is that of the authorization.
    "CREATE INDEX holds_by_status ON holds (status)",
)

# Each setting of a tier's limits is a row of its own.
_LIMITS = (
    "CREATE TABLE limits (id TEXT, version INTEGER, body TEXT NOT NULL, PRIMARY KEY (id, version))",
    *(
        f"CREATE TRIGGER no_{verb}_of_limits BEFORE {verb} ON limits "
        "BEGIN SELECT raise(ABORT, 'limits are never changed'); END"
        for verb in ("UPDATE", "DELETE")
    ),
)

# Each setting of a rate is a row of its own.
_RATES = (
    "CREATE TABLE rates (id TEXT, version INTEGER, body TEXT NOT NULL, PRIMARY KEY (id, version))",
    *(
        f"CREATE TRIGGER no_{verb}_of_rates BEFORE {verb} ON rates "
        "BEGIN SELECT raise(ABORT, 'rates are never changed'); END"
        for verb in ("UPDATE", "DELETE")
    ),
)

# How much of a transaction was reversed, in minor units, and the ids of the holds for its payer.
_REVERSALS = (
    """
    CREATE TABLE reversals (
        id TEXT PRIMARY KEY REFERENCES transactions, amount INTEGER NOT NULL, hold_ids TEXT NOT NULL)
    """,
)

_FEE_SCHEDULES = ("CREATE TABLE fee_schedules (id TEXT PRIMARY KEY, body TEXT NOT NULL)",)

_QUOTES = ("CREATE TABLE quotes (id TEXT PRIMARY KEY, body TEXT NOT NULL)",)

SCHEMAS: tuple[tuple[str, ...], ...] = (
    *(_FIRST, _API_KEYS, _APPROVALS, _AUDIT_LOG, _ERASED_ANSWERS),
    *(_HOLDS, _LIMITS, _RATES, _REVERSALS),
    _FEE_SCHEDULES + _QUOTES,
)
"""The statements of each version of the schema."""
