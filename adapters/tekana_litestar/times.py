"""Times as clients see them."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(moment: datetime) -> datetime:
    """Return the same moment in UTC, which JSON shows as Z."""
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
