"""A request, as an operation gets to see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from tekana import LOCAL_OPERATOR, Session, Tekana
from tekana_litestar.server_sent_events import Streams

if TYPE_CHECKING:
    from litestar.types import HTTPScope, Receive

    from tekana_litestar.operation import Operation


class Request:
    """What an operation is asked: `scope` and `receive` are ASGI's, `query` holds the parameters that are given.

    Litestar's own Request can do much more, none of which an operation needs, and takes longer to make.
    """

    __slots__ = ("operation", "query", "receive", "scope")

    def __init__(self, scope: HTTPScope, receive: Receive, operation: Operation, query: dict[str, Any]) -> None:
        self.scope = scope
        self.receive = receive
        self.operation = operation
        self.query = query

    @property
    def id(self) -> str:
        """What this request is called in logs, records and answers."""
        return cast("str", self.scope["state"]["request_id"])

    @property
    def path_params(self) -> dict[str, str]:
        """The parts of the path that differ from request to request, by name."""
        return self.scope["path_params"]

    @property
    def tekana(self) -> Tekana:
        """The core at work behind this app."""
        return cast("Tekana", self.scope["litestar_app"].state.tekana)

    @property
    def session(self) -> Session:
        """The session of this request's caller: the one operator, until callers prove who they are."""
        return self.tekana.as_caller(LOCAL_OPERATOR)

    @property
    def streams(self) -> Streams:
        """The streams that this worker serves."""
        return cast("Streams", self.scope["litestar_app"].state.streams)
