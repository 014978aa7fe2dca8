"""Health: whether the process is alive, and whether it can do its work."""

from __future__ import annotations

import asyncio
from typing import Final, Literal

import msgspec
from litestar import Router
from litestar.di import NamedDependency
from msgspec import UNSET, UnsetType

from tekana import Unavailable
from tekana_litestar.operation import Call, Returns, query
from tekana_litestar.responses import Response, json_response

_CHECK_SECONDS: Final = 5.0


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """The process can do its work, now or once what it needs is back."""

    status: Literal["alive"] = "alive"


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Money can be moved now. `warnings` are for the operator: what else is wrong, if anything."""

    status: Literal["ready"] = "ready"
    warnings: tuple[str, ...] | UnsetType = UNSET


@query(
    "/live",
    Returns(200, Alive, example={"status": "alive"}),
    query=None,
    public=True,
    is_probe=True,
    refusals=(Unavailable,),
)
async def check_live(call: NamedDependency[Call[None, None]]) -> Response:
    """Is the process alive?

    Answers 200 as long as the process can do its work, now or once its database or bus is back. When this fails, only a
    restart helps.
    """
    call.tekana.check_alive()
    return json_response(200, Alive())


@query(
    "/ready",
    Returns(200, Ready, example={"status": "ready"}),
    query=None,
    public=True,
    is_probe=True,
    refusals=(Unavailable,),
)
async def check_ready(call: NamedDependency[Call[None, None]]) -> Response:
    """Can money be moved now?

    Answers 200 when the store is reachable and its schema is the one needed; where others keep the data, when the bus
    to them answers. Send no traffic here while it says 503; service resumes by itself. With `warnings`, money moves,
    but something else is wrong: a replica that does not answer, so that reads answer 503, a database that is not
    durable, or a bus on which what happens is not published.
    """
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            warnings = await call.tekana.check_ready()
    except TimeoutError:
        raise Unavailable("the store did not answer in time") from None
    return json_response(200, Ready(warnings=tuple(warnings) or UNSET))


ROUTER: Final = Router(
    "/health",
    tags=["Health"],
    opt={"about_tag": "For load balancers and orchestrators."},
    route_handlers=[check_live, check_ready],
)
