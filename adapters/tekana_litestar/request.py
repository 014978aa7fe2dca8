"""A request, as an operation gets to see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import litestar

from tekana import Tekana

if TYPE_CHECKING:
    from tekana_litestar.operation import Operation


class Request(litestar.Request[Any, Any, Any]):
    """Litestar's request, and what an operation asks of it.

    `query` holds the parameters that are given, by name.
    """

    __slots__ = ("query",)

    query: dict[str, Any]

    @property
    def id(self) -> str:
        """What this request is called in logs, records and answers."""
        name: str = self.scope["state"]["request_id"]
        return name

    @property
    def operation(self) -> Operation:
        """The operation that is asked for."""
        found: Operation = self.scope["route_handler"].opt["operation"]
        return found

    @property
    def tekana(self) -> Tekana:
        """The core at work behind this app."""
        core: Tekana = self.app.state.tekana
        return core
