"""PostgreSQL: a server of your own (`postgresql+asyncpg://…`), or one that tekana starts by itself (`embedded://…`)."""

from tekana_postgres.store import PostgresStore

__all__ = ["PostgresStore"]
