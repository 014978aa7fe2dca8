"""Webhook deliveries: what was sent to an endpoint, or is to be, and the attempts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Router
from litestar.di import NamedDependency

from tekana import (
    ResendWebhookDelivery,
    SendWebhookTest,
    WebhookDeliveryId,
    WebhookDeliveryNotFound,
    WebhookEndpointDisabled,
    WebhookEndpointId,
    WebhookEndpointNotFound,
)
from tekana.application.executed import Executed
from tekana.domain.webhooks import DeliveryAttempt, DeliveryStatus
from tekana.domain.webhooks import WebhookDelivery as DomainDelivery
from tekana_litestar import fields
from tekana_litestar.access import Access
from tekana_litestar.bodies import Body, Nothing
from tekana_litestar.examples import example_of
from tekana_litestar.fields import POSTED_AT, meta
from tekana_litestar.operation import Call, Returns, command, query
from tekana_litestar.pages import ListPage, page_response
from tekana_litestar.queries import PageQuery, Query
from tekana_litestar.responses import Response, json_response
from tekana_litestar.views import shown


class WebhookAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt: what was answered, or why nothing was."""

    at: Annotated[datetime, fields.time(None, POSTED_AT)]
    duration_ms: Annotated[int, meta("How long it took, in milliseconds.", 37)]
    status_code: Annotated[int | None, meta("The HTTP status of the answer; null if there was none.", 200)]
    answer: Annotated[str | None, meta("The first KiB of the answer's body.", "thanks")]
    error: Annotated[str | None, meta("Why there was no answer; null if there was one.")]

    @classmethod
    def from_domain(cls, one: DeliveryAttempt) -> WebhookAttempt:
        """Return what clients see of an attempt."""
        return shown(cls, one)


class WebhookDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """An event on its way to an endpoint, and the last attempts, the oldest first."""

    id: Annotated[UUID, meta(None, fields.WEBHOOK_DELIVERY_ID)]
    endpoint_id: Annotated[UUID, meta("The webhook endpoint.", fields.WEBHOOK_ENDPOINT_ID)]
    event_id: Annotated[str, meta("The event's `id`, which is also the `webhook-id`.", f"{fields.TRANSACTION_ID}:1")]
    event_type: Annotated[str, meta("The event's `type`, or `WebhookTest`.", "FundsTransferred")]
    status: Annotated[DeliveryStatus, meta(None, "delivered")]
    attempts: tuple[WebhookAttempt, ...]
    created_at: Annotated[datetime, fields.time(None, POSTED_AT)]
    ended_at: Annotated[
        datetime | None, fields.time("When it was delivered or given up; null while it is pending.", POSTED_AT)
    ]

    @classmethod
    def from_domain(cls, one: DomainDelivery) -> WebhookDelivery:
        """Return what clients see of a delivery."""
        return shown(cls, one, attempts=tuple([WebhookAttempt.from_domain(each) for each in one.attempts]))


class WebhookDeliveryPage(ListPage[WebhookDelivery], frozen=True, kw_only=True):
    """Some deliveries, the newest first."""


_PENDING: Final = example_of(WebhookDelivery) | {"status": "pending", "ended_at": None}
_TEST: Final = _PENDING | {"event_type": "WebhookTest", "attempts": []}
_NOTHING: Final = Body(Nothing)


@command(
    "/webhook-endpoints/{webhook_endpoint_id:str}/test",
    Returns(202, WebhookDelivery, example=_TEST),
    body=_NOTHING,
    refusals=(WebhookEndpointNotFound, WebhookEndpointDisabled),
    does=SendWebhookTest,
)
async def test_webhook_endpoint(call: NamedDependency[Call[Nothing, Query]]) -> Response:
    """Send a test.

    Queues a delivery of the type `WebhookTest`, which is about no event; the endpoint's deliveries show what became of
    it.
    """
    endpoint_id = WebhookEndpointId(call.ids["webhook_endpoint_id"])
    return _queued(await call.submit(SendWebhookTest(endpoint_id=endpoint_id)))


@query(
    "/webhook-endpoints/{webhook_endpoint_id:str}/deliveries",
    Returns(200, WebhookDeliveryPage),
    query=PageQuery,
    refusals=(WebhookEndpointNotFound,),
    does=Access("webhooks", ("webhooks:read",)),
)
async def list_webhook_deliveries(call: NamedDependency[Call[None, PageQuery]]) -> Response:
    """List deliveries.

    What was delivered to the endpoint, or is to be, the newest first, with the last attempts of each. Deliveries are
    kept for 30 days after they ended.
    """
    endpoint_id = WebhookEndpointId(call.ids["webhook_endpoint_id"])
    page = await call.session.webhooks.deliveries(endpoint_id, call.query.page(call.path))
    return page_response(call.path, page, WebhookDeliveryPage, WebhookDelivery.from_domain)


@command(
    "/webhook-deliveries/{webhook_delivery_id:str}/resend",
    Returns(202, WebhookDelivery, example=_PENDING),
    body=_NOTHING,
    refusals=(WebhookDeliveryNotFound, WebhookEndpointDisabled),
    does=ResendWebhookDelivery,
)
async def resend_webhook_delivery(call: NamedDependency[Call[Nothing, Query]]) -> Response:
    """Deliver it again.

    Whatever became of it before, with all attempts anew. By the same `webhook-id` the receiver sees that it may have
    had it already.
    """
    delivery_id = WebhookDeliveryId(call.ids["webhook_delivery_id"])
    return _queued(await call.submit(ResendWebhookDelivery(delivery_id=delivery_id)))


def _queued(done: Executed[DomainDelivery]) -> Response:
    return json_response(202, WebhookDelivery.from_domain(done.answer), replayed=done.replayed)


ROUTER: Final = Router(
    "/v1",
    tags=["Webhooks"],
    route_handlers=[test_webhook_endpoint, list_webhook_deliveries, resend_webhook_delivery],
)
