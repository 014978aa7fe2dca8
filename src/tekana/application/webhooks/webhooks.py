"""Webhooks: what their owners can do with endpoints and deliveries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import msgspec

from tekana.application.commands.validation import check_key
from tekana.application.engine.decide import fingerprint, key_reused
from tekana.application.webhooks.signature import new_secret
from tekana.application.webhooks.validation import check_endpoint_fields
from tekana.domain.caller import Caller
from tekana.domain.errors import Conflict, WebhookEndpointDisabled
from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.webhooks import ConfiguredWebhook, NewWebhookDelivery, WebhookDelivery, WebhookEndpoint
from tekana.ports.clock import NewId
from tekana.ports.page import Page, PageRequest
from tekana.ports.unit_of_work import IdempotencyKey
from tekana.ports.webhook_endpoints import NewWebhookEndpoint, WebhookClaim
from tekana.ports.webhook_sender import WebhookSender
from tekana.ports.webhook_store import WebhookStore

TEST_EVENT: Final = "WebhookTest"
"""The type of what `send_test` delivers. No event has it."""

SECRET_OVERLAP: Final = timedelta(hours=24)
"""How long the previous secret also signs after a rotation."""

_DISABLED_BY_OWNER: Final = "by its owner"


class Configured(NamedTuple):
    """An endpoint as it is now, and whether the request repeats one that was done under the same key."""

    endpoint: WebhookEndpoint
    replayed: bool


class Webhooks:
    """The webhooks of a store. Each endpoint belongs to the `caller` that created it; others do not find it.

    A request with a `key`, which is as those of commands, is done once, however often it is repeated.
    """

    def __init__(self, store: WebhookStore, sender: WebhookSender, new_id: NewId) -> None:
        self._begin = store.begin
        self._endpoints = store.webhook_endpoints
        self._deliveries = store.webhook_deliveries
        self._sender = sender
        self._new_id = new_id

    async def create(
        self,
        caller: Caller,
        *,
        url: str,
        description: str | None = None,
        event_types: Sequence[str] | None = None,
        key: str | None = None,
    ) -> Configured:
        """Create an endpoint: every later event of these types, or of all, is delivered to the URL.

        Raises:
            InvalidRequest: a field is wrong, or the URL may not be sent to.
            IdempotencyKeyReused: the key was used for another request.
        """
        check_endpoint_fields({"url": url, "description": description, "event_types": event_types})
        types = None if event_types is None else tuple(event_types)

        async def add(claim: WebhookClaim | None) -> WebhookEndpoint:
            await self._sender.check(url)
            new = NewWebhookEndpoint(WebhookEndpointId(self._new_id()), url, description, types, new_secret())
            return await self._endpoints.add(caller.subject, new, claim)

        return await self._once(caller, key, ("create", url, description, types), add)

    async def get(self, caller: Caller, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
        """Return an endpoint of the caller. Raises WebhookEndpointNotFound."""
        return await self._endpoints.get(caller.subject, endpoint_id)

    async def list(self, caller: Caller, page: PageRequest) -> Page[WebhookEndpoint]:
        """Return a page of the caller's endpoints, in the order of their creation."""
        return await self._endpoints.list(caller.subject, page)

    async def update(
        self, caller: Caller, endpoint_id: WebhookEndpointId, changes: Mapping[str, object]
    ) -> WebhookEndpoint:
        """Change those of `url`, `description`, `event_types` and `status` that are given.

        Events that happen while an endpoint is disabled are not delivered to it. Deliveries queued before wait.

        Raises:
            InvalidRequest: a field is wrong, or the URL may not be sent to.
            WebhookEndpointNotFound: the caller has no such endpoint.
        """
        check_endpoint_fields(changes)
        if "url" in changes:
            await self._sender.check(str(changes["url"]))
        if isinstance(types := changes.get("event_types"), list):
            changes = {**changes, "event_types": tuple(types)}
        if changes.get("status") == "disabled":
            changes = {**changes, "disabled_reason": _DISABLED_BY_OWNER}
        return await self._endpoints.change(caller.subject, endpoint_id, changes)

    async def rotate_secret(
        self, caller: Caller, endpoint_id: WebhookEndpointId, *, key: str | None = None
    ) -> Configured:
        """Give an endpoint a new secret. The previous one also signs for SECRET_OVERLAP.

        Raises:
            WebhookEndpointNotFound: the caller has no such endpoint.
            IdempotencyKeyReused: the key was used for another request.
        """

        async def rotate(claim: WebhookClaim | None) -> WebhookEndpoint:
            return await self._endpoints.rotate_secret(caller.subject, endpoint_id, new_secret(), SECRET_OVERLAP, claim)

        return await self._once(caller, key, ("rotate_secret", endpoint_id), rotate)

    async def delete(self, caller: Caller, endpoint_id: WebhookEndpointId) -> None:
        """Delete an endpoint: nothing more is delivered to it. Raises WebhookEndpointNotFound."""
        await self._endpoints.delete(caller.subject, endpoint_id)

    async def send_test(self, caller: Caller, endpoint_id: WebhookEndpointId) -> WebhookDelivery:
        """Queue a delivery of the type `WebhookTest`, whatever types the endpoint gets.

        Raises:
            WebhookEndpointNotFound: the caller has no such endpoint.
            WebhookEndpointDisabled: nothing is delivered to it now.
        """
        await self._require_active(caller, endpoint_id)
        new = _test_delivery(WebhookDeliveryId(self._new_id()), endpoint_id)
        await self._deliveries.queue([new])
        return await self._deliveries.get(caller.subject, new.id)

    async def deliveries(
        self, caller: Caller, endpoint_id: WebhookEndpointId, page: PageRequest
    ) -> Page[WebhookDelivery]:
        """Return a page of an endpoint's deliveries, newest first. Raises WebhookEndpointNotFound."""
        return await self._deliveries.list(caller.subject, endpoint_id, page)

    async def resend(self, caller: Caller, delivery_id: WebhookDeliveryId) -> WebhookDelivery:
        """Deliver again, whatever the state of the delivery.

        Raises:
            WebhookDeliveryNotFound: the caller has no such delivery.
            WebhookEndpointDisabled: nothing is delivered to its endpoint now.
        """
        delivery = await self._deliveries.get(caller.subject, delivery_id)
        await self._require_active(caller, delivery.endpoint_id)
        return await self._deliveries.request_retry(caller.subject, delivery_id)

    async def _require_active(self, caller: Caller, endpoint_id: WebhookEndpointId) -> None:
        endpoint = await self._endpoints.get(caller.subject, endpoint_id)
        if endpoint.status != "active":
            reason = endpoint.disabled_reason
            raise WebhookEndpointDisabled(f"the webhook endpoint is disabled ({reason}): enable it first")

    async def _once(
        self,
        caller: Caller,
        key: str | None,
        request: tuple[object, ...],
        do: Callable[[WebhookClaim | None], Awaitable[WebhookEndpoint]],
    ) -> Configured:
        if key is None:
            return Configured(await do(None), replayed=False)
        check_key(key)
        claim = WebhookClaim(IdempotencyKey(caller.tenant, caller.subject, key), fingerprint("tuple", request))
        known = await self._find_done(claim)
        if known is None:
            try:
                return Configured(await do(claim), replayed=False)
            except Conflict:  # another request took the same key first
                known = await self._find_done(claim)
                if known is None:
                    raise
        return Configured(known, replayed=True)

    async def _find_done(self, claim: WebhookClaim) -> WebhookEndpoint | None:
        """Return the endpoint that the key led to, as it is now; None if the key is new."""
        async with self._begin() as unit:
            known = (await unit.find_keys({claim.key})).get(claim.key)
        if known is None:
            return None
        if known.fingerprint != claim.fingerprint or not isinstance(known.answer, ConfiguredWebhook):
            raise key_reused()
        return await self._endpoints.get(claim.key.subject, known.answer.endpoint_id)


def _test_delivery(delivery_id: WebhookDeliveryId, endpoint_id: WebhookEndpointId) -> NewWebhookDelivery:
    event_id = f"{delivery_id}:1"
    payload = {
        "id": event_id,
        "type": TEST_EVENT,
        "aggregate": "webhook_endpoint",
        "aggregate_id": endpoint_id,
        "sequence": 1,
        "data": {},
    }
    return NewWebhookDelivery(
        id=delivery_id,
        endpoint_id=endpoint_id,
        aggregate_id=delivery_id,  # a stream of its own
        sequence=1,
        event_id=event_id,
        event_type=TEST_EVENT,
        body=msgspec.json.encode(payload).decode(),
    )
