"""A session on a separate application, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tekana.application import Session
from tekana.bootstrap import connect
from tekana.domain.caller import LOCAL_OPERATOR, Caller


@asynccontextmanager
async def session(settings: Any = None, *, caller: Caller = LOCAL_OPERATOR, **options: Any) -> AsyncIterator[Session]:
    """Connect like `tekana.connect`, and yield the caller's session."""
    async with connect(settings, **options) as app:
        yield app.as_caller(caller)
