"""The history of wallets: their entries, and their balance at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Router
from litestar.di import NamedDependency
from msgspec import UNSET, UnsetType

from tekana import BalanceAt, PostedEntry, WalletId, WalletNotFound
from tekana.domain.events import TransactionType
from tekana.domain.money import format_minor
from tekana.domain.transaction import Direction
from tekana.ports.readers import SessionReaders
from tekana_litestar import fields
from tekana_litestar.fields import POSTED_AT, meta
from tekana_litestar.operation import Call, Returns, query
from tekana_litestar.pages import ListPage, page_response
from tekana_litestar.queries import Order, PageQuery, Query
from tekana_litestar.responses import Response, json_response
from tekana_litestar.views import shown, utc


class WalletEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a wallet's history."""

    version: Annotated[int, fields.ENTRY_VERSION]
    transaction_id: Annotated[UUID, meta("The transaction.", fields.TRANSACTION_ID)]
    type: Annotated[TransactionType, meta(None, "transfer")]
    direction: Annotated[Direction, meta(None, "debit")]
    amount: Annotated[str, fields.AMOUNT]
    currency: Annotated[str, fields.CURRENCY]
    ledger_balance_after: Annotated[str, fields.BALANCE_AFTER]
    description: Annotated[str | None, fields.DESCRIPTION]
    reference: Annotated[str | None, fields.REFERENCE]
    posted_at: Annotated[datetime, fields.time(None, POSTED_AT)]
    wallet_id: Annotated[UUID, fields.THE_WALLET]

    @classmethod
    def from_domain(cls, line: PostedEntry) -> WalletEntry:
        """Return what clients see of a line of a wallet's history."""
        one = line.entry
        return cls(
            version=one.version,
            transaction_id=line.transaction_id,
            type=line.type,
            direction=one.direction,
            amount=format_minor(abs(one.amount_minor), one.currency),
            currency=one.currency,
            ledger_balance_after=format_minor(one.ledger_balance_after, one.currency),
            description=line.description,
            reference=line.reference,
            posted_at=utc(line.posted_at),
            wallet_id=one.wallet_id,
        )


class EntryPage(ListPage[WalletEntry], frozen=True, kw_only=True):
    """Some of a wallet's history, in the order that was asked for."""


class EntryQuery(PageQuery, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """Which entries, and in which order."""

    order: Annotated[Order, meta("`asc`: the first entry first; `desc`: the last.")] = "asc"
    start: Annotated[datetime, fields.time("Only entries posted at this time or later.")] | UnsetType = UNSET
    end: Annotated[datetime, fields.time("Only entries posted before this time.")] | UnsetType = UNSET


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet's ledger balance at a moment, and the version of the last entry posted by then (0: none)."""

    wallet_id: Annotated[UUID, fields.THE_WALLET]
    at: Annotated[datetime, fields.time(None, POSTED_AT)]
    currency: Annotated[str, fields.CURRENCY]
    ledger_balance: Annotated[str, fields.balance("What was posted, in major units.")]
    version: Annotated[int, meta("The version of the last entry posted by then; 0 if there is none.", 2)]

    @classmethod
    def from_domain(cls, one: BalanceAt) -> Balance:
        """Return what clients see of a balance."""
        balance = one.ledger_balance
        return shown(cls, one, currency=balance.currency, ledger_balance=balance.major)


class BalanceQuery(Query, frozen=True, kw_only=True):
    """When."""

    at: Annotated[datetime, fields.time("The moment to look at; without it, now.")] | UnsetType = UNSET


@query("/entries", Returns(200, EntryPage), query=EntryQuery, refusals=(WalletNotFound,), does=SessionReaders.wallets)
async def list_wallet_entries(call: NamedDependency[Call[None, EntryQuery]]) -> Response:
    """Read a wallet's history.

    Every entry of the wallet by `version`: complete and without a gap. `order=desc` begins with the last entry; `from`
    and `to` choose a period by the time of posting.
    """
    asked = call.query
    page = await call.session.wallets.entries(
        WalletId(call.ids["wallet_id"]),
        asked.page(call.path),
        start=None if asked.start is UNSET else asked.start,
        end=None if asked.end is UNSET else asked.end,
        newest_first=asked.order == "desc",
    )
    return page_response(call.path, page, EntryPage, WalletEntry.from_domain)


@query("/balance", Returns(200, Balance), query=BalanceQuery, refusals=(WalletNotFound,), does=SessionReaders.wallets)
async def get_wallet_balance(call: NamedDependency[Call[None, BalanceQuery]]) -> Response:
    """Read a wallet's balance at a time.

    The ledger balance after everything that was posted at that moment or before; without `at`, now.
    """
    at = None if call.query.at is UNSET else call.query.at
    return json_response(
        200, Balance.from_domain(await call.session.wallets.balance_at(WalletId(call.ids["wallet_id"]), at))
    )


ROUTER: Final = Router(
    "/v1/wallets/{wallet_id:str}", tags=["Wallets"], route_handlers=[list_wallet_entries, get_wallet_balance]
)
