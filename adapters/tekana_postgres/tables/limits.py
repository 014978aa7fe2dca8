"""The tables of limits: those of tiers, each setting a row, and what decisions read with each group: the version."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, SmallInteger, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import CHAR

from tekana.domain.limits import LIMIT_NAMES
from tekana_postgres.tables.columns import ALL_COLUMNS, MAY_INSERT, MAY_SELECT, MAY_UPDATE, metadata, moment

limits = Table(
    "limits",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("tier", Text, nullable=False),
    Column("currency", CHAR(3), nullable=False),
    moment("valid_from"),
    Column("set_by", Text, nullable=False),
    *(Column(name, BigInteger) for name in LIMIT_NAMES),
    CheckConstraint("tier IN ('0', '1', '2', '3')", name="tier"),
    CheckConstraint("version >= 1", name="version"),
    CheckConstraint(f"least({', '.join(LIMIT_NAMES)}) > 0", name="limits"),
    info={"rights": MAY_INSERT, "audited": ALL_COLUMNS},
)

time_zones: Table = Table(
    "time_zones",
    metadata,
    Column("valid_from", moment("valid_from").type, primary_key=True),
    Column("name", Text, nullable=False),
    info={"rights": MAY_SELECT, "audited": ALL_COLUMNS},
)


def _one_row() -> tuple[Any, ...]:
    """Return the primary key of a table with one row."""
    return Column("id", SmallInteger, primary_key=True, autoincrement=False), CheckConstraint("id = 1", name="id")


# One row. Its version counts the changes of limits and time zones; usage counts what was posted from a moment on.
terms = Table(
    "terms",
    metadata,
    *_one_row(),
    Column("version", BigInteger, nullable=False),
    moment("counted_from"),
    info={"rights": MAY_UPDATE, "audited": ALL_COLUMNS},
)
