"""What all tables share: their metadata, and columns for times and for references to other tables."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, MetaData, Uuid

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def moment(name: str, *, nullable: bool = False) -> Column[Any]:
    """Return a column for a time."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def reference(name: str, to: str, *, nullable: bool = False, primary_key: bool = False) -> Column[Any]:
    """Return a column that refers to another one, such as `wallets.id`, without a foreign key."""
    return Column(name, Uuid, nullable=nullable, primary_key=primary_key, info={"references": to})


def event_count(name: str, aggregate: str) -> Column[Any]:
    """Return a column with the number of events of the row's aggregate. The audit compares it with the events."""
    return Column(name, BigInteger, nullable=False, info={"event_count_of": aggregate})
