"""Arrays as text, for the statements of every transfer: the statement casts them, as in `$1::text::bigint[]`.

The driver looks at each element of a list several times, to find lists in lists, and encodes it: that takes longer than
all that PostgreSQL does to read the text.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID


def integer_array(values: Iterable[int]) -> str:
    """Return integers as an array's text."""
    return _array(map(str, values))


def uuid_array(values: Iterable[UUID]) -> str:
    """Return UUIDs as an array's text."""
    return _array([f"{value.int:032x}" for value in values])


def ctid_array(values: Iterable[tuple[int, int]]) -> str:
    """Return the ctids of rows, each a page and a number, as an array's text."""
    return _array([f'"({page},{number})"' for page, number in values])


def _array(texts: Iterable[str]) -> str:
    return "{" + ",".join(texts) + "}"
