"""The least that an answer costs on this HTTP server: one route of Litestar's, one constant."""

from __future__ import annotations

from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send

_BODY = b'{"id":"019a0000-0000-7000-8000-000000000000","status":"active"}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())]


@asgi("/", is_mount=True, copy_scope=False)
async def constant(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - what ASGI passes
    """Answer every path alike."""
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _BODY, "more_body": False})


app = Litestar(route_handlers=[constant], openapi_config=None)
