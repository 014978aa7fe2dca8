"""PostgreSQL: an existing server (`postgresql+asyncpg://…`), or one that tekana starts (`embedded://…`)."""

from tekana_postgres.store import PostgresStore

__all__ = ["PostgresStore"]
