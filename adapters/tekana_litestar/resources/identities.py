"""Identities: which subjects of outside issuers a customer is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

import msgspec
from litestar import Router
from litestar.di import NamedDependency
from litestar.enums import HttpMethod

from tekana import CustomerId, CustomerNotActive, CustomerNotFound, IdentityExists, IdentityNotFound
from tekana.application.sign_in.identities import ISSUER_LENGTH_MAX, SUBJECT_LENGTH_MAX
from tekana.domain.identities import Identity as DomainIdentity
from tekana_litestar import fields
from tekana_litestar.access import Access
from tekana_litestar.bodies import Body
from tekana_litestar.fields import meta
from tekana_litestar.operation import Call, Returns, command, query
from tekana_litestar.queries import Query
from tekana_litestar.responses import HttpResponse, Response, json_response
from tekana_litestar.views import shown

_ISSUER: Final = meta("The `iss` of the tokens.", "https://id.example.com", minLength=1, maxLength=ISSUER_LENGTH_MAX)
_SUBJECT: Final = meta("The `sub` of the tokens.", "f1c9a0de", minLength=1, maxLength=SUBJECT_LENGTH_MAX)


class NewIdentity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A subject of an outside issuer."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {"issuer": "https://id.example.com", "subject": "f1c9a0de"}

    issuer: Annotated[str, _ISSUER]
    subject: Annotated[str, _SUBJECT]


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A subject of an outside issuer, whose tokens are those of the customer."""

    id: Annotated[UUID, meta(None, fields.OTHER_ID)]
    customer_id: Annotated[UUID, meta(None, fields.CUSTOMER_ID)]
    issuer: Annotated[str, _ISSUER]
    subject: Annotated[str, _SUBJECT]
    created_at: Annotated[datetime, fields.time()]

    @classmethod
    def from_domain(cls, one: DomainIdentity) -> Identity:
        """Return what clients see of an identity."""
        return shown(cls, one)


class IdentityList(msgspec.Struct, frozen=True, kw_only=True):
    """The identities of a customer, in the order of their creation."""

    items: tuple[Identity, ...]


@command(
    "/", Returns(201, Identity), key="none", body=Body(NewIdentity),
    refusals=(CustomerNotFound, CustomerNotActive, IdentityExists),
    does=Access("LinkIdentity", ("customers:write",)),
)  # fmt: skip
async def add_identity(call: NamedDependency[Call[NewIdentity, Query]]) -> Response:
    """Link an identity.

    From now on, the tokens of this subject, from an issuer that the operator accepts, are those of the customer. A
    repeated request returns the same identity.
    """
    given = call.input
    identities = call.tekana.sign_in.identities
    caller = call.session.caller
    identity = await identities.add(caller, _customer_id(call), given.issuer, given.subject, call.origin)
    return json_response(201, Identity.from_domain(identity))


@query("/", Returns(200, IdentityList), refusals=(CustomerNotFound,), does=Access("identities", ("customers:read",)))
async def list_identities(call: NamedDependency[Call[None, Query]]) -> Response:
    """List identities.

    The subjects of outside issuers that are this customer.
    """
    found = await call.tekana.sign_in.identities.list(call.session.caller, _customer_id(call))
    return json_response(200, IdentityList(items=tuple(Identity.from_domain(one) for one in found)))


@command(
    "/{identity_id:str}", Returns(204), method=HttpMethod.DELETE, key="none",
    refusals=(CustomerNotFound, IdentityNotFound),
    does=Access("UnlinkIdentity", ("customers:write",))
)  # fmt: skip
async def remove_identity(call: NamedDependency[Call[None, Query]]) -> Response:
    """Remove an identity.

    Tokens of this subject are refused within five minutes.
    """
    identities, identity_id = call.tekana.sign_in.identities, call.ids["identity_id"]
    await identities.remove(call.session.caller, _customer_id(call), identity_id, call.origin)
    return HttpResponse(204)


def _customer_id(call: Call[Any, Query]) -> CustomerId:
    return CustomerId(call.ids["customer_id"])


ROUTER: Final = Router(
    "/v1/customers/{customer_id:str}/identities",
    tags=["Sign-in"],
    route_handlers=[add_identity, list_identities, remove_identity],
)
