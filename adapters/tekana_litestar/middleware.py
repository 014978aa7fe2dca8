"""The edge: what every request meets first and every answer passes last. One pure ASGI layer.

It names the request, bounds how long it may take, and adds the headers that all answers carry.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final, cast

from uuid_utils import uuid7

from tekana import Unavailable
from tekana_litestar.deadlines import Deadlines
from tekana_litestar.problems import problem_of_request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from litestar.types import HTTPScope, Message, Receive, Send

REQUEST_TIMEOUT_SECONDS: Final = 30.0
"""Seconds that a request waits for its answer. Longer than a store's own timeouts, so that those speak first."""

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")

_NO_STORE: Final = (b"cache-control", b"no-store")
_STREAM: Final = (b"content-type", b"text/event-stream")
_NO_SNIFF: Final = (b"x-content-type-options", b"nosniff")


class Middleware:
    """The edge of one app."""

    def __init__(self) -> None:
        self._deadlines = Deadlines()

    async def __call__(
        self,
        serve: Callable[[HTTPScope, Receive, Send], Awaitable[None]],
        scope: HTTPScope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Serve one request.

        A request that waits too long is answered 503, and its command goes on: the same key will tell what it led to.
        """
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        common = (b"x-request-id", request_id.encode("ascii"))
        started = False

        task = cast("asyncio.Task[None]", asyncio.current_task())

        async def send_on(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                if _STREAM in message["headers"]:  # which lasts for as long as both sides like
                    self._deadlines.end(task)
                headers = [*message["headers"], common, _NO_SNIFF]
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append(_NO_STORE)
                message["headers"] = headers
            await send(message)

        self._deadlines.begin(task, REQUEST_TIMEOUT_SECONDS)
        try:
            await serve(scope, receive, send_on)
        except asyncio.CancelledError:
            if not self._deadlines.was_missed(task):
                raise
            task.uncancel()
            if started:
                raise TimeoutError from None
            late = Unavailable(f"no answer within {REQUEST_TIMEOUT_SECONDS:g} seconds")
            await problem_of_request(scope, late)(scope, receive, send_on)
        finally:
            self._deadlines.end(task)


def _request_id(scope: HTTPScope) -> str:
    """The caller's own name for the request, if it is one that logs can hold; else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value.decode("ascii")
    return str(uuid7())
