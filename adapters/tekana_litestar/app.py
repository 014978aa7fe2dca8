"""The app, put together from its parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.utils.path import normalize_path

from tekana import Settings, connect
from tekana.bootstrap.lifespan import resolve_settings
from tekana_litestar import docs
from tekana_litestar.hot_operations import hot_routes
from tekana_litestar.middleware import Middleware
from tekana_litestar.operation import options_handlers, serve
from tekana_litestar.problems import handle_exception
from tekana_litestar.protocol.hot_routes import HotRoutes
from tekana_litestar.routes import HANDLERS, PROBES
from tekana_litestar.server_sent_events import Streams

if TYPE_CHECKING:
    from litestar.types import HTTPScope, LifeSpanReceive, LifeSpanScope, LifeSpanSend, Receive, Scope, Send

    from tekana.ports.clock import Clock
    from tekana.ports.store import Store


class TekanaApp(Litestar):
    """Litestar, with the edge around it: also around what no route answers, where Litestar runs no middleware.

    Litestar finds the route. What else it would do for a handler (parse, inject, serialize, listen for errors) an
    operation does by itself, so it is called straight away: that saves a fifth of what a small request costs.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._edge = Middleware()
        self.state.streams = Streams()
        self.hot_routes = HotRoutes()

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        """Serve one connection."""
        if scope["type"] == ScopeType.HTTP:
            await self._edge(self._serve, cast("HTTPScope", scope), cast("Receive", receive), cast("Send", send))
        else:
            # For the server's protocol, which closes the streams when it stops, and calls hot routes.
            state = cast("dict[str, Any]", scope).setdefault("state", {})
            state.update(streams=self.state.streams, hot_routes=self.hot_routes)
            await super().__call__(scope, receive, send)

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        handler = self._find_operation(scope)
        if handler is None:
            await super().__call__(scope, receive, send)
        else:
            scope["litestar_app"] = self
            await serve(handler, scope, receive, send)

    def _find_operation(self, scope: HTTPScope) -> HTTPRouteHandler | None:
        """The operation that is asked for, and what its path says; None leaves the request to Litestar."""
        path = normalize_path(scope["path"].removeprefix(scope.get("root_path", "")))
        try:
            _, handler, _, path_params, _ = self.asgi_router.handle_routing(path=path, method=scope["method"])
        except HTTPException:  # there is no such path, or no such method
            return None
        if not isinstance(handler, HTTPRouteHandler) or "operation" not in handler.opt:
            return None
        scope["path_params"] = path_params
        return handler


def create_app(
    settings: Settings | str | None = None, *, store: Store | None = None, clock: Clock | None = None
) -> Litestar:
    """The HTTP app over a store. It starts even while the database is down; `/health/ready` tells.

    The arguments are those of `tekana.connect`. The core at work is `app.state.tekana`. A process that has no clients
    tells its health and its metrics, and no more.
    """
    settings = resolve_settings(settings)
    handlers = [*HANDLERS, *docs.HANDLERS] if settings.has_clients else PROBES
    app = TekanaApp(
        route_handlers=[*options_handlers(handlers), *handlers],
        lifespan=[_at_work(settings, store, clock)],
        exception_handlers={Exception: handle_exception},
        openapi_config=None,  # ours says more: see openapi.py
        logging_config=None,  # problems.py logs what is worth a line, and nothing on the way of a good request
        debug=False,
    )
    if settings.has_clients:
        app.hot_routes = hot_routes(app)
    return app


def _at_work(
    settings: Settings, store: Store | None, clock: Clock | None
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def at_work(app: Litestar) -> AsyncIterator[None]:
        async with connect(settings, store=store, clock=clock, run_workers=True) as tekana:
            app.state.tekana = tekana
            yield

    return at_work
