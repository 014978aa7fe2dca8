"""Webhooks: endpoints that events are delivered to, and what became of the deliveries."""

from __future__ import annotations

import msgspec
from litestar.enums import HttpMethod

from tekana import LOCAL_OPERATOR, WebhookDeliveryNotFound, WebhookEndpointDisabled, WebhookEndpointNotFound
from tekana_litestar import parameters, to_wire, webhook_wire, wire
from tekana_litestar.bodies import BodyReader
from tekana_litestar.cursors import asked_page, with_encoded_cursor
from tekana_litestar.execute import replay_header
from tekana_litestar.headers import idempotency_key
from tekana_litestar.identifiers import webhook_delivery_id, webhook_endpoint_id
from tekana_litestar.operation import Operation, does, reads
from tekana_litestar.request import Request
from tekana_litestar.responses import Answer, answer

_TAG = "Webhooks"

_new = BodyReader[webhook_wire.NewWebhookEndpoint](webhook_wire.NewWebhookEndpoint)
_changes = BodyReader[webhook_wire.WebhookEndpointChanges](webhook_wire.WebhookEndpointChanges)
_nothing = BodyReader[wire.Nothing](wire.Nothing, may_be_absent=True)


@does(
    "/v1/webhook-endpoints",
    Operation(
        tag=_TAG,
        summary="Create a webhook endpoint",
        description="From now on, events are delivered to `url`: those of `event_types`, or all. The URL is https, and "
        "its host's addresses are on the public internet, unless the operator allows others. The `secret`, with which "
        "deliveries are signed as Standard Webhooks says, is told here and never again. A key that repeats the request "
        "gets the endpoint as it is then.",
        body=_new,
        answers={201: webhook_wire.WebhookEndpointWithSecret},
        key="optional",
        refusals=(WebhookEndpointNotFound,),  # it was created under this key, and deleted
    ),
)
async def create_webhook_endpoint(request: Request) -> Answer:
    """Create a webhook endpoint."""
    new = await _new(request)
    key = idempotency_key(request.scope, required=False)
    done = await request.session.webhooks.create(LOCAL_OPERATOR, **msgspec.structs.asdict(new), key=key)
    location = ("Location", f"/v1/webhook-endpoints/{done.endpoint.id}")
    return answer(201, to_wire.webhook_endpoint_with_secret(done.endpoint), location, *replay_header(done.replayed))


@reads(
    "/v1/webhook-endpoints",
    Operation(
        tag=_TAG,
        summary="List webhook endpoints",
        description="Your endpoints, in the order in which they were created.",
        query=parameters.PAGE,
        answers={200: webhook_wire.WebhookEndpointPage},
    ),
)
async def list_webhook_endpoints(request: Request) -> Answer:
    """List webhook endpoints."""
    page = await request.session.webhooks.list(LOCAL_OPERATOR, asked_page(request))
    return answer(200, to_wire.webhook_endpoints(with_encoded_cursor(request, page)))


@reads(
    "/v1/webhook-endpoints/{webhook_endpoint_id:str}",
    Operation(
        tag=_TAG,
        summary="Read a webhook endpoint",
        description="The endpoint, and how it does: `disabled_reason` says why nothing is delivered, `failing_since` "
        "since when it has known nothing but failures.",
        answers={200: webhook_wire.WebhookEndpoint},
        refusals=(WebhookEndpointNotFound,),
    ),
)
async def get_webhook_endpoint(request: Request) -> Answer:
    """Read a webhook endpoint."""
    endpoint = await request.session.webhooks.get(LOCAL_OPERATOR, webhook_endpoint_id(request))
    return answer(200, to_wire.webhook_endpoint(endpoint))


@does(
    "/v1/webhook-endpoints/{webhook_endpoint_id:str}",
    Operation(
        tag=_TAG,
        summary="Change a webhook endpoint",
        description="Changes the fields that are given; `event_types` null stands for all. `status` disables it, or "
        "enables it again. What happens while it is disabled is not delivered later: read it from the feed. What was "
        "queued before waits.",
        body=_changes,
        answers={200: webhook_wire.WebhookEndpoint},
        refusals=(WebhookEndpointNotFound,),
    ),
    HttpMethod.PATCH,
)
async def update_webhook_endpoint(request: Request) -> Answer:
    """Change a webhook endpoint."""
    endpoint_id = webhook_endpoint_id(request)
    given = msgspec.structs.asdict(await _changes(request))
    changes = {name: value for name, value in given.items() if value is not msgspec.UNSET}
    endpoint = await request.session.webhooks.update(LOCAL_OPERATOR, endpoint_id, changes)
    return answer(200, to_wire.webhook_endpoint(endpoint))


@does(
    "/v1/webhook-endpoints/{webhook_endpoint_id:str}",
    Operation(
        tag=_TAG,
        summary="Delete a webhook endpoint",
        description="Nothing more is delivered to it, and its deliveries are forgotten.",
        answers={204: wire.Nothing},
        refusals=(WebhookEndpointNotFound,),
    ),
    HttpMethod.DELETE,
)
async def delete_webhook_endpoint(request: Request) -> Answer:
    """Delete a webhook endpoint."""
    await request.session.webhooks.delete(LOCAL_OPERATOR, webhook_endpoint_id(request))
    return Answer(204)


@does(
    "/v1/webhook-endpoints/{webhook_endpoint_id:str}/rotate-secret",
    Operation(
        tag=_TAG,
        summary="Give it a new secret",
        description="For 24 hours each delivery is signed with both, the new secret and the one before it. The new one "
        "is told here and never again. A key that repeats the request gets the endpoint as it is then.",
        body=_nothing,
        answers={200: webhook_wire.WebhookEndpointWithSecret},
        key="optional",
        refusals=(WebhookEndpointNotFound,),
    ),
)
async def rotate_webhook_secret(request: Request) -> Answer:
    """Give it a new secret."""
    endpoint_id = webhook_endpoint_id(request)
    await _nothing(request)
    key = idempotency_key(request.scope, required=False)
    done = await request.session.webhooks.rotate_secret(LOCAL_OPERATOR, endpoint_id, key=key)
    return answer(200, to_wire.webhook_endpoint_with_secret(done.endpoint), *replay_header(done.replayed))


@does(
    "/v1/webhook-endpoints/{webhook_endpoint_id:str}/test",
    Operation(
        tag=_TAG,
        summary="Send a test",
        description="Queues a delivery of the type `WebhookTest`, which tells of no event; the endpoint's deliveries "
        "show what became of it.",
        body=_nothing,
        answers={202: webhook_wire.WebhookDelivery},
        refusals=(WebhookEndpointNotFound, WebhookEndpointDisabled),
    ),
)
async def test_webhook_endpoint(request: Request) -> Answer:
    """Send a test."""
    endpoint_id = webhook_endpoint_id(request)
    await _nothing(request)
    return answer(202, to_wire.webhook_delivery(await request.session.webhooks.send_test(LOCAL_OPERATOR, endpoint_id)))


@reads(
    "/v1/webhook-endpoints/{webhook_endpoint_id:str}/deliveries",
    Operation(
        tag=_TAG,
        summary="List deliveries",
        description="What was delivered to the endpoint, or is to be, the newest first, with the last attempts of "
        "each. Deliveries are kept for 30 days after they ended.",
        query=parameters.PAGE,
        answers={200: webhook_wire.WebhookDeliveryPage},
        refusals=(WebhookEndpointNotFound,),
    ),
)
async def list_webhook_deliveries(request: Request) -> Answer:
    """List deliveries."""
    endpoint_id = webhook_endpoint_id(request)
    page = await request.session.webhooks.deliveries(LOCAL_OPERATOR, endpoint_id, asked_page(request))
    return answer(200, to_wire.webhook_deliveries(with_encoded_cursor(request, page)))


@does(
    "/v1/webhook-deliveries/{webhook_delivery_id:str}/resend",
    Operation(
        tag=_TAG,
        summary="Deliver it again",
        description="Whatever became of it before, with all attempts anew. The same `webhook-id` tells the receiver "
        "that it may know it.",
        body=_nothing,
        answers={202: webhook_wire.WebhookDelivery},
        refusals=(WebhookDeliveryNotFound, WebhookEndpointDisabled),
    ),
)
async def resend_webhook_delivery(request: Request) -> Answer:
    """Deliver it again."""
    delivery_id = webhook_delivery_id(request)
    await _nothing(request)
    return answer(202, to_wire.webhook_delivery(await request.session.webhooks.resend(LOCAL_OPERATOR, delivery_id)))


HANDLERS = [
    create_webhook_endpoint,
    list_webhook_endpoints,
    get_webhook_endpoint,
    update_webhook_endpoint,
    delete_webhook_endpoint,
    rotate_webhook_secret,
    test_webhook_endpoint,
    list_webhook_deliveries,
    resend_webhook_delivery,
]
