"""Rendering of an HttpResponse to the bytes that uvicorn and the middleware would send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from tekana_litestar.middleware import common_headers
from tekana_litestar.problems import problem
from tekana_litestar.responses import PROBLEM_JSON, HttpResponse, encode

if TYPE_CHECKING:
    from uvicorn.server import ServerState


class ResponseRenderer:
    """Renders responses. Their common parts are kept for as long as the server's default headers are the same."""

    def __init__(self, server_state: ServerState) -> None:
        self._server_state = server_state
        self._defaults: list[tuple[bytes, bytes]] | None = None
        self._starts: dict[int, bytes] = {}

    def __call__(self, answer: HttpResponse, request_id: str, *, keep_alive: bool) -> bytes:
        """Return the bytes of the whole response."""
        defaults = self._server_state.default_headers
        if defaults is not self._defaults:  # once a second, as the date is one of them
            self._defaults = defaults
            self._starts.clear()
        start = self._starts.get(answer.status)
        if start is None:
            start = self._starts[answer.status] = STATUS_LINE[answer.status] + _lines(defaults)
        own = "".join([f"{name}: {value}\r\n" for name, value in answer.headers()])
        common = _COMMON_BUT_CACHE_CONTROL if "cache-control:" in own else _COMMON
        connection = "" if keep_alive else "connection: close\r\n"
        head = f"{own}x-request-id: {request_id}\r\n{common}{connection}\r\n"
        return start + head.encode("latin-1") + answer.body


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def _common(*own: tuple[bytes, bytes]) -> str:
    """Return the lines of the headers that all responses have, without the request's id."""
    return _lines([one for one in common_headers(own, "") if one not in own and one[0] != b"x-request-id"]).decode()


_COMMON: Final = _common()
_COMMON_BUT_CACHE_CONTROL: Final = _common((b"cache-control", b""))


def refusal_answer(status: int, detail: str, request_id: str) -> HttpResponse:
    """Return the response to what is not a valid HTTP request."""
    body = encode(problem("invalid_request", status, detail, request_id))
    return HttpResponse(status, body, media_type=PROBLEM_JSON)
