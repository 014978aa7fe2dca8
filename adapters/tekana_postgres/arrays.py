"""Arrays as text, for the statements of every transfer: the statement casts them, as in `$1::text::bigint[]`.

The driver looks at each element of a list several times, to find lists in lists, and encodes it: that takes longer than
all that PostgreSQL does to read the text.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID


def integer_array(values: Iterable[int]) -> str:
    """Return integers as an array's text."""
    return text_array(map(str, values))


def uuid_array(values: Iterable[UUID]) -> str:
    """Return UUIDs as an array's text."""
    return text_array(map(uuid_text, values))


def ctid_array(values: Iterable[tuple[int, int]]) -> str:
    """Return the ctids of rows, each a page and a number, as an array's text."""
    return text_array([f'"({page},{number})"' for page, number in values])


def uuid_text(value: UUID) -> str:
    """Return a UUID as PostgreSQL reads it, for a third of the time that `str` takes."""
    return f"{value.int:032x}"


def text_array(texts: Iterable[str]) -> str:
    """Return values, each in a form that needs no quotes in an array, as an array's text."""
    return "{" + ",".join(texts) + "}"
