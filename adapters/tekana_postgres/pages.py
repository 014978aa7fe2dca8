"""Keyset pages: queries read one item more than the page, to find out whether there is a next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import BindParameter, Integer, Text, bindparam

from tekana.domain.errors import InvalidRequest, invalid
from tekana.ports.page import Page, PageRequest

Item = TypeVar("Item")

LARGEST_BIGINT = 2**63 - 1
LARGEST_PLACE = 2**31 - 1  # an index after all events at a position of the outbox


def bad_cursor() -> InvalidRequest:
    """Build the error of a cursor that the list did not return."""
    return invalid("cursor", "must be a cursor that this list returned, unchanged")


def id_cursor(page: PageRequest) -> UUID | None:
    """Parse a cursor that is an id."""
    if page.cursor is None:
        return None
    try:
        return UUID(page.cursor)
    except ValueError:
        raise bad_cursor() from None


def number_cursor(text: str, *, least: int = 1) -> int:
    """Parse a cursor, or a part of one, that is a number of at least `least`."""
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or not least <= int(text) <= LARGEST_BIGINT:
        raise bad_cursor()
    return int(text)


def literal_value(value: str, name: str | None = None) -> BindParameter[str]:
    """Build a parameter that is rendered as a literal, for columns with few values, such as a status.

    A generic plan would not consider how frequent the value is, nor use a partial index.
    """
    return bindparam(name, value, Text, literal_execute=True)


def limit_literal(count: int, name: str | None = None) -> BindParameter[int]:
    """Build a LIMIT that is rendered as a literal: a generic plan would assume a tenth of the table."""
    return bindparam(name, count, Integer, literal_execute=True)


def page_of(found: Sequence[Item], page: PageRequest, cursor_of: Callable[[Item], str]) -> Page[Item]:
    """Build a page from the items found, which are one more than the limit if there is a next page."""
    items = tuple(found[: page.limit])
    return Page(items, cursor_of(items[-1]) if len(found) > page.limit else None)


def position_of(cursor: str) -> tuple[int, int]:
    """Parse a cursor: a position in the outbox, and the index of an event at it. Raise InvalidRequest if malformed."""
    position, dot, index = cursor.partition(".")
    if not dot:
        raise bad_cursor()
    return number_cursor(position), number_cursor(index, least=0)
