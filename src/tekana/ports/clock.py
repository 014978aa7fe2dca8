"""Time and identity, from outside."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

Clock = Callable[[], datetime]
"""Gives the present moment: aware, in UTC."""

NewId = Callable[[], UUID]
"""Gives an identifier that was never given before: a UUIDv7, so that ids sort by the time they were made."""
