"""Limits: what the operator sets for tiers and customers, and what a customer has left."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Router
from litestar.di import NamedDependency
from litestar.enums import HttpMethod

from tekana import CustomerId, CustomerNotFound, LimitOverride, LimitSet, OverriddenLimits, OverrideLimits, SetLimits
from tekana import CustomerLimits as DomainCustomerLimits
from tekana import TierLimits as DomainTierLimits
from tekana.domain.limit_rules import CurrencyLimits as DomainCurrencyLimits
from tekana.domain.limit_rules import LimitState as DomainLimitState
from tekana.domain.limits import LIMIT_NAMES, TIERS, is_count, shown_value
from tekana.domain.money import Currency
from tekana.ports.readers import SessionReaders
from tekana_litestar import fields
from tekana_litestar.bodies import Body
from tekana_litestar.fields import meta
from tekana_litestar.operation import WAITS, Call, Returns, command, query
from tekana_litestar.queries import Query
from tekana_litestar.responses import Response, json_response
from tekana_litestar.views import utc

_TIER: Final = meta("The tier of the customers.", "1", enum=list(TIERS))
_REASON: Final = meta("Why.", OverrideLimits.EXAMPLE["reason"])
_UNTIL: Final = fields.time("When the limits of the tier are in force again.", OverrideLimits.EXAMPLE["until"])


class LimitValues(msgspec.Struct, frozen=True, kw_only=True):
    """A value for each limit; null for none."""

    largest_transaction: Annotated[str | None, fields.LIMITS["largest_transaction"]]
    largest_balance: Annotated[str | None, fields.LIMITS["largest_balance"]]
    daily_outgoing_amount: Annotated[str | None, fields.LIMITS["daily_outgoing_amount"]]
    daily_outgoing_count: Annotated[int | None, fields.LIMITS["daily_outgoing_count"]]
    weekly_outgoing_amount: Annotated[str | None, fields.LIMITS["weekly_outgoing_amount"]]
    weekly_outgoing_count: Annotated[int | None, fields.LIMITS["weekly_outgoing_count"]]
    monthly_outgoing_amount: Annotated[str | None, fields.LIMITS["monthly_outgoing_amount"]]
    monthly_outgoing_count: Annotated[int | None, fields.LIMITS["monthly_outgoing_count"]]
    daily_incoming_amount: Annotated[str | None, fields.LIMITS["daily_incoming_amount"]]
    daily_incoming_count: Annotated[int | None, fields.LIMITS["daily_incoming_count"]]
    weekly_incoming_amount: Annotated[str | None, fields.LIMITS["weekly_incoming_amount"]]
    weekly_incoming_count: Annotated[int | None, fields.LIMITS["weekly_incoming_count"]]
    monthly_incoming_amount: Annotated[str | None, fields.LIMITS["monthly_incoming_amount"]]
    monthly_incoming_count: Annotated[int | None, fields.LIMITS["monthly_incoming_count"]]


class TierLimits(LimitValues, frozen=True, kw_only=True):
    """The limits of all customers of a tier in a currency."""

    tier: Annotated[str, _TIER]
    currency: Annotated[str, fields.CURRENCY]
    version: Annotated[int, meta("Counts how often they were set.", 2)]
    valid_from: Annotated[datetime, fields.time("Since when they are in force.")]
    set_by: Annotated[str, meta("The subject of the caller who has set them.", "key:1")]

    @classmethod
    def from_domain(cls, one: DomainTierLimits) -> TierLimits:
        """Return what clients see of the limits of a tier."""
        return cls(
            **_values(one.limits, one.currency),
            tier=one.tier,
            currency=one.currency,
            version=one.version,
            valid_from=utc(one.valid_from),
            set_by=one.set_by,
        )


class TierLimitsList(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of every tier and currency that has some, by currency, then tier."""

    items: tuple[TierLimits, ...]


class LimitsOverride(LimitValues, frozen=True, kw_only=True):
    """Limits of one customer in a currency; where one is null, that of the tier is in force."""

    customer_id: Annotated[UUID, fields.THE_CUSTOMER]
    currency: Annotated[str, fields.CURRENCY]
    reason: Annotated[str, _REASON]
    until: Annotated[datetime, _UNTIL]

    @classmethod
    def from_domain(cls, customer_id: CustomerId, one: LimitOverride) -> LimitsOverride:
        """Return what clients see of an override."""
        return cls(
            **_values(one.limits, one.currency),
            customer_id=customer_id,
            currency=one.currency,
            reason=one.reason,
            until=utc(one.until),
        )


class LimitState(msgspec.Struct, frozen=True, kw_only=True):
    """A limit of a customer, and what is left of it: amounts in major units, or numbers of transactions, as text."""

    name: Annotated[str, meta("Its name, as in refusals.", "daily_outgoing_amount", enum=list(LIMIT_NAMES))]
    limit: Annotated[str | None, meta("Null without a limit.", "2000000")]
    used: Annotated[str | None, meta("What counts for it; null for the largest transaction.", "1500")]
    left: Annotated[str | None, meta("Null without a limit.", "1998500")]
    resets_at: Annotated[
        datetime | None,
        fields.time("When the day, week or month ends; null for a limit of none.", "2026-01-31T22:00:00Z"),
    ]

    @classmethod
    def from_domain(cls, one: DomainLimitState, currency: Currency) -> LimitState:
        """Return what clients see of a limit of a customer."""
        shown = (None if value is None else shown_value(one.name, value, currency) for value in one[1:4])
        limit, used, left = shown
        return cls(name=one.name, limit=limit, used=used, left=left, resets_at=one.resets_at and utc(one.resets_at))


class CurrencyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a customer in all of their wallets in a currency."""

    currency: Annotated[str, fields.CURRENCY]
    limits: tuple[LimitState, ...]
    override: Annotated[LimitsOverride | None, meta("What replaces limits of the tier now; null if nothing does.")]

    @classmethod
    def from_domain(cls, one: DomainCurrencyLimits, customer_id: CustomerId) -> CurrencyLimits:
        """Return what clients see of the limits in a currency."""
        return cls(
            currency=one.currency,
            limits=tuple(LimitState.from_domain(each, one.currency) for each in one.limits),
            override=None if one.override is None else LimitsOverride.from_domain(customer_id, one.override),
        )


class CustomerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a customer in the currencies of their wallets."""

    customer_id: Annotated[UUID, fields.THE_CUSTOMER]
    tier: Annotated[str, _TIER]
    currencies: tuple[CurrencyLimits, ...]

    @classmethod
    def from_domain(cls, one: DomainCustomerLimits) -> CustomerLimits:
        """Return what clients see of the limits of a customer."""
        found = tuple(CurrencyLimits.from_domain(each, one.customer_id) for each in one.currencies)
        return cls(customer_id=one.customer_id, tier=one.tier, currencies=found)


def _values(limits: LimitSet, currency: Currency) -> dict[str, Any]:
    return {
        name: value if value is None or is_count(name) else shown_value(name, value, currency)
        for name, value in limits._asdict().items()
    }


_LIMITS: Final = Body(
    SetLimits,
    without=("tier", "currency"),
    name="NewTierLimits",
    doc="The limits. One that is left out is none. A day's is at most a week's, which is at most a month's.",
)
_OVERRIDE: Final = Body(
    OverrideLimits,
    without=("customer_id", "currency"),
    name="NewLimitsOverride",
    doc="The limits that replace those of the tier; those that are left out stay. Without any, an override ends.",
)


@query("/", Returns(200, TierLimitsList), does=SessionReaders.limits)
async def list_limits(call: NamedDependency[Call[None, Query]]) -> Response:
    """List limits.

    The limits of every tier and currency that has some. Of another currency, customers may move any amount.
    """
    found = await call.session.limits.list()
    return json_response(200, TierLimitsList(items=tuple(map(TierLimits.from_domain, found))))


@command("/{tier:str}/{currency:str}", Returns(200, TierLimits), WAITS, method=HttpMethod.PUT, body=_LIMITS)
async def set_limits(call: NamedDependency[Call[SetLimits, Query]]) -> Response:
    """Set limits.

    The limits of all customers of a tier in a currency, in place of those before, at once. They are those of every
    tenant. The operator can set that this needs the approval of a second person: then it waits, and `Location` leads to
    the approval.
    """
    done = await call.submit(call.input)
    return json_response(200, TierLimits.from_domain(done.answer), replayed=done.replayed)


@query("/", Returns(200, CustomerLimits), refusals=(CustomerNotFound,), does=SessionReaders.limits)
async def get_customer_limits(call: NamedDependency[Call[None, Query]]) -> Response:
    """Read a customer's limits.

    For each currency of their wallets: each limit, what is used and left of it, and when it begins anew. Days, weeks,
    which begin on Monday, and months are those of the operator's time zone.
    """
    found = await call.session.limits.of_customer(CustomerId(call.ids["customer_id"]))
    return json_response(200, CustomerLimits.from_domain(found))


@command("/{currency:str}", Returns(200, LimitsOverride), WAITS, method=HttpMethod.PUT, body=_OVERRIDE)
async def override_limits(call: NamedDependency[Call[OverrideLimits, Query]]) -> Response:
    """Override a customer's limits.

    Limits of one customer in a currency, in place of those of their tier, until a time, with a reason. The override
    before ends. The operator can set that this needs the approval of a second person: then it waits, and `Location`
    leads to the approval.
    """
    done = await call.submit(call.input)
    overridden: OverriddenLimits = done.answer
    answer = LimitsOverride.from_domain(overridden.customer_id, overridden.override)
    return json_response(200, answer, replayed=done.replayed)


ROUTER: Final = Router(
    "/v1/limits",
    tags=["Limits"],
    opt={"about_tag": "How much customers may move, by tier and currency."},
    route_handlers=[list_limits, set_limits],
)
CUSTOMER_ROUTER: Final = Router(
    "/v1/customers/{customer_id:str}/limits",
    tags=["Limits"],
    route_handlers=[get_customer_limits, override_limits],
)
