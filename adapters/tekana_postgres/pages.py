"""Keyset pages: what comes after a cursor, one more than asked for, to know whether there is a next page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import BindParameter, Integer, Text, bindparam

from tekana.domain.errors import InvalidRequest, invalid
from tekana.ports.page import Page, PageRequest

Item = TypeVar("Item")

LARGEST_BIGINT = 2**63 - 1
LARGEST_PLACE = 2**31 - 1  # in a position of the outbox: after all that is there


def bad_cursor() -> InvalidRequest:
    """The cursor is not one that the list gave out."""
    return invalid("cursor", "is not one that this list gave out")


def id_cursor(page: PageRequest) -> UUID | None:
    """Read a cursor that is an id."""
    if page.cursor is None:
        return None
    try:
        return UUID(page.cursor)
    except ValueError:
        raise bad_cursor() from None


def number_cursor(text: str, *, least: int = 1) -> int:
    """Read a cursor, or a part of one, that is a number of at least so much."""
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or not least <= int(text) <= LARGEST_BIGINT:
        raise bad_cursor()
    return int(text)


def written(value: str, name: str | None = None) -> BindParameter[str]:
    """A value of few, such as a status, written into the statement.

    A plan made for any value would not know whether it is rare, nor use an index of some values only.
    """
    return bindparam(name, value, Text, literal_execute=True)


def at_most(count: int, name: str | None = None) -> BindParameter[int]:
    """A limit, written into the statement: for any limit, the plan would reckon with a tenth of the table."""
    return bindparam(name, count, Integer, literal_execute=True)


def page_of(found: Sequence[Item], page: PageRequest, cursor_of: Callable[[Item], str]) -> Page[Item]:
    """A page out of what was found, which is one more than the page's limit when there is more."""
    items = tuple(found[: page.limit])
    return Page(items, cursor_of(items[-1]) if len(found) > page.limit else None)
