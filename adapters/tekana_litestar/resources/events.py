"""The event feed, for those without a message bus: in pages, or as a stream."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import Router
from litestar.di import NamedDependency
from litestar.response.sse import ServerSentEventMessage
from msgspec import UNSET, Meta, UnsetType

from tekana import LOCAL_OPERATOR, EventsDropped, PageRequest
from tekana.application.event_payload import data_fields, event_payload
from tekana.domain.caller import MAIN_TENANT
from tekana.domain.errors import invalid
from tekana.domain.events import EVENT_TYPES, Aggregate
from tekana.ports.events import EventFilter, FeedEvent
from tekana.ports.page import PAGE_SIZE_MAX
from tekana.ports.readers import SessionReaders
from tekana_litestar import fields
from tekana_litestar.examples import example_of
from tekana_litestar.fields import meta
from tekana_litestar.headers import accepts, single_header
from tekana_litestar.operation import Call, Returns, query
from tekana_litestar.pages import ListPage, decode_cursor, encode_cursor, page_response
from tekana_litestar.queries import Limit, Query, page_request
from tekana_litestar.responses import Response, encode
from tekana_litestar.server_sent_events import EVENT_STREAM, EventStream


def _is_general(event_type: str) -> int:
    return -len(data_fields(event_type).own)


EventData: TypeAlias = Annotated[
    dict[str, Any],
    Meta(
        description="What belongs to this type of event. Amounts are decimal strings in major units.",
        examples=[
            {
                "from_wallet_id": fields.WALLET_ID,
                "to_wallet_id": fields.OTHER_WALLET_ID,
                "amount": "1500",
                "currency": "RWF",
                "reference": "order-1001",
            }
        ],
        extra_json_schema={
            # The most special first, as some clients take the first that fits; and any other object.
            "anyOf": [
                *({"$ref": f"#/components/schemas/{name}Data"} for name in sorted(EVENT_TYPES, key=_is_general)),
                {"type": "object"},
            ]
        },
    ),
]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened. `sequence` numbers the events of one aggregate, without a gap."""

    cursor: Annotated[str, meta("The event's place in the feed: send it as `after`.", "opaque-cursor")]
    id: Annotated[str, meta("The same each time the event is delivered.", f"{fields.TRANSACTION_ID}:1")]
    type: Annotated[
        str,
        Meta(
            description="What happened. There will be more types: ignore those that you do not know.",
            examples=sorted(EVENT_TYPES, key=lambda name: name != "FundsTransferred"),
        ),
    ]
    aggregate: Annotated[Aggregate, meta(None, "transaction")]
    aggregate_id: Annotated[UUID, meta(None, fields.TRANSACTION_ID)]
    sequence: Annotated[int, meta(None, 1)]
    occurred_at: Annotated[datetime, fields.time(None, fields.POSTED_AT)]
    data: EventData
    tenant: Annotated[str, meta("Whose customers and money it is about.", MAIN_TENANT)]
    caller: Annotated[str | None, meta("Who caused it; null where that was not recorded.", LOCAL_OPERATOR.subject)]
    request_id: Annotated[
        str | None, meta("The request that caused it; null where that was not recorded.", fields.REQUEST_ID)
    ]

    @classmethod
    def from_domain(cls, path: str, fed: FeedEvent) -> Event:
        """Return what clients see of an event in the feed at this path."""
        return cls(cursor=encode_cursor(path, fed.cursor), **event_payload(fed.event)._asdict())


WebhookEvent: Final = msgspec.defstruct(
    "WebhookEvent",
    [(one.name, one.type) for one in msgspec.structs.fields(Event) if one.name != "cursor"],
    namespace={"__doc__": "An event as it is delivered to webhook endpoints."},
)
"""An event without its place in the feed."""


class EventPage(ListPage[Event], frozen=True, kw_only=True):
    """Some events, the oldest first."""


class EventQuery(Query, frozen=True, kw_only=True):
    """Which events. A page has 50 of them unless `limit` says otherwise; a stream has no end."""

    after: (
        Annotated[
            str,
            meta("Only events after this one: the `cursor` of the last event you have.", minLength=1, maxLength=500),
        ]
        | UnsetType
    ) = UNSET
    limit: Limit | UnsetType = UNSET
    type: (
        Annotated[str, meta("Only events of this type.", "FundsTransferred", enum=sorted(EVENT_TYPES))] | UnsetType
    ) = UNSET
    aggregate: Annotated[Aggregate, meta("Only events of this kind of aggregate.")] | UnsetType = UNSET
    aggregate_id: (
        Annotated[UUID, meta("Only events of this customer, wallet or transaction.", fields.WALLET_ID)] | UnsetType
    ) = UNSET

    def __post_init__(self) -> None:
        if self.type is not UNSET and self.type not in EVENT_TYPES:
            raise invalid("type", f"must be one of: {', '.join(EVENT_TYPES)}")


_LAST_EVENT_ID: Final = {
    "name": "Last-Event-ID",
    "required": False,
    "description": "Of a stream: the `id` of the last event that you have. It outranks `after`. Pages do not read it.",
    "schema": {"type": "string"},
}


def _message(event: Event) -> bytes:
    """Return an event as a Server-Sent Event."""
    data = encode(event).decode()
    return ServerSentEventMessage(id=event.cursor, event=event.type, data=data, sep="\n").encode()


_STREAM: Final = _message(msgspec.convert(example_of(Event), Event)).decode()


@query(
    "/",
    Returns(200, EventPage, texts={EVENT_STREAM: _STREAM}),
    query=EventQuery,
    headers=(_LAST_EVENT_ID,),
    refusals=(EventsDropped,),
    does=SessionReaders.events,
)
async def list_events(call: NamedDependency[Call[None, EventQuery]]) -> Response:
    """Follow what happens.

    Every event since the beginning, or since what was dropped, the oldest first; the events of one aggregate in the
    order of their `sequence`. Ask again with the `cursor` of the last event you have as `after`, and nothing is missed:
    410 `events_dropped` is the answer to those who come too late for some of it. `next_cursor` is null when there is
    nothing more now. With `Accept: text/event-stream`, the events come as Server-Sent Events instead, the new ones as
    they happen: `id` is the cursor, `event` the type, and `data` the event. After a break, `Last-Event-ID` goes on from
    there, as browsers do by themselves. With `type`, `aggregate` or `aggregate_id`, only matching events are returned;
    then a page may be short, or empty, although `next_cursor` leads on: send that as `after`.
    """
    if accepts(call.headers, EVENT_STREAM):
        return await _stream(call)
    limit = PageRequest().limit if call.query.limit is UNSET else call.query.limit
    asked = page_request(call.path, limit, call.query.after, "after")
    page = await call.session.events.list(asked, call.query.select(EventFilter))
    return page_response(call.path, page, EventPage, partial(Event.from_domain, call.path))


async def _stream(call: Call[None, EventQuery]) -> EventStream:
    if call.query.limit is not UNSET:
        raise invalid("limit", "is for pages: a stream has no end")
    cursor = page_request(call.path, PAGE_SIZE_MAX, call.query.after, "after").cursor
    if last := single_header(call.headers, b"last-event-id"):  # of a client that was cut off: later than the query
        cursor = decode_cursor(call.path, last, "Last-Event-ID")
    call.streams.enter()
    try:
        first = (await call.session.events.list(PageRequest(PAGE_SIZE_MAX, cursor))).items
    except BaseException:
        call.streams.leave()
        raise
    which = call.query.select(EventFilter)

    def write(fed: FeedEvent) -> bytes:
        return _message(Event.from_domain(call.path, fed)) if which.matches(fed.event) else b""

    return EventStream(call.streams, call.session, call.confirm, first, cursor, write)


ROUTER: Final = Router(
    "/v1/events",
    tags=["Events"],
    opt={"about_tag": "Everything that happened, in order."},
    route_handlers=[list_events],
)
