"""Metadata: names and plain values that a caller keeps beside a record. tekana never reads them."""

from __future__ import annotations

from collections.abc import Mapping

Metadata = Mapping[str, str | int | float | bool | None]
