"""An operation: a Litestar route handler that says about itself all that the documentation tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from litestar import route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler

from tekana import TekanaError
from tekana_litestar.bodies import BodyReader
from tekana_litestar.headers import check_host
from tekana_litestar.parameters import Parameter, read_query
from tekana_litestar.problems import problem_of_request
from tekana_litestar.request import Request
from tekana_litestar.responses import Answer
from tekana_litestar.server_sent_events import EventStream

if TYPE_CHECKING:
    from litestar.types import HTTPScope, Receive, Send

KeyRule = Literal["none", "optional", "required"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a route takes, gives and refuses.

    `answers` maps each status of success to the shape of its body. `refusals` are the core's errors that a request of
    this kind can meet; those that any request can meet (400, 413, 415, 503 …) are added by `openapi`. `strict_query` is
    off where unknown parameters are nobody's mistake. `streams`: as an event stream, too. `text` is an example of an
    answer in plain text, which has no shape.
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
    streams: bool = False
    text: str = ""


Perform = Callable[[Request], Awaitable[Answer | EventStream]]

_READ: Final = [HttpMethod.GET, HttpMethod.HEAD]


def reads(path: str, operation: Operation) -> Callable[[Perform], HTTPRouteHandler]:
    """Serve GET, and HEAD likewise."""
    return _at(path, _READ, operation)


def does(
    path: str, operation: Operation, method: HttpMethod = HttpMethod.POST
) -> Callable[[Perform], HTTPRouteHandler]:
    """Serve a method that changes something."""
    return _at(path, [method], operation)


def _at(path: str, methods: list[HttpMethod], operation: Operation) -> Callable[[Perform], HTTPRouteHandler]:
    def register(perform: Perform) -> HTTPRouteHandler:
        async def only_found() -> None:
            """What Litestar is given: it finds operations, and does not call them; see `serve`."""

        only_found.__name__ = perform.__name__
        return route(path, http_method=methods, opt={"operation": operation, "perform": perform})(only_found)

    return register


async def serve(handler: HTTPRouteHandler, scope: HTTPScope, receive: Receive, send: Send) -> None:
    """Perform the operation of a route handler, and answer; an error is answered with its problem."""
    try:
        check_host(scope)
        operation: Operation = handler.opt["operation"]
        query = read_query(scope["query_string"], operation.query) if operation.strict_query else {}
        answer: Answer | EventStream = await handler.opt["perform"](Request(scope, receive, operation, query))
    except Exception as error:
        answer = problem_of_request(scope, error)
    await answer(scope, receive, send)


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
