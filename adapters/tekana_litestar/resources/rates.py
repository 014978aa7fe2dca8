"""Exchange rates: what the operator pays and takes for one unit of a currency."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec
from litestar import Router
from litestar.di import NamedDependency
from litestar.enums import HttpMethod

from tekana import Rate as DomainRate
from tekana import RateNotFound, SetRate
from tekana.ports.readers import SessionReaders
from tekana_litestar import fields
from tekana_litestar.bodies import Body
from tekana_litestar.fields import meta
from tekana_litestar.operation import Call, Returns, command, query
from tekana_litestar.queries import Query
from tekana_litestar.responses import Response, json_response
from tekana_litestar.views import shown

_PAIR: Final = ("base", "quote")


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """The prices of one unit of the base currency, in the quote currency."""

    base: Annotated[str, fields.BASE]
    quote: Annotated[str, fields.QUOTE]
    bid: Annotated[str, fields.BID]
    ask: Annotated[str, fields.ASK]
    version: Annotated[int, meta("Counts how often the rate was set.", 2)]
    valid_from: Annotated[datetime, fields.time("Since when it applies.")]
    valid_until: Annotated[
        datetime | None, fields.time("When it expires; null if it applies until it is replaced.", fields.UNTIL_EXAMPLE)
    ]
    set_by: Annotated[str, meta("The subject of the caller who has set it.", "key:1")]

    @classmethod
    def from_domain(cls, one: DomainRate) -> Rate:
        """Return what clients see of a rate."""
        return shown(cls, one)


class RateList(msgspec.Struct, frozen=True, kw_only=True):
    """The latest rate of every pair that has one, by base currency, then quote currency."""

    items: tuple[Rate, ...]


@query("/", Returns(200, RateList), does=SessionReaders.rates)
async def list_rates(call: NamedDependency[Call[None, Query]]) -> Response:
    """List rates.

    The latest rate of every pair of currencies that has one, also those that have expired.
    """
    found = await call.session.rates.list()
    return json_response(200, RateList(items=tuple(map(Rate.from_domain, found))))


@query("/{base:str}/{quote:str}", Returns(200, Rate), refusals=(RateNotFound,), does=SessionReaders.rates)
async def get_rate(call: NamedDependency[Call[None, Query]]) -> Response:
    """Read a rate.

    The latest rate of a pair of currencies, even if it has expired.
    """
    return json_response(200, Rate.from_domain(await call.session.rates.get(call.ids["base"], call.ids["quote"])))


@command(
    "/{base:str}/{quote:str}",
    Returns(200, Rate),
    method=HttpMethod.PUT,
    body=Body(SetRate, without=_PAIR, name="NewRate", doc="The prices, and when they expire."),
)
async def set_rate(call: NamedDependency[Call[SetRate, Query]]) -> Response:
    """Set a rate.

    What the operator pays (`bid`) and takes (`ask`) for one unit of the base currency, in the quote currency, from now
    on: at once, and for every tenant. One rate gives both directions.
    """
    done = await call.submit(call.input)
    return json_response(200, Rate.from_domain(done.answer), replayed=done.replayed)


ROUTER: Final = Router(
    "/v1/rates",
    tags=["Rates"],
    opt={"about_tag": "What the operator pays and takes for money of another currency."},
    route_handlers=[list_rates, get_rate, set_rate],
)
