"""Pages of lists, by keyset, never by offset."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")

PAGE_SIZE_MAX = 200
"""The largest number of items on a page."""


class Page(NamedTuple, Generic[Item]):
    """A page of a list.

    A page may have fewer items than its limit, or none, although there are more: a list with a filter that no index
    serves reads a bounded number of records for each page. `next_cursor` alone shows whether there are more.

    Attributes:
        items: the items, in order.
        next_cursor: the cursor of the next page; None if there are no more items now. It is opaque, and valid only for
            the same query on the same store.
    """

    items: tuple[Item, ...]
    next_cursor: str | None


class PageRequest(NamedTuple):
    """A request for a page. A reader raises InvalidRequest for a cursor that it did not return.

    Attributes:
        limit: the largest number of items, 1 to PAGE_SIZE_MAX.
        cursor: `next_cursor` of the page before; None for the first page.
    """

    limit: int = 50
    cursor: str | None = None
