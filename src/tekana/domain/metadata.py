"""Metadata: names and plain values that a caller stores with a record. tekana does not interpret them."""

from __future__ import annotations

import json
from collections.abc import Mapping

MetadataValue = str | int | float | bool | None

Metadata = Mapping[str, MetadataValue]


def metadata_matches(metadata: Metadata | None, wanted: Mapping[str, str]) -> bool:
    """Return whether the metadata have all these names with these values, as `text_of` writes them."""
    found = metadata or {}
    return all(name in found and text_of(found[name]) == text for name, text in wanted.items())


def text_of(value: MetadataValue) -> str | None:
    """Return a value as text: a number or a boolean as JSON has it; None for null, which no text matches."""
    return value if value is None or isinstance(value, str) else json.dumps(value)
