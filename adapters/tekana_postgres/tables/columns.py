"""The common parts of all tables: metadata, rights, and columns for times, references and numbers of events."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Column, DateTime, MetaData, Text, Uuid, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)

MAY_SELECT: Final = ("SELECT",)
MAY_INSERT: Final = (*MAY_SELECT, "INSERT")
MAY_UPDATE: Final = (*MAY_INSERT, "UPDATE")
MAY_DELETE: Final = (*MAY_UPDATE, "DELETE")
"""The privileges of the application on a table, which declares them as `rights` in its `info`."""

ALL_COLUMNS: Final = ("*",)
"""All columns of a table that `tekana audit` reads.

A table declares the columns that it reads as `audited` in its `info`; of others, the auditor's role reads nothing."""


def moment(name: str, *, nullable: bool = False) -> Column[Any]:
    """Return a column for a time."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def reference(name: str, to: str, *, nullable: bool = False, primary_key: bool = False) -> Column[Any]:
    """Return a column that refers to another one, such as `wallets.id`, without a foreign key."""
    return Column(name, Uuid, nullable=nullable, primary_key=primary_key, info={"references": to})


def tenant() -> Column[Any]:
    """Return the column with the tenant that the row belongs to."""
    return Column("tenant", Text, nullable=False, server_default=text("'main'"))


def event_count(name: str, aggregate: str) -> Column[Any]:
    """Return a column with the number of events of the row's aggregate. The audit compares it with the events."""
    return Column(name, BigInteger, nullable=False, info={"event_count_of": aggregate})
