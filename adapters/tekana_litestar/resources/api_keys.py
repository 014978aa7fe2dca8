"""API keys: the credentials of partners and operators."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

import msgspec
from litestar import Router
from litestar.di import NamedDependency

from tekana import (
    SCOPES,
    ApiKeyId,
    ApiKeyNotActive,
    ApiKeyNotFound,
    CreateApiKey,
    GrantForbidden,
    KeyProperties,
    RevokeApiKey,
    RotateApiKey,
    Scope,
)
from tekana.application import authentication
from tekana.domain.api_keys import ApiKey as DomainKey
from tekana.domain.api_keys import ApiKeyKind
from tekana.ports.readers import SessionReaders
from tekana_litestar import fields
from tekana_litestar.bodies import Body, Nothing
from tekana_litestar.fields import meta
from tekana_litestar.operation import Call, Returns, command, query
from tekana_litestar.pages import ListPage, page_response
from tekana_litestar.queries import PageQuery, Query
from tekana_litestar.responses import Response, json_response
from tekana_litestar.views import shown

_NAME: Final = meta("What the key is for.", "Checkout", minLength=1, maxLength=100)
_SCOPES: Final = meta(f"What it may do: of {', '.join(sorted(SCOPES))}.", ["transactions:read", "transactions:write"])
_TENANT: Final = meta("The tenant that it belongs to.", "north", pattern="^[a-z0-9][a-z0-9._-]{0,63}$")
_KEY: Final = meta(
    "The key, which is shown once; null in the answer to a repeated request.",
    f"tk_{UUID(fields.API_KEY_ID).hex}_{'0' * 64}",
    pattern="^tk_[0-9a-f]{32}_[0-9a-f]{64}$",
)


class NewApiKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to create; without `scopes`, it has those of the role administrator or partner."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "name": "Checkout",
        "kind": "partner",
        "scopes": ["transactions:read", "transactions:write"],
    }

    name: Annotated[str, _NAME]
    kind: ApiKeyKind
    scopes: Annotated[tuple[str, ...] | None, _SCOPES] = None
    tenant: Annotated[str | None, _TENANT] = None
    expires_at: Annotated[datetime | None, meta("When it ends; null: never.", format="date-time")] = None


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key, without its secret."""

    id: Annotated[UUID, meta(None, fields.API_KEY_ID)]
    name: Annotated[str, _NAME]
    kind: ApiKeyKind
    scopes: Annotated[tuple[Scope, ...], _SCOPES]
    tenant: Annotated[str, _TENANT]
    created_by: Annotated[str, meta("The subject of its creator.", "local")]
    created_at: Annotated[datetime, fields.time()]
    updated_at: Annotated[datetime, fields.time()]
    expires_at: Annotated[datetime | None, meta("When it ends; null: never.", format="date-time")]
    previous_until: Annotated[
        datetime | None, meta("Until when the secret before the last rotation is valid.", format="date-time")
    ]
    revoked_at: Annotated[datetime | None, meta("When it was revoked; null: it is not.", format="date-time")]
    last_used_at: Annotated[datetime | None, meta("A recent use, to the minute.", format="date-time")]

    @classmethod
    def from_domain(cls, one: DomainKey, **more: Any) -> ApiKey:
        """Return what clients see of a key."""
        return shown(cls, one, **more)


class ApiKeyWithSecret(ApiKey, frozen=True, kw_only=True):
    """An API key, with its text."""

    key: Annotated[str | None, _KEY]


class ApiKeyPage(ListPage[ApiKey], frozen=True, kw_only=True):
    """Some API keys, in the order in which they were created."""


_NOTHING: Final = Body(Nothing)
_GONE: Final = (ApiKeyNotFound,)


@command(
    "/",
    Returns(201, ApiKeyWithSecret, ("Location",)),
    body=Body(NewApiKey),
    refusals=(GrantForbidden,),
    does=CreateApiKey,
)
async def create_api_key(call: NamedDependency[Call[NewApiKey, Query]]) -> Response:
    """Create an API key.

    The `key` is shown here and never again. It has no right that you do not have yourself. A partner's key
    belongs to your tenant if you are a partner, and otherwise to `tenant` or to a new one, which has the key's id as
    its name. A key that repeats the request gets the API key as it is then, without its text.
    """
    properties: Any = KeyProperties(**msgspec.structs.asdict(call.input))
    issued = await authentication.create_api_key(call.session, properties, key=call.key, request_id=call.request_id)
    location = ("Location", f"/v1/api-keys/{issued.key.id}")
    view = ApiKeyWithSecret.from_domain(issued.key, key=issued.text)
    return json_response(201, view, location, replayed=issued.replayed)


@query("/", Returns(200, ApiKeyPage), query=PageQuery, does=SessionReaders.api_keys)
async def list_api_keys(call: NamedDependency[Call[None, PageQuery]]) -> Response:
    """List API keys.

    The keys of your tenant, in the order in which they were created; those of all tenants with `tenants:all`.
    """
    page = await call.session.api_keys.list(call.query.page(call.path))
    return page_response(call.path, page, ApiKeyPage, ApiKey.from_domain)


@query("/{api_key_id:str}", Returns(200, ApiKey), refusals=_GONE, does=SessionReaders.api_keys)
async def get_api_key(call: NamedDependency[Call[None, Query]]) -> Response:
    """Read an API key.

    The key without its secret, and when it was used last.
    """
    return json_response(200, ApiKey.from_domain(await call.session.api_keys.get(_key_id(call))))


@command(
    "/{api_key_id:str}/rotate",
    Returns(200, ApiKeyWithSecret),
    body=_NOTHING,
    refusals=(ApiKeyNotFound, GrantForbidden, ApiKeyNotActive),
    does=RotateApiKey,
)
async def rotate_api_key(call: NamedDependency[Call[Nothing, Query]]) -> Response:
    """Give an API key a new secret.

    The new `key` is shown here and never again. For 24 hours both are valid, but another rotation ends the older one at
    once. You need every right that the key has. A key that repeats the request gets the API key as it is then, without
    its text.
    """
    issued = await authentication.rotate_api_key(call.session, _key_id(call), key=call.key, request_id=call.request_id)
    return json_response(200, ApiKeyWithSecret.from_domain(issued.key, key=issued.text), replayed=issued.replayed)


@command("/{api_key_id:str}/revoke", Returns(200, ApiKey), body=_NOTHING, refusals=_GONE, does=RevokeApiKey)
async def revoke_api_key(call: NamedDependency[Call[Nothing, Query]]) -> Response:
    """Revoke an API key.

    Within 5 seconds no server accepts it any more. It cannot be undone. One that is revoked already stays as it is.
    """
    done = await call.submit(RevokeApiKey(key_id=_key_id(call)))
    return json_response(200, ApiKey.from_domain(done.answer), replayed=done.replayed)


def _key_id(call: Call[Any, Query]) -> ApiKeyId:
    return ApiKeyId(call.ids["api_key_id"])


ROUTER: Final = Router(
    "/v1/api-keys",
    tags=["API keys"],
    opt={"about_tag": "The credentials of partners and operators."},
    route_handlers=[create_api_key, list_api_keys, get_api_key, rotate_api_key, revoke_api_key],
)
