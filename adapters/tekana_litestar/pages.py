"""Pages, as lists return them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from tekana import Page
from tekana_litestar.cursors import encode_cursor
from tekana_litestar.fields import meta
from tekana_litestar.responses import HttpResponse, json_response

ItemT = TypeVar("ItemT")


class ListPage(msgspec.Struct, Generic[ItemT], frozen=True, kw_only=True):
    """Some items of a list, in order."""

    items: tuple[ItemT, ...]
    next_cursor: Annotated[str | None, meta("Leads to the next page; null when there is nothing more now.")]


def page_response(
    path: str, page: Page[Any], kind: Callable[..., ListPage[Any]], convert: Callable[[Any], Any]
) -> HttpResponse:
    """Return a page of the list at this path, each item converted to what clients see."""
    cursor = None if page.next_cursor is None else encode_cursor(path, page.next_cursor)
    return json_response(200, kind(items=tuple([convert(one) for one in page.items]), next_cursor=cursor))
