"""Statements of wallets: as JSON, CSV, camt.053 and PDF."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from litestar import Router
from litestar.di import NamedDependency
from msgspec import UNSET, UnsetType

from tekana import WalletId, WalletNotFound
from tekana.application.commands.validation import check_period
from tekana.application.statements import Statement as DomainStatement
from tekana.domain.money import format_minor
from tekana.ports.readers import SessionReaders
from tekana.ports.wallets import StatementSummary
from tekana_litestar import fields
from tekana_litestar.export import Export
from tekana_litestar.fields import meta
from tekana_litestar.headers import preferred
from tekana_litestar.operation import Call, Returns, query
from tekana_litestar.queries import Query
from tekana_litestar.resources.wallet_history import WalletEntry
from tekana_litestar.responses import JSON, Response, encode
from tekana_litestar.statement_examples import CAMT_EXAMPLE, CSV_EXAMPLE
from tekana_litestar.views import shown, utc

StatementFormat = Literal["json", "csv", "camt053", "pdf"]

MEDIA_TYPES: Final[dict[str, StatementFormat]] = {
    JSON: "json",
    "text/csv": "csv",
    "application/xml": "camt053",
    "application/pdf": "pdf",
}
"""The media types of the forms, in the order of preference where a client accepts several alike."""


class StatementBase(msgspec.Struct, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """What a statement says beside its entries."""

    wallet_id: Annotated[UUID, fields.THE_WALLET]
    customer_id: Annotated[UUID | None, meta("Null for the operator's own wallets.", fields.CUSTOMER_ID)]
    currency: Annotated[str, fields.CURRENCY]
    start: Annotated[datetime, fields.time("Entries posted at this time or later are in it.")]
    end: Annotated[datetime, fields.time("Entries posted before this time are in it.", "2026-02-01T00:00:00Z")]
    created_at: Annotated[datetime, fields.time("What was posted later is not in it.", "2026-02-01T06:00:00Z")]
    opening_balance: Annotated[str, fields.balance("The ledger balance when the period begins.", "10000")]
    total_credits: Annotated[str, meta("The sum of what entered the wallet.", "0")]
    total_debits: Annotated[str, meta("The sum of what left the wallet.", "1500")]
    credit_count: Annotated[int, meta("How many entries credited the wallet.", 0)]
    debit_count: Annotated[int, meta("How many entries debited the wallet.", 1)]
    closing_balance: Annotated[str, fields.balance("The opening balance, plus credits, minus debits.")]

    @classmethod
    def from_domain(cls, one: StatementSummary) -> StatementBase:
        """Return what clients see of a statement beside its entries."""
        names = "opening_balance", "total_credits", "total_debits", "closing_balance"
        amounts = {name: format_minor(getattr(one, name), one.currency) for name in names}
        return shown(cls, one, **amounts, start=utc(one.start), end=utc(one.end))


class Statement(StatementBase, frozen=True, kw_only=True):
    """Every entry of a wallet in a period, between the opening and the closing balance."""

    entries: tuple[WalletEntry, ...]


class StatementQuery(Query, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """Which period, and in which form."""

    start: Annotated[datetime, fields.time("When the period begins; without it, when the wallet was opened.")] | (
        UnsetType
    ) = UNSET
    end: Annotated[datetime, fields.time("When it ends: only entries posted before; without it, now.")] | (
        UnsetType
    ) = UNSET
    format: Annotated[StatementFormat, meta("The form of the statement, instead of `Accept`.")] | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.start is not UNSET and self.end is not UNSET:
            check_period(self.start, self.end)


@query(
    "/statement",
    Returns(
        200,
        Statement,
        headers=("Content-Disposition",),
        texts={"text/csv": CSV_EXAMPLE, "application/xml": CAMT_EXAMPLE, "application/pdf": None},
    ),
    query=StatementQuery,
    refusals=(WalletNotFound,),
    does=SessionReaders.wallets,
)
async def get_wallet_statement(call: NamedDependency[Call[None, StatementQuery]]) -> Response:
    """Read a wallet's statement.

    The opening balance, every entry of the period with the balance after it, the closing balance and the totals, of one
    moment: what is posted while the statement is sent is not in it. As JSON, CSV, ISO 20022 camt.053.001.08 or PDF, by
    `Accept` or `format`. PDF and camt.053 name the customer, and need the scope `customers:read` as well; while names
    cannot be decrypted, they are answered with 503, and the other forms go on. A statement is read while it is sent: a
    connection that is cut off before the end of the response means that entries are missing.
    """
    asked = call.query
    statement = await call.session.statement(
        WalletId(call.ids["wallet_id"]),
        None if asked.start is UNSET else asked.start,
        None if asked.end is UNSET else asked.end,
    )
    chosen = asked.format
    if chosen is UNSET:
        chosen = MEDIA_TYPES[preferred(call.headers, [*MEDIA_TYPES]) or JSON]
    varies = ("Vary", "Accept")
    if chosen == "json":
        return await Export.begin(call.streams, _json(statement), headers=[varies])
    form = statement.form(chosen)
    one = statement.summary
    name = f"statement-{one.wallet_id}-{one.start:%Y%m%d}-{one.end:%Y%m%d}.{form.FILE_TYPE}"
    disposition = ("Content-Disposition", f'attachment; filename="{name}"')
    return await Export.begin(call.streams, statement.parts(form), form.MEDIA_TYPE, [varies, disposition])


async def _json(statement: DomainStatement) -> AsyncIterator[bytes]:
    """Yield the parts of a Statement in JSON."""
    yield encode(StatementBase.from_domain(statement.summary))[:-1] + b',"entries":['
    before = b""
    async for lines in statement.pages():
        yield before + b",".join([encode(WalletEntry.from_domain(line)) for line in lines])
        before = b","
    yield b"]}"


ROUTER: Final = Router("/v1/wallets/{wallet_id:str}", tags=["Wallets"], route_handlers=[get_wallet_statement])
