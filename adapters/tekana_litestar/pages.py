"""Pages, as lists return them, and their cursors: opaque, and valid only for the list at the path that issued them."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import blake2b
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec

from tekana import Page
from tekana.domain.errors import invalid
from tekana_litestar.fields import meta
from tekana_litestar.responses import HttpResponse, json_response

_TAG_BYTES: Final = 4

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


def encode_cursor(path: str, cursor: str) -> str:
    """Return the store's cursor in the form that clients get."""
    return urlsafe_b64encode(_path_tag(path) + cursor.encode()).rstrip(b"=").decode("ascii")


def decode_cursor(path: str, text: str, name: str) -> str:
    """Return the store's cursor.

    Args:
        path: the path of the request.
        text: what the client sent.
        name: the parameter or header in which it was sent.

    Raises:
        InvalidRequest: the list at this path never issued it.
    """
    try:
        decoded = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        tag, cursor = decoded[:_TAG_BYTES], decoded[_TAG_BYTES:].decode("ascii")
    except ValueError:
        tag, cursor = b"", ""
    if tag != _path_tag(path) or text != encode_cursor(path, cursor):
        raise invalid(name, "must be a cursor that this list returned, unchanged")
    return cursor


def _path_tag(path: str) -> bytes:
    """Return a few bytes that differ from path to path."""
    return blake2b(path.encode(), digest_size=_TAG_BYTES).digest()
