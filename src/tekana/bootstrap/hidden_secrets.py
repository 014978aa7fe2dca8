"""Hiding secrets: values of settings, and passwords in URLs, are never shown."""

from __future__ import annotations

import re
from typing import Final

_HIDDEN: Final = ("bus_secret", "metrics_token")
"""The settings that are secrets as a whole."""


def shown(name: str, value: object) -> str:
    """Return the representation of a setting, without what is secret about it."""
    return "'***'" if name in _HIDDEN and value is not None else hide_secrets(repr(value))


_SECRETS: Final = (
    (
        re.compile(r"(://[^:/?#@\s]*):[^\s'\"]*@"),
        r"\1:***@",
    ),  # up to the last @, as a password may contain one unquoted
    (re.compile(r"(?<=[?&])((?:ssl)?password)=[^&\s'\"]*"), r"\1=***"),
)


def hide_secrets(text: str) -> str:
    """Replace the passwords of all URLs in a text."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text
