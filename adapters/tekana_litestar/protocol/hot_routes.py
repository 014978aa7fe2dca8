"""Hot routes: operations that are called straight from the parser, without an ASGI scope, a task or Litestar.

The package's docstring says how to declare one.
"""

from __future__ import annotations

import logging
import math
import re
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from tekana import Caller, Unavailable
from tekana_litestar.headers import is_host
from tekana_litestar.middleware import request_id_of
from tekana_litestar.problems import problem_response
from tekana_litestar.protocol.collector import Collector

if TYPE_CHECKING:
    from tekana_litestar.protocol.connection import HttpProtocol
    from tekana_litestar.responses import HttpResponse

_log = logging.getLogger("tekana.http.protocol")

JSON_TYPE: Final = b"application/json"
_UUID: Final = re.compile(rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_PARAMETER: Final = b"{}"
_PARAMETER_SIZE: Final = 36
# The response to a page of another origin has headers of its own: see cors.py.
_UNUSUAL: Final = frozenset((b"expect", b"origin", b"transfer-encoding", b"upgrade"))

Headers = Mapping[bytes, bytes]


@dataclass(slots=True)
class HotRoute:
    """An operation that is called straight from the parser, for all requests that came in one iteration of the loop.

    Args:
        method: the one method that is handled.
        path: the whole path; with `{}` for its last part, which then is a UUID.
        handle: has `HotRequest.respond` or `fail` called for each request, once, then or later.
        accepts: whether a request with these headers is handled here; if not, it goes through ASGI.
        identify: returns the caller of a request with these headers; None if it goes through ASGI to find out.
        body_size_max: in bytes; 0 stands for requests without a body.
        template: the path as the access log has it.
    """

    method: bytes
    path: bytes
    handle: Callable[[Sequence[HotRequest]], None]
    identify: Callable[[Headers], Caller | None]
    accepts: Callable[[Headers], bool] = lambda _: True
    body_size_max: int = 0
    template: str = ""
    requests: Collector[HotRequest] = field(init=False)
    responses: Collector[_Response] = field(init=False)

    def __post_init__(self) -> None:
        self.requests = Collector(self._handle)
        self.responses = Collector(_respond_to_all)

    def _handle(self, requests: Sequence[HotRequest]) -> None:
        try:
            self.handle(requests)
        except Exception as error:
            for one in requests:
                one.fail(error)


class _NoEvent:
    """Stands where uvicorn expects the event that wakes up an ASGI application."""

    def set(self) -> None:
        """Do nothing."""


class HotRequest:
    """A request to a hot route. It stands where uvicorn keeps its own cycle of request and response."""

    __slots__ = (
        "begun",
        "body",
        "caller",
        "deadline",
        "disconnected",
        "headers",
        "id",
        "keep_alive",
        "parameter",
        "protocol",
        "refusal",
        "response_complete",
        "response_started",
        "route",
    )
    message_event = _NoEvent()

    def __init__(
        self, protocol: HttpProtocol, route: HotRoute, parameter: str, headers: Headers, caller: Caller
    ) -> None:
        self.protocol = protocol
        self.route = route
        self.headers = headers
        self.parameter = parameter
        self.id = request_id_of(headers.get(b"x-request-id", b""))
        self.body = b""
        self.begun = protocol.request_log.begin()
        self.caller = caller
        self.deadline = math.inf
        self.refusal: Exception | None = None
        self.keep_alive = True
        self.disconnected = False
        self.response_started = False
        self.response_complete = False

    def header(self, name: bytes) -> str:
        """The value of a header that `accepts` has seen."""
        return self.headers[name].decode("latin-1")

    def begin(self, deadline: float) -> None:
        """Have the request handled, now that it is whole; or refused, if its head was."""
        self.deadline = deadline
        if self.refusal is None:
            self.route.requests.add(self)
        else:
            self.fail(self.refusal)

    def respond(self, make_answer: Callable[[], HttpResponse]) -> None:
        """Answer with what the function returns, or with the problem that it raises. A late answer is dropped."""
        self.route.responses.add((self, make_answer))

    def fail(self, error: Exception) -> None:
        """Answer with the problem of an error."""
        if not self.response_started and not self.disconnected:
            self.send(problem_response(error, self.id, reading=self.route.method == b"GET"))

    def send(self, answer: HttpResponse) -> None:
        """Answer now. If that fails, close the connection: the other requests of a run are answered all the same."""
        if not self.response_started and not self.disconnected:
            self.response_started = True
            status: int | None = answer.status
            try:
                self.protocol.send_answer(self, answer)
            except Exception:
                _log.exception("request %s: its response could not be sent", self.id)
                self.protocol.transport.abort()
                status = None
            self.log(status)

    def log(self, status: int | None) -> None:
        """Record the request, now that it has ended."""
        self.protocol.request_log.end(
            self.id,
            method=self.route.method.decode(),
            route=self.route.template,
            status=status,
            begun=self.begun,
            caller=self.caller.subject,
        )


_Response = tuple[HotRequest, Callable[[], "HttpResponse"]]
"""A request, and the function that makes the answer to it."""


def _respond_to_all(responses: Sequence[_Response]) -> None:
    answers: list[tuple[HotRequest, HttpResponse]] = []
    for request, make_answer in responses:
        try:
            answers.append((request, make_answer()))
        except CancelledError:
            request.fail(Unavailable("the work was cancelled"))
        except Exception as error:
            request.fail(error)
    for request, answer in answers:
        request.send(answer)


class HotRequestParts(NamedTuple):
    """What a hot request is made of, once its head is there."""

    route: HotRoute
    parameter: str
    headers: dict[bytes, bytes]
    caller: Caller


class HotRoutes:
    """Finds the hot route of a request.

    Args:
        routes: the hot routes.
        admit: called for each request once its head is there; what it raises is the answer, and nothing is done.
    """

    def __init__(self, routes: Iterable[HotRoute] = (), admit: Callable[[HotRequest], None] = lambda _: None) -> None:
        self._routes = {route.path: route for route in routes}
        self.admit = admit

    def find(self, method: bytes, url: bytes, headers: list[tuple[bytes, bytes]]) -> HotRequestParts | None:
        """The route that handles this head, its parameter, and the headers by name; None: it goes through ASGI."""
        route = self._routes.get(url)
        parameter = b""
        if route is None:
            if not _UUID.fullmatch(parameter := url[-_PARAMETER_SIZE:]):
                return None
            route = self._routes.get(url[:-_PARAMETER_SIZE] + _PARAMETER)
            if route is None:
                return None
        if route.method != method:
            return None
        by_name = dict(headers)
        if len(by_name) != len(headers) or b"host" not in by_name or not _UNUSUAL.isdisjoint(by_name):
            return None
        if (
            not is_host(by_name[b"host"])
            or not _has_plain_body(by_name, route.body_size_max)
            or not route.accepts(by_name)
        ):
            return None
        caller = route.identify(by_name)
        return None if caller is None else HotRequestParts(route, parameter.decode("ascii"), by_name, caller)


def _has_plain_body(headers: Headers, size_max: int) -> bool:
    length = headers.get(b"content-length")
    if size_max == 0:
        return length is None
    return (
        length is not None
        and length.isdigit()
        and len(length) < 10
        and int(length) <= size_max
        and headers.get(b"content-type") == JSON_TYPE
    )
