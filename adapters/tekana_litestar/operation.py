"""An operation: a Litestar route handler that says about itself all that the documentation tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from litestar import route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler

from tekana import TekanaError
from tekana_litestar.answers import Answer
from tekana_litestar.bodies import BodyReader
from tekana_litestar.parameters import Parameter, read_query
from tekana_litestar.request import Request

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

KeyRule = Literal["none", "optional", "required"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a route takes, gives and refuses.

    `answers` maps each status of success to the shape of its body. `refusals` are the core's errors that a request of
    this kind can meet; those that any request can meet (400, 413, 415, 503 …) are added by `openapi`. `strict_query` is
    off where unknown parameters are nobody's mistake.
    """

    tag: str
    summary: str
    description: str
    answers: dict[int, type]
    body: BodyReader[Any] | None = None
    query: tuple[Parameter, ...] = ()
    key: KeyRule = "none"
    if_match: bool = False
    etag: bool = False
    refusals: tuple[type[TekanaError], ...] = ()
    strict_query: bool = True


Decorator = Callable[[Callable[..., Any]], HTTPRouteHandler]

_READ: Final = [HttpMethod.GET, HttpMethod.HEAD]


def reads(path: str, operation: Operation) -> Decorator:
    """Serve GET, and HEAD likewise."""
    return route(path, http_method=_READ, opt={"operation": operation})


def does(path: str, operation: Operation, method: HttpMethod = HttpMethod.POST) -> Decorator:
    """Serve a method that changes something."""
    return route(path, http_method=method, opt={"operation": operation})


def straight_to_operation(app: ASGIApp) -> ASGIApp:
    """Middleware, the innermost: calls an operation's handler itself, with a Request that reads what it is asked for.

    Litestar finds the route and hears of errors. What else it would do for a handler (parse, inject, serialize) an
    operation does by itself, so going past that saves a fifth of what a small request costs.
    """

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        handler: Any = scope["route_handler"]
        operation = handler.opt.get("operation")
        if not isinstance(operation, Operation):
            await app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        request.query = read_query(scope["query_string"], operation.query) if operation.strict_query else {}
        answer: Answer = await handler.fn(request)
        await answer(scope, receive, send)

    return serve


def options_handlers(handlers: Iterable[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """Answers to OPTIONS that name all of a path's methods; Litestar's own name those of its first handler alone.

    They have to be registered before the others.
    """
    allowed: dict[str, set[str]] = defaultdict(lambda: {"OPTIONS"})
    for handler in handlers:
        for path in handler.paths:
            allowed[path].update(handler.http_methods)
    return [_options_handler(path, ", ".join(sorted(methods))) for path, methods in allowed.items()]


def _options_handler(path: str, methods: str) -> HTTPRouteHandler:
    @route(path, http_method=HttpMethod.OPTIONS)
    async def tell_methods() -> Answer:
        return Answer(204, headers=(("Allow", methods),))

    return tell_methods
