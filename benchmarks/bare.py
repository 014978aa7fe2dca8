"""The minimal cost of a response on this HTTP server: one Litestar route that returns a constant.

`python -m benchmarks.bare PORT WORKERS` serves it, with the same server options as tekana.
"""

from __future__ import annotations

import socket
import sys
from multiprocessing.connection import Connection

import uvicorn
from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send

from tekana_litestar.listeners import listen
from tekana_litestar.server import serve_and_report
from tekana_litestar.supervisor import Supervisor, end_with_parent

_BODY = b'{"id":"019a0000-0000-7000-8000-000000000000","status":"active"}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())]


@asgi("/", is_mount=True, copy_scope=False)
async def constant(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - what ASGI passes
    """Return the same response for every path."""
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _BODY, "more_body": False})


app = Litestar(route_handlers=[constant], openapi_config=None)


def run_worker(listener: socket.socket, reports: Connection, number: int) -> None:  # noqa: ARG001 - a RunWorker
    """Serve in a worker process."""
    end_with_parent()
    options = uvicorn.Config(
        app,
        log_level="warning",
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    serve_and_report(options, listener, reports)


def serve(port: int, workers: int) -> None:
    """Serve until a signal."""
    Supervisor(run_worker, listen("127.0.0.1", port, workers), workers).run()


if __name__ == "__main__":
    serve(*map(int, sys.argv[1:]))
