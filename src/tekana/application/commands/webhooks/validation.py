"""Validation of the fields of a webhook endpoint. Every check raises InvalidRequest with the name of the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, get_args
from urllib.parse import SplitResult, urlsplit

from tekana.application.commands.validation import check_all, check_text
from tekana.domain.errors import invalid
from tekana.domain.events import EVENT_TYPES
from tekana.domain.webhooks import WebhookStatus

_URL_MAX_LENGTH: Final = 2000
_DESCRIPTION_MAX_LENGTH: Final = 500
_STATUSES: Final[tuple[str, ...]] = get_args(WebhookStatus)


def check_endpoint_fields(fields: Mapping[str, object]) -> None:
    """Check those of `url`, `description`, `event_types` and `status` that are given."""
    check_all(*[partial(_CHECKS[name], value) for name, value in fields.items()])


def _check_description(description: Any) -> None:
    if description is not None:
        check_text("description", description, most=_DESCRIPTION_MAX_LENGTH)


def _check_event_types(types: object) -> None:
    """Check a list of types of events: at least one, each known, none twice. None stands for all types."""
    if types is None:
        return
    if not isinstance(types, tuple | list) or not types:
        raise invalid("event_types", "must name at least one type of event; without it, all are delivered")
    for index, name in enumerate(types):
        if not isinstance(name, str) or name not in EVENT_TYPES:
            raise invalid(f"event_types[{index}]", "is not a type of event")
    if len(set(types)) < len(types):
        raise invalid("event_types", "names a type twice")


def _check_status(status: object) -> None:
    if status not in _STATUSES:
        raise invalid("status", f"must be one of: {', '.join(_STATUSES)}")


def _check_url(url: Any) -> None:
    """Check the form of a URL. `WebhookSender.check` checks its address."""
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


_CHECKS: Final[Mapping[str, Callable[[Any], None]]] = {
    "url": _check_url,
    "description": _check_description,
    "event_types": _check_event_types,
    "status": _check_status,
}
