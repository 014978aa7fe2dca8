"""Partitions of the outbox, each a range of positions: old published events are dropped with their partition.

Revision ID: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

PART = 2**23
"""The number of positions in a part: about 500 MB."""

AHEAD = 4
"""The number of parts after the one in use. Later positions go to `outbox_rest`, so that no insert fails."""

OUTBOX = """
CREATE TABLE outbox (
    position BIGINT DEFAULT nextval('outbox_position_seq') NOT NULL,
    transaction_id UUID,
    event_type TEXT,
    event JSON,
    CONSTRAINT pk_outbox PRIMARY KEY (position),
    CONSTRAINT ck_outbox_event CHECK ((transaction_id IS NULL) = (event IS NOT NULL)),
    CONSTRAINT ck_outbox_event_type CHECK ((event_type IS NULL) = (event IS NULL))
)
"""

# The rows that are there become the first part, where they lie.
DIVIDE = f"""
DO $$
DECLARE
    taken bigint;
    below bigint;
BEGIN
    LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE;
    taken := (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM outbox_position_seq);
    below := (taken / {PART} + 1) * {PART};
    DROP TRIGGER append_only ON outbox;
    DROP TRIGGER append_only_truncate ON outbox;
    ALTER TABLE outbox ALTER position DROP IDENTITY;
    ALTER TABLE outbox RENAME TO outbox_part_1;
    ALTER TABLE outbox_part_1 RENAME CONSTRAINT pk_outbox TO outbox_part_1_pkey;
    EXECUTE format('CREATE SEQUENCE outbox_position_seq START %s', taken + 1);
    {OUTBOX} PARTITION BY RANGE (position);
    ALTER SEQUENCE outbox_position_seq OWNED BY outbox.position;
    EXECUTE format('ALTER TABLE outbox ATTACH PARTITION outbox_part_1 FOR VALUES FROM (MINVALUE) TO (%s)', below);
    INSERT INTO outbox_parts (number, begins, ends) VALUES (1, 0, below);
END $$
"""
GUARD = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON outbox
    FOR EACH ROW EXECUTE FUNCTION tekana_refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON outbox
    FOR EACH STATEMENT EXECUTE FUNCTION tekana_refuse_change();
ALTER TABLE outbox ENABLE ALWAYS TRIGGER append_only, ENABLE ALWAYS TRIGGER append_only_truncate
"""

# A dropped part is recorded with the number of its transactions and the sum of their hashes, so that the audit can check
# that no other rows are missing.
PARTS = """
CREATE TABLE outbox_parts (
    number INTEGER NOT NULL,
    begins BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    dropped_at TIMESTAMP WITH TIME ZONE,
    last_position BIGINT,
    last_transaction_id UUID,
    transactions BIGINT,
    digest NUMERIC,
    CONSTRAINT pk_outbox_parts PRIMARY KEY (number),
    CONSTRAINT ck_outbox_parts_range CHECK (begins < ends),
    CONSTRAINT ck_outbox_parts_dropped CHECK (
        (dropped_at IS NULL) = (transactions IS NULL) AND (dropped_at IS NULL) = (digest IS NULL)
    )
)
"""

# These run for the application, which may not change the schema, as the user that migrated; with a search path of
# schemas that no other user can write to.
ATTACH = """
CREATE FUNCTION tekana_attach_outbox_part(part text, begins bigint, ends bigint) RETURNS void LANGUAGE plpgsql
SET search_path = {schema}, pg_temp AS $$
BEGIN
    EXECUTE format('ALTER TABLE outbox ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', part, begins, ends);
    EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON %I
                    FOR EACH STATEMENT EXECUTE FUNCTION tekana_refuse_change()', part);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only_truncate', part);
END $$
"""
ADD = f"""
CREATE FUNCTION tekana_add_outbox_parts() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {{schema}}, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    taken bigint := (SELECT last_value FROM outbox_position_seq);
    next bigint;
    number integer;
BEGIN
    LOCK TABLE outbox_parts IN SHARE ROW EXCLUSIVE MODE;
    LOOP
        SELECT max(p.number) + 1, greatest(max(p.ends), taken / {PART} * {PART}) INTO number, next FROM outbox_parts p;
        EXIT WHEN next > taken + {AHEAD}::bigint * {PART};
        IF EXISTS (SELECT FROM outbox_rest WHERE position >= next) THEN
            next := (taken / {PART} + 1) * {PART};
        END IF;
        EXECUTE format('CREATE TABLE outbox_part_%s (LIKE outbox INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
                                                     PRIMARY KEY (position))', number);
        PERFORM tekana_attach_outbox_part('outbox_part_' || number, next, next + {PART});
        INSERT INTO outbox_parts (number, begins, ends) VALUES (number, next, next + {PART});
    END LOOP;
END $$
"""

# Events that are stored in the outbox only (of customers, and of changes to wallets) stay when a part is dropped. The
# rows of transactions have no other data than their position.
#
# Other transactions do not wait while the part is read: the rows that stay are copied first, and the copy then replaces
# the part. That needs an exclusive lock, which is tried repeatedly for a moment, as other statements queue behind a
# waiting lock.
DROP = """
CREATE FUNCTION tekana_drop_outbox_part(older_than interval) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {schema}, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    published bigint;
    part record;
    last record;
    told record;
    whole text;
    kept text;
BEGIN
    LOCK TABLE outbox_parts IN SHARE ROW EXCLUSIVE MODE;
    SELECT least(tekana_settled_position(), min(coalesce(split_part(cursor, '.', 1)::bigint, 0)))
    INTO published FROM relays
    WHERE epoch > 0 AND (name <> 'webhooks' OR EXISTS (SELECT FROM webhook_endpoints WHERE status = 'active'));
    SELECT * INTO part FROM outbox_parts WHERE dropped_at IS NULL ORDER BY number LIMIT 1;
    IF NOT FOUND OR part.ends > published THEN
        RETURN NULL;
    END IF;
    whole := 'outbox_part_' || part.number;
    kept := whole || '_kept';
    EXECUTE format('SELECT position, to_timestamp(coalesce(
                        (''x'' || left(replace(transaction_id::text, ''-'', ''''), 12))::bit(48)::bigint / 1000.0,
                        extract(epoch FROM (event ->> ''occurred_at'')::timestamptz))) AS at
                    FROM %I ORDER BY position DESC LIMIT 1', whole) INTO last;
    IF last.at > clock_timestamp() - older_than THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT count(*) AS transactions, coalesce(sum(uuid_hash_extended(transaction_id, 0)::numeric), 0)
                        AS digest, max(transaction_id::text COLLATE "C")::uuid AS last_id
                    FROM %I WHERE transaction_id IS NOT NULL', whole) INTO told;
    EXECUTE format('CREATE TABLE %I (LIKE outbox INCLUDING DEFAULTS INCLUDING CONSTRAINTS, PRIMARY KEY (position),
                                     CONSTRAINT bounds CHECK (position >= %s AND position < %s))',
                   kept, part.begins, part.ends);
    EXECUTE format('INSERT INTO %I SELECT * FROM %I WHERE transaction_id IS NULL', kept, whole);
    FOR attempt IN REVERSE 100..1 LOOP
        BEGIN
            LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE;
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF attempt = 1 THEN RAISE; END IF;
            PERFORM pg_sleep(0.1);
        END;
    END LOOP;
    EXECUTE format('ALTER TABLE outbox DETACH PARTITION %I', whole);
    EXECUTE format('DROP TABLE %I', whole);
    EXECUTE format('ALTER TABLE %I RENAME TO %I', kept, whole);
    EXECUTE format('ALTER INDEX %I RENAME TO %I', kept || '_pkey', whole || '_pkey');
    PERFORM tekana_attach_outbox_part(whole, part.begins, part.ends);
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT bounds', whole);
    UPDATE outbox_parts SET dropped_at = clock_timestamp(), last_position = last.position,
        last_transaction_id = told.last_id, transactions = told.transactions, digest = told.digest
    WHERE number = part.number;
    RETURN told.transactions;
END $$
"""

GRANTS = """
REVOKE EXECUTE ON FUNCTION tekana_attach_outbox_part, tekana_add_outbox_parts, tekana_drop_outbox_part FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tekana_app') THEN
        GRANT SELECT, INSERT ON outbox TO tekana_app;
        GRANT SELECT ON outbox_parts TO tekana_app;
        GRANT USAGE, SELECT ON SEQUENCE outbox_position_seq TO tekana_app;
        GRANT EXECUTE ON FUNCTION tekana_add_outbox_parts, tekana_drop_outbox_part TO tekana_app;
    END IF;
END $$
"""

# Back to one table, with the events of dropped parts that stayed; what was dropped does not come back.
UNITE = f"""
DO $$
DECLARE
    taken bigint;
    number integer;
BEGIN
    LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE;
    taken := (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM outbox_position_seq);
    ALTER TABLE outbox RENAME TO outbox_in_parts;
    ALTER TABLE outbox_in_parts RENAME CONSTRAINT pk_outbox TO pk_outbox_in_parts;
    {OUTBOX};
    INSERT INTO outbox SELECT * FROM outbox_in_parts;
    DROP TABLE outbox_in_parts CASCADE;
    ALTER TABLE outbox ALTER position DROP DEFAULT;
    EXECUTE format('ALTER TABLE outbox ALTER position ADD GENERATED BY DEFAULT AS IDENTITY (START %s CACHE 1)',
                   taken + 1);
END $$
"""
GRANTS_OF_ONE = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tekana_app') THEN
        GRANT SELECT, INSERT ON outbox TO tekana_app;
        GRANT USAGE, SELECT ON SEQUENCE outbox_position_seq TO tekana_app;
    END IF;
END $$
"""


def upgrade() -> None:
    """Divide the outbox."""
    schema = op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    op.execute(PARTS)
    op.execute(DIVIDE)
    _guard()
    for part in ("outbox_part_1", "outbox_rest"):
        if part == "outbox_rest":
            op.execute("CREATE TABLE outbox_rest PARTITION OF outbox DEFAULT")
        op.execute(
            f"CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON {part} "
            "FOR EACH STATEMENT EXECUTE FUNCTION tekana_refuse_change()"
        )
        op.execute(f"ALTER TABLE {part} ENABLE ALWAYS TRIGGER append_only_truncate")
    for function in (ATTACH, ADD, DROP):
        op.execute(function.format(schema=schema))
    op.execute("SELECT tekana_add_outbox_parts()")
    for statement in GRANTS.split(";\n", 1):
        op.execute(statement)


def _guard() -> None:
    for statement in GUARD.split(";"):
        op.execute(statement)


def downgrade() -> None:
    """Make it one table again."""
    op.execute("DROP FUNCTION tekana_attach_outbox_part, tekana_add_outbox_parts, tekana_drop_outbox_part")
    op.execute(UNITE)
    op.execute("DROP TABLE outbox_parts")
    _guard()
    op.execute(GRANTS_OF_ONE)
