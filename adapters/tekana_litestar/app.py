"""The app, put together from its parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from litestar import Litestar
from litestar.enums import ScopeType

from tekana import Settings, connect
from tekana_litestar import docs
from tekana_litestar.edge import pass_edge
from tekana_litestar.operation import options_handlers, straight_to_operation
from tekana_litestar.problems import handle_exception
from tekana_litestar.request import Request
from tekana_litestar.routes import HANDLERS

if TYPE_CHECKING:
    from litestar.types import LifeSpanReceive, LifeSpanScope, LifeSpanSend, Receive, Scope, Send

    from tekana.ports.clock import Clock
    from tekana.ports.store import Store


class TekanaApp(Litestar):
    """Litestar, with the edge around it: also around what no route answers, where Litestar runs no middleware."""

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        """Serve one connection."""
        if scope["type"] == ScopeType.HTTP:
            await pass_edge(super().__call__, scope, receive, send)  # type: ignore[arg-type]
        else:
            await super().__call__(scope, receive, send)


def create_app(
    settings: Settings | str | None = None, *, store: Store | None = None, clock: Clock | None = None
) -> Litestar:
    """The HTTP app over a store. It starts even while the database is down; `/health/ready` tells.

    The arguments are those of `tekana.connect`. The core at work is `app.state.tekana`.
    """
    handlers = [*HANDLERS, *docs.HANDLERS]
    return TekanaApp(
        route_handlers=[*options_handlers(handlers), *handlers],
        lifespan=[_at_work(settings, store, clock)],
        middleware=[straight_to_operation],
        request_class=Request,
        exception_handlers={Exception: handle_exception},
        openapi_config=None,  # ours says more: see openapi.py
        logging_config=None,  # problems.py logs what is worth a line, and nothing on the way of a good request
        debug=False,
    )


def _at_work(
    settings: Settings | str | None, store: Store | None, clock: Clock | None
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def at_work(app: Litestar) -> AsyncIterator[None]:
        async with connect(settings, store=store, clock=clock) as tekana:
            app.state.tekana = tekana
            yield

    return at_work
