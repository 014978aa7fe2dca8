"""Webhooks: what their owners can do with endpoints and deliveries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from tekana.application.commands.validation import check_key, check_text
from tekana.application.engine.decide import fingerprint, key_reused
from tekana.application.webhooks.signature import new_secret
from tekana.domain.caller import Caller
from tekana.domain.errors import Conflict, invalid
from tekana.domain.events import EVENT_TYPES
from tekana.domain.identifiers import WebhookDeliveryId, WebhookEndpointId
from tekana.domain.webhooks import ConfiguredWebhook, WebhookDelivery, WebhookEndpoint
from tekana.ports.clock import NewId
from tekana.ports.page import Page, PageRequest
from tekana.ports.unit_of_work import IdempotencyKey
from tekana.ports.webhooks import NewWebhookDelivery, NewWebhookEndpoint, WebhookClaim, WebhookSender, WebhookStore

TEST_EVENT: Final = "WebhookTest"
"""The type of what `send_test` delivers. No event has it."""

SECRET_OVERLAP: Final = timedelta(hours=24)
"""For how long the secret before a new one signs as well."""

_LONGEST_URL: Final = 2000
_DISABLED_BY_OWNER: Final = "by its owner"


class Configured(NamedTuple):
    """An endpoint as it is now, and whether what was asked was done before, under the same key."""

    endpoint: WebhookEndpoint
    replayed: bool


class Webhooks:
    """The webhooks of a store. Each endpoint belongs to the `caller` that created it, and others do not find it.

    With a `key`, which is as those of commands, a thing is done once, however often it is asked.
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
        """Have events delivered to the URL from now on: of these types, or of all.

        Raises InvalidRequest for a bad field, and for a URL that may not be sent to; IdempotencyKeyReused.
        """
        _check_fields({"url": url, "description": description, "event_types": event_types})
        types = None if event_types is None else tuple(event_types)

        async def add(claim: WebhookClaim | None) -> WebhookEndpoint:
            await self._sender.check(url)
            new = NewWebhookEndpoint(WebhookEndpointId(self._new_id()), url, description, types, new_secret())
            return await self._endpoints.add(caller.subject, new, claim)

        return await self._once(caller, key, ("create", url, description, types), add)

    async def get(self, caller: Caller, endpoint_id: WebhookEndpointId) -> WebhookEndpoint:
        """Raises WebhookEndpointNotFound if the caller has none with this id."""
        return await self._endpoints.get(caller.subject, endpoint_id)

    async def list(self, caller: Caller, page: PageRequest) -> Page[WebhookEndpoint]:
        """The caller's endpoints, in the order of their creation."""
        return await self._endpoints.list(caller.subject, page)

    async def update(
        self, caller: Caller, endpoint_id: WebhookEndpointId, changes: Mapping[str, object]
    ) -> WebhookEndpoint:
        """Change `url`, `description`, `event_types` or `status`, those that are given.

        An endpoint that is disabled is not told what happens meanwhile. What was queued before waits for it.

        Raises InvalidRequest, WebhookEndpointNotFound.
        """
        await self._check(changes)
        if isinstance(types := changes.get("event_types"), list):
            changes = {**changes, "event_types": tuple(types)}
        if changes.get("status") == "disabled":
            changes = {**changes, "disabled_reason": _DISABLED_BY_OWNER}
        return await self._endpoints.change(caller.subject, endpoint_id, changes)

    async def rotate_secret(
        self, caller: Caller, endpoint_id: WebhookEndpointId, *, key: str | None = None
    ) -> Configured:
        """Give it a new secret; the old one signs as well for SECRET_OVERLAP.

        Raises WebhookEndpointNotFound, IdempotencyKeyReused.
        """

        async def rotate(claim: WebhookClaim | None) -> WebhookEndpoint:
            return await self._endpoints.rotate_secret(caller.subject, endpoint_id, new_secret(), SECRET_OVERLAP, claim)

        return await self._once(caller, key, ("rotate_secret", endpoint_id), rotate)

    async def delete(self, caller: Caller, endpoint_id: WebhookEndpointId) -> None:
        """Deliver nothing more to it, and forget it. Raises WebhookEndpointNotFound."""
        await self._endpoints.delete(caller.subject, endpoint_id)

    async def send_test(self, caller: Caller, endpoint_id: WebhookEndpointId) -> WebhookDelivery:
        """Queue a delivery that tells of no event, whatever types the endpoint gets. Raises WebhookEndpointNotFound."""
        endpoint = await self._endpoints.get(caller.subject, endpoint_id)
        delivery_id = WebhookDeliveryId(self._new_id())
        event_id = f"{delivery_id}:1"
        told = {
            "id": event_id,
            "type": TEST_EVENT,
            "aggregate": "webhook_endpoint",
            "aggregate_id": endpoint.id,
            "sequence": 1,
            "data": {},
        }
        body = msgspec.json.encode(told).decode()
        new = NewWebhookDelivery(delivery_id, endpoint.id, delivery_id, 1, event_id, TEST_EVENT, body)
        await self._deliveries.queue([new])
        return await self._deliveries.get(caller.subject, delivery_id)

    async def deliveries(
        self, caller: Caller, endpoint_id: WebhookEndpointId, page: PageRequest
    ) -> Page[WebhookDelivery]:
        """What was delivered to an endpoint, or is to be, the newest first. Raises WebhookEndpointNotFound."""
        return await self._deliveries.list(caller.subject, endpoint_id, page)

    async def resend(self, caller: Caller, delivery_id: WebhookDeliveryId) -> WebhookDelivery:
        """Deliver it again, whatever became of it before. Raises WebhookDeliveryNotFound."""
        return await self._deliveries.request_retry(caller.subject, delivery_id)

    async def _once(
        self,
        caller: Caller,
        key: str | None,
        asked: tuple[object, ...],
        do: Callable[[WebhookClaim | None], Awaitable[WebhookEndpoint]],
    ) -> Configured:
        if key is None:
            return Configured(await do(None), replayed=False)
        check_key(key)
        claim = WebhookClaim(IdempotencyKey(caller.tenant, caller.subject, key), fingerprint("tuple", asked))
        known = await self._done_before(claim)
        if known is None:
            try:
                return Configured(await do(claim), replayed=False)
            except Conflict:  # somebody was faster under the same key
                known = await self._done_before(claim)
                if known is None:
                    raise
        return Configured(known, replayed=True)

    async def _done_before(self, claim: WebhookClaim) -> WebhookEndpoint | None:
        """The endpoint that the key led to, as it is now; None if the key is new."""
        async with self._begin() as unit:
            known = (await unit.find_keys({claim.key})).get(claim.key)
        if known is None:
            return None
        if known.fingerprint != claim.fingerprint or not isinstance(known.answer, ConfiguredWebhook):
            raise key_reused()
        return await self._endpoints.get(claim.key.subject, known.answer.endpoint_id)

    async def _check(self, fields: Mapping[str, object]) -> None:
        _check_fields(fields)
        if "url" in fields:
            await self._sender.check(str(fields["url"]))


def _check_fields(fields: Mapping[str, object]) -> None:
    description, types = fields.get("description"), fields.get("event_types")
    if description is not None:
        check_text("description", str(description), most=500)
    if types is not None:
        _check_types(types)
    if "url" in fields:
        _check_form(str(fields["url"]))


def _check_types(types: object) -> None:
    if not isinstance(types, tuple | list) or not types:
        raise invalid("event_types", "must name at least one type of event; without it, all are delivered")
    for place, name in enumerate(types):
        if name not in EVENT_TYPES:
            raise invalid(f"event_types[{place}]", "is not a type of event")
    if len(set(types)) < len(types):
        raise invalid("event_types", "names a type twice")


def _check_form(url: str) -> None:
    check_text("url", url, most=_LONGEST_URL, one_line=True)
    wrong = invalid("url", "must be a URL such as https://example.com/hooks, without a user and without a fragment")
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for what is no number
    except ValueError:
        raise wrong from None
    if (
        parts.scheme not in ("https", "http")
        or not parts.hostname
        or "@" in parts.netloc
        or "#" in url
        or not url.isascii()
        or " " in url
        or "\\" in url
    ):
        raise wrong
