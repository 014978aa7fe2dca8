"""Recipients: whom a payer can name by phone number."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from litestar import Router
from litestar.di import NamedDependency

from tekana.domain.errors import RecipientNotFound
from tekana_litestar.access import Access
from tekana_litestar.fields import meta
from tekana_litestar.operation import Call, Returns, query
from tekana_litestar.queries import Query
from tekana_litestar.quotas import RECIPIENTS
from tekana_litestar.responses import Response, json_response
from tekana_litestar.views import shown


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """A customer who can be paid at a phone number, as payers see them."""

    phone_number: Annotated[str, meta("In E.164 form.", "+250788123456")]
    masked_name: Annotated[str, meta("The first letter of each part of the name.", "A*** U***")]


class RecipientQuery(Query, frozen=True, kw_only=True):
    """Which recipient."""

    phone_number: Annotated[str, meta("The phone number, with its country.", "+250788123456", minLength=1)]

    def __post_init__(self) -> None:
        if self.phone_number[:1] == " ":  # a + that is not encoded arrives as a blank
            msgspec.structs.force_setattr(self, "phone_number", f"+{self.phone_number[1:]}")


@query(
    "/",
    Returns(200, Recipient),
    query=RecipientQuery,
    rate=RECIPIENTS,
    refusals=(RecipientNotFound,),
    does=Access("recipients", ("recipients:read",)),
)
async def get_recipient(call: NamedDependency[Call[None, RecipientQuery]]) -> Response:
    """Look up a recipient.

    Show the payer whom a transfer or payment with this `to_phone_number` would reach, before they confirm it.
    """
    return json_response(200, shown(Recipient, await call.session.find_recipient(call.query.phone_number)))


ROUTER: Final = Router("/v1/recipients", tags=["Customers"], route_handlers=[get_recipient])
