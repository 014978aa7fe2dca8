"""Cursors on the wire: opaque, and good for the list that gave them out, whatever a store makes of its own."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Any, Final

from tekana import Page, PageRequest
from tekana.domain.errors import invalid
from tekana_litestar.request import Request

_MARK_BYTES: Final = 4


def asked_page(request: Request, name: str = "cursor") -> PageRequest:
    """Which page the query asks for; `name` is the parameter that holds the cursor.

    Raises:
        InvalidRequest: the cursor is not one that a list at this path gave out.
    """
    given = request.query
    page = PageRequest(cursor=decode_cursor(request, given[name], name) if name in given else None)
    return page._replace(limit=given["limit"]) if "limit" in given else page


def with_encoded_cursor(request: Request, page: Page[Any]) -> Page[Any]:
    """The page with the cursor that leads on from it as it is shown."""
    return page if page.next_cursor is None else page._replace(next_cursor=encode_cursor(request, page.next_cursor))


def encode_cursor(request: Request, cursor: str) -> str:
    """A store's cursor as it is shown."""
    return urlsafe_b64encode(_path_tag(request) + cursor.encode()).rstrip(b"=").decode("ascii")


def decode_cursor(request: Request, text: str, name: str) -> str:
    """The store's cursor again; `name` is where it was given. Raises InvalidRequest if no list at this path gave it."""
    try:
        opened = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        mark, cursor = opened[:_MARK_BYTES], opened[_MARK_BYTES:].decode("ascii")
    except ValueError:
        mark, cursor = b"", ""
    if mark != _path_tag(request) or text != encode_cursor(request, cursor):
        raise invalid(name, "is not one that this list gave out")
    return cursor


def _path_tag(request: Request) -> bytes:
    """Tells the list at this path from all others."""
    return blake2b(request.scope["path"].encode(), digest_size=_MARK_BYTES).digest()
