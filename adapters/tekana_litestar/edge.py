"""The edge: what every request meets first and every answer passes last. One pure ASGI layer.

It names the request, bounds how long it may take, and adds the headers that all answers carry.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

from uuid_utils import uuid7

from tekana import Unavailable
from tekana_litestar.problems import problem_answer

if TYPE_CHECKING:
    from litestar.types import ASGIApp, HTTPScope, Message, Receive, Send

LONGEST_WAIT: Final = 30.0
"""Seconds that a request waits for its answer. Longer than a store's own timeouts, so that those speak first."""

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")

_NO_STORE: Final = (b"cache-control", b"no-store")
_NO_SNIFF: Final = (b"x-content-type-options", b"nosniff")


async def pass_edge(app: ASGIApp, scope: HTTPScope, receive: Receive, send: Send) -> None:
    """Serve one request.

    A request that waits too long is answered 503, and its command goes on: the same key will tell what it led to.
    """
    request_id = _request_id(scope)
    scope.setdefault("state", {})["request_id"] = request_id
    common = (b"x-request-id", request_id.encode("ascii"))
    started = False

    async def send_on(message: Message) -> None:
        nonlocal started
        if message["type"] == "http.response.start":
            started = True
            headers = [*message["headers"], common, _NO_SNIFF]
            if not any(name == b"cache-control" for name, _ in headers):
                headers.append(_NO_STORE)
            message["headers"] = headers
        await send(message)

    try:
        async with asyncio.timeout(LONGEST_WAIT) as limit:
            await app(scope, receive, send_on)
    except TimeoutError:
        if started or not limit.expired():
            raise
        late = Unavailable(f"no answer within {LONGEST_WAIT:g} seconds")
        reading = scope["method"] in ("GET", "HEAD")
        await problem_answer(late, request_id, reading=reading)(scope, receive, send_on)


def _request_id(scope: HTTPScope) -> str:
    """The caller's own name for the request, if it is one that logs can hold; else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value.decode("ascii")
    return str(uuid7())
