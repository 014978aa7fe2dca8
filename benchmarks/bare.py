"""The least that an answer costs on this HTTP server: one route of Litestar's, one constant.

`python -m benchmarks.bare PORT WORKERS` serves it, with the options that tekana has.
"""

from __future__ import annotations

import sys

import uvicorn
from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send

from tekana_litestar.server import Workers, listen

_BODY = b'{"id":"019a0000-0000-7000-8000-000000000000","status":"active"}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())]


@asgi("/", is_mount=True, copy_scope=False)
async def constant(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - what ASGI passes
    """Answer every path alike."""
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _BODY, "more_body": False})


app = Litestar(route_handlers=[constant], openapi_config=None)


def serve(port: int, workers: int) -> None:
    """Serve until a signal."""
    options = uvicorn.Config(
        "benchmarks.bare:app",
        workers=workers,
        log_level="warning",
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    Workers(options, listen("127.0.0.1", port, workers)).run()


if __name__ == "__main__":
    serve(*map(int, sys.argv[1:]))
