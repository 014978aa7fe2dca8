"""Webhook endpoints: the URLs that events are delivered to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

import msgspec
from litestar import Router
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from msgspec import UNSET, UnsetType

from tekana import (
    CreateWebhookEndpoint,
    DeleteWebhookEndpoint,
    RotateWebhookSecret,
    UpdateWebhookEndpoint,
    WebhookEndpointId,
    WebhookEndpointNotFound,
)
from tekana.domain.webhooks import WebhookEndpoint as DomainEndpoint
from tekana.domain.webhooks import WebhookStatus
from tekana_litestar import fields
from tekana_litestar.access import Access
from tekana_litestar.bodies import Body, Nothing
from tekana_litestar.fields import meta
from tekana_litestar.operation import Call, Returns, command, query
from tekana_litestar.pages import ListPage, page_response
from tekana_litestar.queries import PageQuery, Query
from tekana_litestar.responses import HttpResponse, Response, json_response, replay_header
from tekana_litestar.views import shown

_TYPES: Final = ["FundsDeposited", "FundsTransferred"]
_URL: Final = meta("An https:// URL without a user.", "https://example.com/hooks", format="uri", maxLength=2000)
_DESCRIPTION: Final = meta("For people to read.", "Accounting", minLength=1, maxLength=500)
_EVENT_TYPES: Final = meta("The types of events that are delivered; null: all.", _TYPES)


class NewWebhookEndpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where events are to be delivered, and which; without `event_types`, all."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = CreateWebhookEndpoint.EXAMPLE

    url: Annotated[str, _URL]
    description: Annotated[str | None, _DESCRIPTION] = None
    event_types: Annotated[tuple[str, ...] | None, _EVENT_TYPES] = None


class WebhookEndpointChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; the rest stays."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = UpdateWebhookEndpoint.EXAMPLE

    url: Annotated[str, _URL] | UnsetType = UNSET
    description: Annotated[str | UnsetType | None, _DESCRIPTION] = UNSET
    event_types: Annotated[tuple[str, ...] | UnsetType | None, _EVENT_TYPES] = UNSET
    status: WebhookStatus | UnsetType = UNSET


class WebhookEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A URL that events are delivered to."""

    id: Annotated[UUID, meta(None, fields.WEBHOOK_ENDPOINT_ID)]
    url: Annotated[str, _URL]
    description: Annotated[str | None, _DESCRIPTION]
    event_types: Annotated[tuple[str, ...] | None, _EVENT_TYPES]
    status: WebhookStatus
    disabled_reason: Annotated[str | None, meta("Why nothing is delivered; null while it is active.")]
    failing_since: Annotated[
        datetime | None, meta("The first of its failures since the last success; null after one.", format="date-time")
    ]
    created_at: Annotated[datetime, fields.time()]
    updated_at: Annotated[datetime, fields.time()]

    @classmethod
    def from_domain(cls, one: DomainEndpoint, **more: Any) -> WebhookEndpoint:
        """Return what clients see of an endpoint."""
        return shown(cls, one, **more)


class WebhookEndpointWithSecret(WebhookEndpoint, frozen=True, kw_only=True):
    """A URL that events are delivered to, with the secret that signs them."""

    secret: Annotated[
        str,
        meta(
            "What signs the deliveries. It is shown once.",
            "whsec_QW4gZXhhbXBsZSwgbm90IGEgc2VjcmV0Lg==",
            pattern="^whsec_[A-Za-z0-9+/]+=*$",
        ),
    ]


class WebhookEndpointPage(ListPage[WebhookEndpoint], frozen=True, kw_only=True):
    """Some webhook endpoints, in the order in which they were created."""


# ---------------------------------------------------------------------- the routes

_READ: Final = Access("webhooks", ("webhooks:read",))
_NOTHING: Final = Body(Nothing)
_GONE: Final = (WebhookEndpointNotFound,)  # also of a creation: it was created under this key, and deleted


@command(
    "/",
    Returns(201, WebhookEndpointWithSecret, ("Location",)),
    body=Body(NewWebhookEndpoint),
    refusals=_GONE,
    does=CreateWebhookEndpoint,
)
async def create_webhook_endpoint(call: NamedDependency[Call[NewWebhookEndpoint, Query]]) -> Response:
    """Create a webhook endpoint.

    From now on, events are delivered to `url`: those of `event_types`, or all. The URL is https, and its host's
    addresses are on the public internet, unless the operator allows others. The `secret`, with which deliveries are
    signed as Standard Webhooks says, is shown here and never again. A key that repeats the request gets the endpoint as
    it is then.
    """
    done = await call.submit(CreateWebhookEndpoint(**msgspec.structs.asdict(call.input)))
    location = ("Location", f"/v1/webhook-endpoints/{done.answer.id}")
    return json_response(201, _with_secret(done.answer), location, replayed=done.replayed)


@query("/", Returns(200, WebhookEndpointPage), query=PageQuery, does=_READ)
async def list_webhook_endpoints(call: NamedDependency[Call[None, PageQuery]]) -> Response:
    """List webhook endpoints.

    Your endpoints, in the order in which they were created.
    """
    page = await call.session.webhooks.list(call.query.page(call.path))
    return page_response(call.path, page, WebhookEndpointPage, WebhookEndpoint.from_domain)


@query("/{webhook_endpoint_id:str}", Returns(200, WebhookEndpoint), refusals=_GONE, does=_READ)
async def get_webhook_endpoint(call: NamedDependency[Call[None, Query]]) -> Response:
    """Read a webhook endpoint.

    The endpoint, and its state: `disabled_reason` says why nothing is delivered, `failing_since` since when it has had
    nothing but failures.
    """
    return json_response(200, WebhookEndpoint.from_domain(await call.session.webhooks.get(_endpoint_id(call))))


@command(
    "/{webhook_endpoint_id:str}",
    Returns(200, WebhookEndpoint),
    method=HttpMethod.PATCH,
    body=Body(WebhookEndpointChanges),
    refusals=_GONE,
    does=UpdateWebhookEndpoint,
)
async def update_webhook_endpoint(call: NamedDependency[Call[WebhookEndpointChanges, Query]]) -> Response:
    """Change a webhook endpoint.

    Changes the fields that are given; `event_types` null stands for all. `status` disables it, or enables it again.
    What happens while it is disabled is not delivered later: read it from the feed. What was queued before waits. A key
    that repeats the request gets the endpoint as it is then.
    """
    changes = msgspec.structs.asdict(call.input)
    done = await call.submit(UpdateWebhookEndpoint(endpoint_id=_endpoint_id(call), **changes))
    return json_response(200, WebhookEndpoint.from_domain(done.answer), replayed=done.replayed)


@command(
    "/{webhook_endpoint_id:str}", Returns(204), method=HttpMethod.DELETE, refusals=_GONE, does=DeleteWebhookEndpoint
)
async def delete_webhook_endpoint(call: NamedDependency[Call[None, Query]]) -> Response:
    """Delete a webhook endpoint.

    Nothing more is delivered to it, and its deliveries are forgotten.
    """
    done = await call.submit(DeleteWebhookEndpoint(endpoint_id=_endpoint_id(call)))
    return HttpResponse(204, headers=replay_header(done.replayed))


@command(
    "/{webhook_endpoint_id:str}/rotate-secret",
    Returns(200, WebhookEndpointWithSecret),
    body=_NOTHING,
    refusals=_GONE,
    does=RotateWebhookSecret,
)
async def rotate_webhook_secret(call: NamedDependency[Call[Nothing, Query]]) -> Response:
    """Give it a new secret.

    For 24 hours each delivery is signed with both, the new secret and the one before it. The new one is shown here and
    never again. A key that repeats the request gets the endpoint as it is then.
    """
    done = await call.submit(RotateWebhookSecret(endpoint_id=_endpoint_id(call)))
    return json_response(200, _with_secret(done.answer), replayed=done.replayed)


def _with_secret(endpoint: DomainEndpoint) -> WebhookEndpoint:
    return WebhookEndpointWithSecret.from_domain(endpoint, secret=endpoint.secret)


def _endpoint_id(call: Call[Any, Query]) -> WebhookEndpointId:
    return WebhookEndpointId(call.ids["webhook_endpoint_id"])


ROUTER: Final = Router(
    "/v1/webhook-endpoints",
    tags=["Webhooks"],
    opt={"about_tag": "Events delivered to you over HTTP."},
    route_handlers=[
        create_webhook_endpoint,
        list_webhook_endpoints,
        get_webhook_endpoint,
        update_webhook_endpoint,
        delete_webhook_endpoint,
        rotate_webhook_secret,
    ],
)
