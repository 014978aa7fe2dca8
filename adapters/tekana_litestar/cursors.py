"""Cursors as clients see them: opaque, and valid only for the list at the path that issued them."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Final

from tekana.domain.errors import invalid

_TAG_BYTES: Final = 4


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
