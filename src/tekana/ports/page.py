"""Pages: how every list is read, by keyset, never by offset."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")

PAGE_SIZE_MAX = 200


class Page(NamedTuple, Generic[Item]):
    """Some items in order, and the cursor that leads to the next; None when there are no more now.

    A cursor is opaque, and means something to the same query of the same store only.
    """

    items: tuple[Item, ...]
    next_cursor: str | None


class PageRequest(NamedTuple):
    """Which page: `limit` items (1 to PAGE_SIZE_MAX) after `cursor`, from the start without one.

    A reader raises InvalidRequest for a cursor that it never gave out.
    """

    limit: int = 50
    cursor: str | None = None
