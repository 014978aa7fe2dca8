"""Metadata: names and plain values that a caller stores with a record. tekana does not interpret them."""

from __future__ import annotations

from collections.abc import Mapping

Metadata = Mapping[str, str | int | float | bool | None]
