"""The event feed, for those without a message bus."""

from __future__ import annotations

from typing import Any

from litestar import Request

from tekana import InvalidRequest
from tekana.domain.errors import invalid
from tekana_litestar import parameters, to_wire, wire
from tekana_litestar.answers import Answer, answer
from tekana_litestar.operation import Operation, query, reads, tekana_of


@reads(
    "/v1/events",
    Operation(
        tag="Events",
        summary="Follow what happens",
        description="Every event since the beginning, the oldest first; the events of one aggregate in the order of "
        "their `sequence`. Ask again with the `cursor` of the last event you have as `after`, and nothing is missed. "
        "`next_cursor` is null when there is nothing more now.",
        query=(parameters.AFTER, parameters.LIMIT),
        answers={200: wire.EventPage},
    ),
)
async def list_events(request: Request[Any, Any, Any]) -> Answer:
    """Follow what happens."""
    page = parameters.page_request(query(request), "after")
    try:
        found = await tekana_of(request).events.list(page)
    except InvalidRequest:
        raise invalid("after", "is not a cursor that this feed gave out") from None
    return answer(200, to_wire.events(found))


HANDLERS = [list_events]
