"""Hiding secrets: values of settings, and passwords in URLs, are never shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_HIDDEN: Final = ("bus_secret", "metrics_token")
"""The settings that are secrets as a whole."""


def _patterns(end: str) -> Iterable[tuple[re.Pattern[str], str]]:
    """Return the patterns of passwords in URLs, with their replacements.

    Args:
        end: the characters that end a URL, for a regular expression.
    """
    return (
        # Up to the last @, as a password may contain one unquoted.
        (re.compile(rf"(://[^:@{end}]*):[^{end}]*@"), r"\1:***@"),
        (re.compile(rf"(?<=[?&])((?:ssl)?password)=[^&{end}]*"), r"\1=***"),
    )


_IN_TEXT: Final = _patterns(r"\s")
_ALONE: Final = _patterns(r"\0")


def shown(name: str, value: object) -> str:
    """Return the representation of a setting, without what is secret about it."""
    if name in _HIDDEN and value is not None:
        return "'***'"
    return repr(_hide(value, _ALONE) if isinstance(value, str) else value)


def hide_secrets(text: str) -> str:
    """Replace the passwords of all URLs in a text."""
    return _hide(text, _IN_TEXT)


def _hide(text: str, patterns: Iterable[tuple[re.Pattern[str], str]]) -> str:
    for pattern, replacement in patterns:
        text = pattern.sub(replacement, text)
    return text
