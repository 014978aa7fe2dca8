"""The event feed, for those without a message bus."""

from __future__ import annotations

from tekana_litestar import parameters, to_wire, wire
from tekana_litestar.answers import Answer, answer
from tekana_litestar.cursors import asked_page, seal, sealed
from tekana_litestar.operation import Operation, reads
from tekana_litestar.request import Request


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
async def list_events(request: Request) -> Answer:
    """Follow what happens."""
    page = await request.tekana.events.list(asked_page(request, "after"))
    items = tuple(one._replace(cursor=seal(request, one.cursor)) for one in page.items)
    return answer(200, to_wire.events(sealed(request, page)._replace(items=items)))


HANDLERS = [list_events]
