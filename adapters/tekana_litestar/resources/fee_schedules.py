"""Fee schedules: what transactions cost."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Router
from litestar.di import NamedDependency

from tekana import CreateFeeSchedule, EndFeeSchedule, FeeScheduleId, FeeScheduleNotFound
from tekana import FeeSchedule as DomainFeeSchedule
from tekana.domain.fees import format_percentage
from tekana.domain.money import Currency, format_minor
from tekana.ports.readers import SessionReaders
from tekana_litestar import fields
from tekana_litestar.bodies import Body
from tekana_litestar.examples import example_of
from tekana_litestar.fields import meta
from tekana_litestar.operation import Call, Returns, command, query
from tekana_litestar.queries import Query
from tekana_litestar.responses import Response, json_response
from tekana_litestar.views import utc


class FeeBand(msgspec.Struct, frozen=True, kw_only=True):
    """The fee for amounts up to a bound that are above the bound of the band before."""

    up_to: Annotated[str | None, fields.balance("The largest amount; null for the last band.", "10000")]
    flat: Annotated[str, fields.balance("A fixed part.", "50")]
    percentage: Annotated[str, fields.PERCENTAGE]


class FeeShare(msgspec.Struct, frozen=True, kw_only=True):
    """What of each fee goes into a wallet."""

    wallet_id: Annotated[UUID, meta("A merchant's wallet of the tenant.", fields.OTHER_WALLET_ID)]
    percentage: Annotated[str, fields.PERCENTAGE]


class FeeSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """What transactions of a type cost in a currency, for a time. Amounts are in major units."""

    id: Annotated[UUID, meta(None, fields.OTHER_ID)]
    transaction_type: Annotated[str, fields.CHARGED_TYPE]
    currency: Annotated[str, fields.CURRENCY]
    tier: Annotated[str | None, meta("For customers of this tier; null for all.")]
    tenant: Annotated[str | None, meta("For customers of this tenant; null for all.")]
    paid_by: Annotated[str, fields.PAID_BY]
    bands: tuple[FeeBand, ...]
    minimum: Annotated[str | None, fields.balance("The least fee; null for none.", "50")]
    maximum: Annotated[str | None, fields.balance("The largest fee; null for none.", "5000")]
    tax_percentage: Annotated[str, meta("The tax, as a percentage of the fee, beside it.", "18")]
    shares: tuple[FeeShare, ...]
    valid_from: Annotated[datetime, fields.time("Since when it applies.")]
    valid_until: Annotated[
        datetime | None, fields.time("Until when it applies; null if it has no end.", fields.UNTIL_EXAMPLE)
    ]
    created_by: Annotated[str, meta("The subject of the caller who created it.", "key:1")]
    created_at: Annotated[datetime, fields.time()]

    @classmethod
    def from_domain(cls, one: DomainFeeSchedule) -> FeeSchedule:
        """Return what clients see of a fee schedule."""
        return cls(
            id=one.id,
            transaction_type=one.transaction_type,
            currency=one.currency,
            tier=one.tier,
            tenant=one.tenant,
            paid_by=one.paid_by,
            bands=tuple(
                FeeBand(
                    up_to=_major(band.up_to, one.currency),
                    flat=format_minor(band.flat, one.currency),
                    percentage=format_percentage(band.percentage_ppm),
                )
                for band in one.bands
            ),
            minimum=_major(one.minimum, one.currency),
            maximum=_major(one.maximum, one.currency),
            tax_percentage=format_percentage(one.tax_ppm),
            shares=tuple(
                FeeShare(wallet_id=share.wallet_id, percentage=format_percentage(share.percentage_ppm))
                for share in one.shares
            ),
            valid_from=utc(one.valid_from),
            valid_until=None if one.valid_until is None else utc(one.valid_until),
            created_by=one.created_by,
            created_at=utc(one.created_at),
        )


class FeeScheduleList(msgspec.Struct, frozen=True, kw_only=True):
    """All fee schedules that you may see, in the order of creation."""

    items: tuple[FeeSchedule, ...]


_CREATED: Final = example_of(FeeSchedule) | {**CreateFeeSchedule.EXAMPLE, "shares": []}
_ENDED: Final = _CREATED | {"valid_until": EndFeeSchedule.EXAMPLE["at"]}


@command("/", Returns(201, FeeSchedule, ("Location",), example=_CREATED), body=Body(CreateFeeSchedule))
async def create_fee_schedule(call: NamedDependency[Call[CreateFeeSchedule, Query]]) -> Response:
    """Create a fee schedule.

    Sets what transactions of a type cost in a currency: the fee of the band in which the amount is, at least the
    minimum and at most the maximum, and the tax on it, both beside the amount. The schedule for the tenant and the tier
    of the customer goes before that for the tenant, that before one for the tier, and that before one for all. Two for
    the same never apply at the same time.
    """
    done = await call.submit(call.input)
    location = "Location", f"/v1/fee-schedules/{done.answer.id}"
    return json_response(201, FeeSchedule.from_domain(done.answer), location, replayed=done.replayed)


@query("/", Returns(200, FeeScheduleList), does=SessionReaders.fee_schedules)
async def list_fee_schedules(call: NamedDependency[Call[None, Query]]) -> Response:
    """List fee schedules.

    Those for all tenants, and those for yours, in the order of creation: also those that have ended, or not begun.
    """
    found = await call.session.fee_schedules.list()
    return json_response(200, FeeScheduleList(items=tuple(map(FeeSchedule.from_domain, found))))


@query(
    "/{fee_schedule_id:str}",
    Returns(200, FeeSchedule),
    refusals=(FeeScheduleNotFound,),
    does=SessionReaders.fee_schedules,
)
async def get_fee_schedule(call: NamedDependency[Call[None, Query]]) -> Response:
    """Read a fee schedule.

    One for all tenants, or for yours, also if it has ended.
    """
    found = await call.session.fee_schedules.get(FeeScheduleId(call.ids["fee_schedule_id"]))
    return json_response(200, FeeSchedule.from_domain(found))


@command(
    "/{fee_schedule_id:str}/end",
    Returns(200, FeeSchedule, example=_ENDED),
    body=Body(EndFeeSchedule, without=("fee_schedule_id",), name="FeeScheduleEnd", doc="When it ends."),
)
async def end_fee_schedule(call: NamedDependency[Call[EndFeeSchedule, Query]]) -> Response:
    """End a fee schedule.

    It applies no longer, from now on or from the time given. One that has not begun never applies.
    """
    done = await call.submit(call.input)
    return json_response(200, FeeSchedule.from_domain(done.answer), replayed=done.replayed)


def _major(minor: int | None, currency: Currency) -> str | None:
    return None if minor is None else format_minor(minor, currency)


ROUTER: Final = Router(
    "/v1/fee-schedules",
    tags=["Fees"],
    opt={"about_tag": "What transactions cost."},
    route_handlers=[create_fee_schedule, list_fee_schedules, get_fee_schedule, end_fee_schedule],
)
