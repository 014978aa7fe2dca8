"""Health: whether the process lives, and whether it can do its work."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from tekana import Unavailable
from tekana_litestar import wire
from tekana_litestar.operation import Operation, reads
from tekana_litestar.request import Request
from tekana_litestar.responses import Answer, answer

_LONGEST_CHECK: Final = 5.0
_TAG = "Health"


@reads(
    "/health/live",
    Operation(
        tag=_TAG,
        summary="Is the process alive?",
        description="Answers as long as the process serves at all. Restart it when this fails.",
        answers={200: wire.Alive},
        strict_query=False,
    ),
)
async def check_live(request: Request) -> Answer:  # noqa: ARG001 - the shape of every handler
    """Is the process alive?"""
    return answer(200, wire.Alive())


@reads(
    "/health/ready",
    Operation(
        tag=_TAG,
        summary="Can money be moved now?",
        description="Answers 200 when the store is reachable and its schema is the one needed; where others keep the "
        "data, when the bus to them answers. Send no traffic here "
        "while it says 503; service resumes by itself. With `warnings`, money moves, but something else is amiss: a "
        "replica that does not answer, so that reads answer 503, a database that is not durable, or a bus on which "
        "what happens is not published.",
        answers={200: wire.Ready},
        strict_query=False,
        refusals=(Unavailable,),
    ),
)
async def check_ready(request: Request) -> Answer:
    """Can money be moved now?"""
    try:
        async with asyncio.timeout(_LONGEST_CHECK):
            warnings = await request.tekana.check_ready()
    except TimeoutError:
        raise Unavailable("the store did not answer in time") from None
    return answer(200, wire.Ready(warnings=tuple(warnings) or msgspec.UNSET))


HANDLERS = [check_live, check_ready]
