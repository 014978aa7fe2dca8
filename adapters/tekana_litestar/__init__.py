"""tekana over HTTP: a Litestar app, and a server for it.

    create_app   the app, for a server of your own
    serve        the server, as `tekana serve` runs it

One file in `resources` has all of a resource: what clients send and see of it, how that is made from the domain, and
its routes. `operation` says what a route declares and what its handler gets. `bodies`, `queries`, `headers`,
`validation` and `pages` read requests strictly; `problems` reports errors; `caller` says who asks; `middleware` is
what every request passes; `openapi` and `docs` document it all. `protocol`, `listeners` and `supervisor` are the
server's.
"""

from tekana_litestar.app import create_app
from tekana_litestar.server import serve

__all__ = ["create_app", "serve"]
