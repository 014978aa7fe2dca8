"""tekana over HTTP: a Litestar app, and a server for it.

    create_app   the app, for a server of your own
    serve        uvicorn, as `tekana serve` runs it

One file a concern: `routes` (one a resource), `bodies`, `parameters`, `headers`, `identifiers` read what comes in,
strictly; `wire` and `to_wire` shape what goes out; `problems` says what went wrong; `idempotency` does a command once;
`edge` is what every request passes; `openapi` and `docs` tell programs and people about it all.
"""

from tekana_litestar.app import create_app
from tekana_litestar.server import serve

__all__ = ["create_app", "serve"]
