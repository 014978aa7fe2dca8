"""Sources of the present time and of new identifiers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

Clock = Callable[[], datetime]
"""Returns the present time: an aware datetime in UTC."""

NewId = Callable[[], UUID]
"""Returns a new unique identifier: a UUIDv7 (RFC 9562), so that ids sort by the time of their creation."""
