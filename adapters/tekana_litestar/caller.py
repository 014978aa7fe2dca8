"""The one place that says who a request comes from."""

from __future__ import annotations

from tekana import LOCAL_OPERATOR, Caller
from tekana_litestar.headers import Headers


def identify_caller(headers: Headers) -> Caller:  # noqa: ARG001 - what authentication will read
    """Return the caller of a request with these headers. There is no authentication yet: it is the local operator.

    The app calls it once for each request and keeps the caller as `scope["user"]`, where Litestar's guards expect it.
    """
    return LOCAL_OPERATOR
