"""Transactions: move money, and read what was moved or refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from litestar import Router
from litestar.di import NamedDependency
from msgspec import UNSET, UnsetType

from tekana import (
    AnyMoneyCommand,
    CustomerId,
    InvalidRequest,
    TransactionFilter,
    TransactionId,
    TransactionNotFound,
    WalletId,
)
from tekana.application.commands.validation import check_range, check_text
from tekana.domain.errors import invalid
from tekana.domain.events import TransactionType
from tekana.domain.iso4217 import EXPONENTS
from tekana.domain.money import AMOUNT_MAX_MINOR, Currency, Money, format_minor, parse_currency
from tekana.domain.transaction import TRANSACTION_TYPES, TransactionStatus
from tekana.ports.readers import SessionReaders
from tekana_litestar import fields
from tekana_litestar.access import Access
from tekana_litestar.bodies import Body
from tekana_litestar.fields import meta
from tekana_litestar.headers import check_idempotency_key
from tekana_litestar.operation import WAITS, Call, Returns, command, query
from tekana_litestar.pages import ListPage, page_response
from tekana_litestar.queries import DryRunQuery, Order, PageQuery, Query
from tekana_litestar.resources import holds, reversals
from tekana_litestar.responses import Response, json_response
from tekana_litestar.transaction_view import Transaction, posted_response, previewed_response


class TransactionPage(ListPage[Transaction], frozen=True, kw_only=True):
    """Some transactions, the newest first."""


class TransactionQuery(PageQuery, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """Which transactions."""

    wallet_id: (
        Annotated[
            WalletId,
            meta("Only transactions that were to move money into or out of this wallet.", fields.WALLET_ID),
        ]
        | UnsetType
    ) = UNSET
    customer_id: Annotated[CustomerId, meta("Only what belongs to this customer.", fields.CUSTOMER_ID)] | UnsetType = (
        UNSET
    )
    type: (
        Annotated[TransactionType, meta("Only transactions of this type.", enum=list(TRANSACTION_TYPES))] | UnsetType
    ) = UNSET
    status: Annotated[TransactionStatus, meta("Only transactions in this status.")] | UnsetType = UNSET
    reference: (
        Annotated[str, meta("Only transactions with this reference of yours.", "order-1001", maxLength=200)] | UnsetType
    ) = UNSET
    start: Annotated[datetime, fields.time("Only transactions created at this time or later.")] | UnsetType = UNSET
    end: Annotated[datetime, fields.time("Only transactions created before this time.")] | UnsetType = UNSET
    currency: (
        Annotated[str, meta("Only transactions in this ISO 4217 currency.", "RWF", pattern="^[A-Z]{3}$")] | UnsetType
    ) = UNSET
    amount_min: (
        Annotated[str, meta("Only transactions of this amount or more; needs `currency`.", "1500")] | UnsetType
    ) = UNSET
    amount_max: (
        Annotated[str, meta("Only transactions of this amount or less; needs `currency`.", "1500")] | UnsetType
    ) = UNSET
    metadata: Annotated[dict[str, str], fields.METADATA_FILTER] | UnsetType = UNSET
    idempotency_key: Annotated[str, fields.IDEMPOTENCY_KEY] | UnsetType = UNSET
    order: Annotated[Order, fields.ORDER] = "desc"

    def filter(self) -> TransactionFilter:
        """Return the filter, with the bounds of the amount in the currency."""
        least, most = self._bound("amount_min"), self._bound("amount_max")
        return self.select(TransactionFilter)._replace(amount_min=least, amount_max=most)

    def _bound(self, name: str) -> Money | None:
        text: str | UnsetType = getattr(self, name)
        if text is UNSET:
            return None
        if self.currency is UNSET:
            raise invalid("currency", f"is missing: {name} is an amount in a currency")
        try:
            return Money.parse(text, self.currency)
        except InvalidRequest:
            raise invalid(name, _amount_rule(parse_currency(self.currency))) from None

    def __post_init__(self) -> None:
        if self.currency is not UNSET:
            parse_currency(self.currency)
        check_range("amount_min", "amount_max", self._bound("amount_min"), self._bound("amount_max"))
        if self.idempotency_key is not UNSET:
            check_idempotency_key("idempotency_key", self.idempotency_key)
        if self.reference is not UNSET:
            check_text("reference", self.reference, most=200, one_line=True)
        if self.type is not UNSET and self.type not in TRANSACTION_TYPES:
            raise invalid("type", f"must be one of: {', '.join(TRANSACTION_TYPES)}")


def _amount_rule(currency: Currency) -> str:
    """Return what an amount in a query must be."""
    least, most = format_minor(1, currency), format_minor(AMOUNT_MAX_MINOR, currency)
    return f"must be an amount from {least} to {most} {currency}, with at most {EXPONENTS[currency]} decimals"


MOVEMENT: Final = Body(AnyMoneyCommand)
MOVE: Final = Access("MoveMoney", tuple(dict.fromkeys(kind.SCOPE for kind in MOVEMENT.kinds)))
"""What a caller needs before the type of the movement is known: the scope of any type."""


@command(
    "/",
    Returns(201, Transaction, ("Location",)),
    WAITS,
    Returns(200, Transaction, meaning="A dry run: this is what would happen. Nothing was kept.", is_kept=False),
    query=DryRunQuery,
    body=MOVEMENT,
    key="required",
    does=MOVE,
)
async def create_transaction(call: NamedDependency[Call[AnyMoneyCommand, DryRunQuery]]) -> Response:
    """Move money.

    `type` says how; the schema of each type describes it. Money moves once for each `Idempotency-Key`: repeat the
    request with the same key when no answer came, and the first answer is given again. A refused movement is kept too,
    as a `rejected` transaction that the problem names in `transaction_id`. A `hold` only reserves money, which stays in
    the payer's wallet until it is captured. An operator can set that adjustments need the approval of a second person:
    then it waits, and `Location` leads to the approval.
    """
    call.count_recipients((call.input,))
    if call.query.dry_run:
        return await previewed_response(call.session, call.input)
    return posted_response(await call.submit(call.input))


@query("/", Returns(200, TransactionPage), query=TransactionQuery, does=SessionReaders.transactions)
async def list_transactions(call: NamedDependency[Call[None, TransactionQuery]]) -> Response:
    """List transactions.

    Transactions that match everything given, the newest first, or the oldest; holds and rejected ones are among them.
    `pending`, `captured`, `voided` and `expired` are statuses of holds, whose amount in these filters is that which was
    authorized. With `currency`, `amount_min`, `amount_max` or `metadata`, or a `status` but `posted`, a page may be
    short, or empty: `next_cursor` alone says whether there are more.
    """
    asked = call.query
    page = await call.session.transactions.list(
        asked.filter(), asked.page(call.path), newest_first=asked.order == "desc"
    )
    return page_response(call.path, page, TransactionPage, Transaction.from_domain)


@query(
    "/{transaction_id:str}",
    Returns(200, Transaction),
    refusals=(TransactionNotFound,),
    does=SessionReaders.transactions,
)
async def get_transaction(call: NamedDependency[Call[None, Query]]) -> Response:
    """Read a transaction.

    A transaction with its entries, which sum to zero; a hold as it is now; or a rejected one with the reason.
    """
    found = await call.session.transactions.get(TransactionId(call.ids["transaction_id"]))
    return json_response(200, Transaction.from_domain(found))


ROUTER: Final = Router(
    "/v1/transactions",
    tags=["Transactions"],
    opt={"about_tag": "Money that moved, or was refused."},
    route_handlers=[create_transaction, list_transactions, get_transaction, *holds.HANDLERS, *reversals.HANDLERS],
)
