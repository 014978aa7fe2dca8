"""Checks of what callers say about a webhook endpoint. Each raises InvalidRequest, which names the field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

from tekana.application.commands.validation import check_text
from tekana.domain.errors import invalid
from tekana.domain.events import EVENT_TYPES

_URL_MAX_LENGTH: Final = 2000
_DESCRIPTION_MAX_LENGTH: Final = 500


def check_endpoint_fields(fields: Mapping[str, object]) -> None:
    """Check those of `url`, `description` and `event_types` that are given."""
    description, types = fields.get("description"), fields.get("event_types")
    if description is not None:
        check_text("description", str(description), most=_DESCRIPTION_MAX_LENGTH)
    if types is not None:
        check_event_types(types)
    if "url" in fields:
        check_url(str(fields["url"]))


def check_event_types(types: object) -> None:
    """Check a list of types of events: at least one, each known, none twice."""
    if not isinstance(types, tuple | list) or not types:
        raise invalid("event_types", "must name at least one type of event; without it, all are delivered")
    for index, name in enumerate(types):
        if name not in EVENT_TYPES:
            raise invalid(f"event_types[{index}]", "is not a type of event")
    if len(set(types)) < len(types):
        raise invalid("event_types", "names a type twice")


def check_url(url: str) -> None:
    """Check the form of a URL. Where it leads is for `WebhookSender.check`."""
    check_text("url", url, most=_URL_MAX_LENGTH, one_line=True)
    try:
        parts = urlsplit(url)
        port = parts.port  # raises for what is not a number from 0 to 65535
    except ValueError:
        raise _malformed_url() from None
    if port == 0 or not _is_plain(url, parts):
        raise _malformed_url()


def _is_plain(url: str, parts: SplitResult) -> bool:
    return (
        parts.scheme in ("https", "http")
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and url.isascii()
        and not any(character in url for character in "# \\")
    )


def _malformed_url() -> Exception:
    return invalid("url", "must be a URL such as https://example.com/hooks, without a user and without a fragment")
