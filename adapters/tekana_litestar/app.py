"""The app, put together from its parts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import litestar
from litestar import Litestar, Request
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.types import ASGIApp, HTTPScope, LifeSpanReceive, LifeSpanScope, LifeSpanSend, Receive, Scope, Send
from litestar.utils.path import normalize_path

from tekana import InvalidRequest, Settings, Tekana, connect
from tekana.bootstrap.key_file import register_key_file
from tekana.bootstrap.lifespan import resolve_settings
from tekana.bootstrap.production import check_settings
from tekana_litestar import docs
from tekana_litestar.caller import note_failed_authentication, refuse_query_credentials
from tekana_litestar.core_metrics import CoreMetrics
from tekana_litestar.cors import Cors
from tekana_litestar.headers import check_host
from tekana_litestar.hot_operations import hot_routes
from tekana_litestar.middleware import Middleware
from tekana_litestar.operation import is_plain, is_public, operation_of, provide_call, read_call
from tekana_litestar.problems import allowed_methods, handle_exception, problem_of_request
from tekana_litestar.protocol.hot_routes import HotRoutes
from tekana_litestar.rate_limits import RateLimits
from tekana_litestar.request_log import RequestLog, count_requests
from tekana_litestar.resources import PROBES, ROUTERS, metrics
from tekana_litestar.responses import HttpResponse, Response
from tekana_litestar.server_sent_events import Streams

if TYPE_CHECKING:
    from tekana.ports.clock import Clock
    from tekana.ports.store import Store

_REGISTRATION_SECONDS: Final = 5.0
"""For how long the start waits for the key of the settings to be registered."""


class TekanaApp(Litestar):
    """Litestar, with the middleware around it: also around what no route answers, where Litestar runs none of its own.

    It finds the route. It calls the handler where guards, middleware or hooks are in front of it, and provides the same
    `Call`. The server calls hot routes without either: see hot_operations.py.
    """

    def __init__(self, mounts: Mapping[str, ASGIApp], settings: Settings, **options: Any) -> None:
        super().__init__(**options)
        request_log = RequestLog(settings.access_log)
        self._mounts = mounts
        self._request_log = request_log
        self._middleware = Middleware(request_log, Cors(settings.allowed_origins))
        self.state.metrics_token = settings.metrics_token
        self.state.streams = Streams()
        self.state.rate_limits = self.rate_limits = RateLimits(settings)
        self.hot_routes = HotRoutes()

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        """Serve one connection."""
        if scope["type"] == ScopeType.HTTP:
            await self._middleware(self._serve, cast("HTTPScope", scope), cast("Receive", receive), cast("Send", send))
        else:
            # For the server's protocol, which closes the streams when it stops, and calls hot routes.
            state = cast("dict[str, Any]", scope).setdefault("state", {})
            state.update(streams=self.state.streams, hot_routes=self.hot_routes, request_log=self._request_log)
            await super().__call__(scope, receive, send)

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        try:
            mounted = next((one for one in self._mounts if f"{_path(scope)}/".startswith(f"{one}/")), None)
            routed = None if mounted else self._route(scope)
            await self._admit(scope, routed.handler if isinstance(routed, _Routed) else None)
            if mounted:
                await self._serve_mounted(mounted, scope, receive, send)
                return
            response = await self._respond(scope, receive, routed)
            if response is None:
                await super().__call__(scope, receive, send)
                return
        except Exception as error:
            note_failed_authentication(self.state.get("tekana"), scope, error)
            response = problem_of_request(scope, error)
        await response(scope, receive, send)

    async def _admit(self, scope: HTTPScope, handler: BaseRouteHandler | None) -> None:
        """Find out who sends a request, and count it. What no route answers is served to callers only.

        Without a credential, it cannot be found out what there is.
        """
        headers, limits = scope["headers"], self.rate_limits
        operation = operation_of(handler) if handler else None
        is_probe = operation is not None and operation.is_probe
        address = scope["state"]["client_address"] = limits.addresses.find(scope.get("client"), headers)
        if not is_probe:
            limits.count_address(address)
        check_host(headers, scope["http_version"])
        refuse_query_credentials(scope["query_string"])
        caller = None
        if handler is None or not is_public(handler):
            caller = scope["user"] = await limits.identify(address, headers, self.state.tekana.authenticator)
            limits.count_caller(caller)
        if operation is not None:
            scope["state"]["quota"] = limits.count_operation(operation, address, caller)

    async def _serve_mounted(self, path: str, scope: HTTPScope, receive: Receive, send: Send) -> None:
        # Litestar's own mounts also match longer names that begin alike.
        scope["path_template"] = path
        own: dict[str, Any] = {**scope, "root_path": f"{scope.get('root_path', '')}{path}"}
        own["state"] = {**scope["state"], "tekana": self.state.tekana}
        await self._mounts[path](cast("HTTPScope", own), receive, send)

    def _route(self, scope: HTTPScope) -> _Routed | MethodNotAllowedException | None:
        """Return what answers a request, or the error for its method; None if there is nothing at its path."""
        method: Any = scope["method"]
        try:
            # Litestar's own OPTIONS names but some of the methods: the error for an unknown one names all.
            routed = self.asgi_router.handle_routing(_path(scope), "any" if method == "OPTIONS" else method)
        except MethodNotAllowedException as error:
            return error
        except NotFoundException:
            return None
        return _Routed(routed[1], routed[3], routed[4])

    async def _respond(
        self, scope: HTTPScope, receive: Receive, routed: _Routed | MethodNotAllowedException | None
    ) -> Response | None:
        """Return the response of a plain handler, which Litestar would call after 40 to 100 microseconds of its own.

        None leaves the request to Litestar.
        """
        if isinstance(routed, MethodNotAllowedException):
            is_question = scope["method"] == "OPTIONS"
            return HttpResponse(204, headers=[("Allow", allowed_methods(routed))]) if is_question else None
        if routed is None:
            return None
        scope["path_template"] = routed.template
        if not isinstance(routed.handler, HTTPRouteHandler) or not is_plain(routed.handler):
            return None
        scope["litestar_app"] = self
        scope["path_params"] = routed.path_params
        call = await read_call(scope, receive, routed.handler.opt["operation"])
        response: Response = await routed.handler.fn(call=call)
        return response


class _Routed(NamedTuple):
    """What answers a request: the handler, the parameters in the path, and its template."""

    handler: BaseRouteHandler
    path_params: dict[str, Any]
    template: str


def _path(scope: HTTPScope) -> str:
    return normalize_path(scope["path"].removeprefix(scope.get("root_path", "")))


def create_app(
    settings: Settings | str | None = None,
    *,
    store: Store | None = None,
    clock: Clock | None = None,
    mounts: Mapping[str, ASGIApp] | None = None,
    stripe: int = 0,
) -> Litestar:
    """Return the HTTP app over a store. It starts even while the database is down; `/health/ready` says so.

    The core is `app.state.tekana`. A process that has no clients serves its health and its metrics only.

    Args:
        settings: as for `tekana.connect`.
        store: as for `tekana.connect`.
        clock: as for `tekana.connect`.
        mounts: further ASGI apps by the path that each is served at, such as "/console". They find the core as
            `scope["state"]["tekana"]` and the caller as `scope["user"]`; their own lifespan is not run.
        stripe: as for `tekana.connect`.

    Raises:
        UnsafeForProduction: the settings are for production, and one of them is not safe for it. The database and the
            bus are checked when the app starts.
    """
    settings = resolve_settings(settings)
    check_settings(settings, serves_http=True)
    app = TekanaApp(
        mounts or {},
        settings,
        route_handlers=_handlers(settings),
        dependencies={"call": Provide(provide_call)},
        lifespan=[_run_core(settings, store, clock, stripe)],
        exception_handlers={Exception: _handle_exception},
        openapi_config=None,  # openapi.py writes the document
        logging_config=None,  # problems.py logs what is worth a line
        debug=False,
    )
    if settings.has_clients:
        app.hot_routes = hot_routes(app, app.rate_limits)
    return app


def _handle_exception(request: Request[Any, Any, Any], error: Exception) -> litestar.Response[Any]:
    note_failed_authentication(request.app.state.get("tekana"), request.scope, error)
    return handle_exception(request, error)


def _handlers(settings: Settings) -> list[Any]:
    """Return the routes and routers of a process."""
    handlers: list[Any] = [*(ROUTERS if settings.has_clients else PROBES)]
    if not settings.serves_metrics:
        handlers.remove(metrics.ROUTER)
    if settings.has_clients and settings.serves_docs:
        handlers += docs.HANDLERS
    return handlers


def _run_core(
    settings: Settings, store: Store | None, clock: Clock | None, stripe: int
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def run(app: Litestar) -> AsyncIterator[None]:
        async with connect(settings, store=store, clock=clock, run_workers=True, stripe=stripe) as tekana:
            app.state.tekana = tekana
            app.state.metrics = CoreMetrics(tekana)
            async with _registered_key(settings, tekana), app.state.metrics.updated():
                yield
            count_requests()

    return run


@asynccontextmanager
async def _registered_key(settings: Settings, tekana: Tekana) -> AsyncIterator[None]:
    """Register the key of the settings, if there is one; in the background, if the store is not reachable yet."""
    if settings.key_file is None or settings.role == "gateway":  # a gateway has no store
        yield
        return
    registering = asyncio.create_task(register_key_file(tekana, Path(settings.key_file)))
    try:
        await asyncio.wait((registering,), timeout=_REGISTRATION_SECONDS)
        if registering.done() and isinstance(error := registering.exception(), InvalidRequest):
            raise error  # the file is not what it should be
        yield
    finally:
        registering.cancel()
        await asyncio.wait((registering,))
