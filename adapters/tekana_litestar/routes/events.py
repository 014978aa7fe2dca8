"""The event feed, for those without a message bus: in pages, or as a stream."""

from __future__ import annotations

from tekana import EventsDropped, PageRequest
from tekana.domain.errors import invalid
from tekana.ports.events import FeedEvent
from tekana.ports.page import PAGE_SIZE_MAX
from tekana_litestar import parameters, to_wire, wire
from tekana_litestar.cursors import asked_page, decode_cursor, encode_cursor, with_encoded_cursor
from tekana_litestar.headers import single_header
from tekana_litestar.operation import Operation, reads
from tekana_litestar.request import Request
from tekana_litestar.responses import Answer, answer, encode
from tekana_litestar.server_sent_events import EventStream, wants_stream


@reads(
    "/v1/events",
    Operation(
        tag="Events",
        summary="Follow what happens",
        description="Every event since the beginning, or since what was dropped, the oldest first; the events of one "
        "aggregate in the order of their `sequence`. Ask again with the `cursor` of the last event you have as "
        "`after`, and nothing is missed: 410 `events_dropped` tells those who come too late for some of it. "
        "`next_cursor` is null when there is nothing more now. With `Accept: text/event-stream`, the events come as "
        "Server-Sent Events instead, the new ones as they happen: `id` is the cursor, `event` the type, and `data` the "
        "event. After a break, `Last-Event-ID` goes on from there, as browsers do by themselves.",
        query=(parameters.AFTER, parameters.LIMIT),
        answers={200: wire.EventPage},
        refusals=(EventsDropped,),
        streams=True,
    ),
)
async def list_events(request: Request) -> Answer | EventStream:
    """Follow what happens."""
    if wants_stream(request.scope):
        return await _stream(request)
    page = await request.session.events.list(asked_page(request, "after"))
    items = tuple(_shown(request, one) for one in page.items)
    return answer(200, to_wire.events(with_encoded_cursor(request, page)._replace(items=items)))


async def _stream(request: Request) -> EventStream:
    if "limit" in request.query:
        raise invalid("limit", "is for pages: a stream has no end")
    cursor = asked_page(request, "after").cursor
    if last := single_header(request.scope, b"last-event-id"):  # of a client that was cut off: later than the query
        cursor = decode_cursor(request, last, "Last-Event-ID")
    events, streams = request.session.events, request.streams
    streams.enter()
    try:
        first = (await events.list(PageRequest(PAGE_SIZE_MAX, cursor))).items
    except BaseException:
        streams.leave()
        raise

    def write(fed: FeedEvent) -> bytes:
        told = to_wire.event(_shown(request, fed))
        return b"id: %b\nevent: %b\ndata: %b\n\n" % (told.cursor.encode(), told.type.encode(), encode(told))

    return EventStream(streams, events, first, cursor, write)


def _shown(request: Request, fed: FeedEvent) -> FeedEvent:
    return fed._replace(cursor=encode_cursor(request, fed.cursor))


HANDLERS = [list_events]
