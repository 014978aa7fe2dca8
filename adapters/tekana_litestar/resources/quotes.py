"""Quotes: what a movement of money would cost and bring."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Router
from litestar.di import NamedDependency
from msgspec import UNSET, UnsetType

from tekana import CreateQuote
from tekana import Quote as DomainQuote
from tekana.application.commands.quotes.create_quote import AnyQuotedCommand
from tekana.domain.money import format_minor
from tekana.domain.transaction import charge_fields
from tekana_litestar import fields
from tekana_litestar.bodies import Body
from tekana_litestar.fields import meta
from tekana_litestar.operation import Call, Returns, command
from tekana_litestar.queries import Query
from tekana_litestar.responses import Response, json_response
from tekana_litestar.views import utc


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What a movement of money costs and brings, until a time. Amounts are in major units."""

    id: Annotated[UUID, meta("The `quote_id` of the movement.", fields.OTHER_ID)]
    type: Annotated[str, meta(None, "exchange")]
    from_wallet_id: Annotated[UUID, fields.FROM_WALLET]
    to_wallet_id: Annotated[UUID, fields.TO_WALLET]
    amount: Annotated[str, fields.AMOUNT]
    currency: Annotated[str, fields.CURRENCY]
    total_debit: Annotated[str, fields.balance("What leaves the payer's wallet in all, in `currency`.", "1559")]
    total_credit: Annotated[str, fields.balance("What enters the payee's wallet in all.", "1.13")]
    credit_currency: Annotated[str, meta("The ISO 4217 code of `total_credit`.", "USD")]
    created_at: Annotated[datetime, fields.time()]
    expires_at: Annotated[datetime, fields.time("From when on it cannot be used.")]
    fee: Annotated[str, fields.balance("What is charged beside the amount. Only with a fee.", "50")] | UnsetType = UNSET
    tax: Annotated[str, fields.TAX] | UnsetType = UNSET
    fee_currency: Annotated[str, fields.FEE_CURRENCY] | UnsetType = UNSET
    fee_paid_by: Annotated[str, fields.FEE_PAID_BY] | UnsetType = UNSET
    received_amount: Annotated[str, fields.RECEIVED_AMOUNT] | UnsetType = UNSET
    received_currency: Annotated[str, fields.RECEIVED_CURRENCY] | UnsetType = UNSET
    price: Annotated[str, fields.PRICE] | UnsetType = UNSET

    @classmethod
    def from_domain(cls, one: DomainQuote) -> Quote:
        """Return what clients see of a quote."""
        charge = {} if one.charge is None else charge_fields(one.charge)
        exchange = {}
        if one.exchange is not None:
            exchange = {
                "received_amount": format_minor(one.exchange.received, one.exchange.received_currency),
                "received_currency": one.exchange.received_currency,
                "price": one.exchange.price,
            }
        return cls(
            id=one.id,
            type=one.type,
            from_wallet_id=one.from_wallet_id,
            to_wallet_id=one.to_wallet_id,
            amount=one.amount.major,
            currency=one.amount.currency,
            total_debit=one.total_debit.major,
            total_credit=one.total_credit.major,
            credit_currency=one.total_credit.currency,
            created_at=utc(one.created_at),
            expires_at=utc(one.expires_at),
            **charge,
            **exchange,
        )


@command("/", Returns(201, Quote), body=Body(AnyQuotedCommand), does=CreateQuote)
async def create_quote(call: NamedDependency[Call[AnyQuotedCommand, Query]]) -> Response:
    """Quote a movement of money.

    Answers what `POST /v1/transactions` with this body costs, and of an exchange what it brings, and promises that for
    a minute: the movement that names the quote as its `quote_id` has this fee and this rate, even if they have changed
    since. A quote is used once, for exactly this movement. Nothing is reserved: the movement can be refused all the
    same, for lack of money for example.
    """
    call.count_recipients((call.input,))
    done = await call.submit(CreateQuote(movement=call.input))
    return json_response(201, Quote.from_domain(done.answer), replayed=done.replayed)


ROUTER: Final = Router(
    "/v1/quotes",
    tags=["Quotes"],
    opt={"about_tag": "What movements of money will cost and bring, promised for a minute."},
    route_handlers=[create_quote],
)
