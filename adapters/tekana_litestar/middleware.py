"""The layer around all requests: pure ASGI.

It names the request, limits how long it may take, answers the questions of browsers (CORS), and adds the headers that
all responses have. Hot routes, which are served without ASGI, share the functions below.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Final

from structlog.contextvars import bind_contextvars, reset_contextvars
from uuid_utils import uuid7

from tekana import Unavailable
from tekana_litestar.problems import problem_of_request
from tekana_litestar.server_sent_events import is_stream

if TYPE_CHECKING:
    from litestar.types import HTTPScope, Message, Receive, Send

    from tekana_litestar.cors import Cors
    from tekana_litestar.quotas import Quota
    from tekana_litestar.request_log import RequestLog

App = Callable[["HTTPScope", "Receive", "Send"], Awaitable[None]]

REQUEST_TIMEOUT_SECONDS: Final = 30.0
"""Longer than a store's own timeouts, so that their errors come first."""

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")

DEFAULT_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
"""The headers of all responses that have none of the name. `Strict-Transport-Security` is the server's: server.py."""


def request_id_of(*given: bytes) -> str:
    """Return the first of the ids given by the caller that is safe in logs; else a new one."""
    for value in given:
        if value and _REQUEST_ID.fullmatch(value):
            return value.decode("ascii")
    return str(uuid7())


def common_headers(headers: Iterable[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    """Return the headers of a response, with those that all responses have."""
    complete = [*headers, (b"x-request-id", request_id.encode("ascii"))]
    own = {name for name, _ in complete}
    complete += [header for header in DEFAULT_HEADERS if header[0] not in own]
    return complete


def no_answer_in_time() -> Unavailable:
    """Return the error of a request that took too long. Its command continues: the same key leads to its outcome."""
    return Unavailable(f"no answer within {REQUEST_TIMEOUT_SECONDS:g} seconds")


def _quota_headers(scope: HTTPScope) -> list[tuple[bytes, bytes]]:
    """Return the headers about what is left of the rate of the operation, if it has one."""
    quota: Quota | None = scope["state"].get("quota")
    headers = () if quota is None else quota.headers()
    return [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers]


class Middleware:
    """The layer of one app."""

    def __init__(self, request_log: RequestLog, cors: Cors) -> None:
        self._request_log = request_log
        self._cors = cors

    async def __call__(self, serve: App, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Serve one request. One that takes too long, or whose task is cancelled, is answered with 503."""
        begun = self._request_log.begin()
        request_id = request_id_of(*(value for name, value in scope["headers"] if name == b"x-request-id"))
        scope.setdefault("state", {})["request_id"] = request_id
        bound = bind_contextvars(request_id=request_id)  # to the lines that are logged meanwhile
        status: int | None = None
        deadline = asyncio.timeout(REQUEST_TIMEOUT_SECONDS)

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if is_stream(scope):
                    deadline.reschedule(None)
                headers = [*message["headers"], *_quota_headers(scope), *self._cors.headers(scope["headers"])]
                message["headers"] = common_headers(headers, request_id)
            await send(message)

        try:
            async with deadline:
                await (self._cors.preflight(scope) or serve)(scope, receive, send_on)
        except TimeoutError:
            if status is not None or not deadline.expired():
                raise
            await problem_of_request(scope, no_answer_in_time())(scope, receive, send_on)
        except asyncio.CancelledError:
            if status is None:
                await problem_of_request(scope, Unavailable("the request was cancelled"))(scope, receive, send_on)
            raise
        finally:
            reset_contextvars(**bound)
            self._request_log.end(
                request_id,
                method=scope["method"],
                route=scope.get("path_template"),
                status=scope["state"].get("refused", status),  # by the server, while the body came
                begun=begun,
                caller=getattr(scope.get("user"), "subject", None),
            )
