"""Wallets: open, read, change, freeze, unfreeze, close."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import Router
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from msgspec import UNSET, UnsetType
from msgspec.structs import force_setattr

from tekana import (
    CloseWallet,
    CustomerId,
    FreezeWallet,
    OpenWallet,
    UnfreezeWallet,
    UpdateWallet,
    WalletFilter,
    WalletId,
    WalletNotFound,
)
from tekana import Wallet as DomainWallet
from tekana.application.executed import Executed
from tekana.domain.events import FreezeScope
from tekana.domain.identifiers import HouseRole
from tekana.domain.metadata import Metadata
from tekana.domain.money import format_minor, parse_currency
from tekana.domain.wallet import WalletStatus
from tekana.domain.wallet_kinds import WalletKind
from tekana.ports.readers import SessionReaders
from tekana_litestar import fields
from tekana_litestar.bodies import Body
from tekana_litestar.examples import example_of
from tekana_litestar.fields import POSTED_AT, meta
from tekana_litestar.operation import Call, Returns, command, query
from tekana_litestar.pages import ListPage, page_response
from tekana_litestar.queries import Order, PageQuery, Query
from tekana_litestar.responses import HttpResponse, Response, json_response
from tekana_litestar.views import utc


class Wallet(msgspec.Struct, frozen=True, kw_only=True):
    """Money of one owner in one currency."""

    id: Annotated[UUID, meta(None, fields.WALLET_ID)]
    customer_id: Annotated[UUID | None, fields.THE_CUSTOMER]
    house: Annotated[HouseRole | None, meta("The role of one of the operator's own wallets; null for a customer's.")]
    currency: Annotated[str, fields.CURRENCY]
    name: Annotated[str | None, fields.WALLET_NAME]
    kind: Annotated[
        WalletKind, meta("`merchant`: of a business, which payments for goods and services go to.", "personal")
    ]
    status: WalletStatus
    freeze_scope: FreezeScope | None
    freeze_reason: str | None
    ledger_balance: Annotated[str, fields.balance("What was posted, in major units.")]
    held: Annotated[str, fields.balance("What open holds reserve, in major units.", "0")]
    available_balance: Annotated[str, fields.balance("What can be spent, in major units: posted less held.")]
    version: Annotated[int, meta("How many entries the wallet has.", 2)]
    metadata: Annotated[Metadata | None, fields.METADATA]
    created_at: Annotated[datetime, fields.time()]
    updated_at: Annotated[datetime, fields.time(None, POSTED_AT)]

    @classmethod
    def from_domain(cls, one: DomainWallet) -> Wallet:
        """Return what clients see of a wallet."""
        return cls(
            id=one.id,
            customer_id=one.customer_id,
            house=one.house,
            currency=one.currency,
            name=one.name,
            kind=one.kind,
            status=one.status,
            freeze_scope=one.freeze_scope,
            freeze_reason=one.freeze_reason,
            ledger_balance=format_minor(one.ledger_balance, one.currency),
            held=format_minor(one.held, one.currency),
            available_balance=format_minor(one.available_balance, one.currency),
            version=one.version,
            metadata=one.metadata,
            created_at=utc(one.created_at),
            updated_at=utc(one.updated_at),
        )


class WalletPage(ListPage[Wallet], frozen=True, kw_only=True):
    """Some wallets, in the order in which they were opened."""


class WalletQuery(PageQuery, frozen=True, kw_only=True):
    """Which wallets."""

    customer_id: Annotated[CustomerId, meta("Only what belongs to this customer.", fields.CUSTOMER_ID)] | UnsetType = (
        UNSET
    )
    currency: (
        Annotated[str, meta("Only wallets in this ISO 4217 currency.", "RWF", pattern="^[A-Z]{3}$")] | UnsetType
    ) = UNSET
    status: Annotated[WalletStatus, meta("Only wallets in this status.")] | UnsetType = UNSET
    metadata: Annotated[dict[str, str], fields.METADATA_FILTER] | UnsetType = UNSET
    order: Annotated[Order, fields.ORDER] = "asc"

    def __post_init__(self) -> None:
        if self.currency is not UNSET:
            force_setattr(self, "currency", parse_currency(self.currency))


# ---------------------------------------------------------------------- the bodies: commands without what the path says

_ID: Final = ("wallet_id",)

_CHANGES: Final = Body(
    UpdateWallet,
    without=_ID,
    name="WalletChanges",
    doc="The details to change; the others stay. Null clears one; metadata is replaced whole.",
)
_FREEZE: Final = Body(FreezeWallet, without=_ID, name="Freeze", doc="What is stopped, and why.")

# ---------------------------------------------------------------------- the routes


_CHANGED: Final = Returns(200, Wallet)

NEW_WALLET: Final = example_of(Wallet) | {"ledger_balance": "0", "available_balance": "0", "version": 0}
CLOSED_WALLET: Final = NEW_WALLET | {"status": "closed"}
_OPENED: Final = NEW_WALLET | dict.fromkeys(("ledger_balance", "held", "available_balance"), "0.00")
_FROZEN: Final = example_of(Wallet) | {
    "status": "frozen",
    "freeze_scope": FreezeWallet.EXAMPLE["scope"],
    "freeze_reason": FreezeWallet.EXAMPLE["reason"],
}


@command("/", Returns(201, Wallet, ("Location",), example=_OPENED), body=Body(OpenWallet))
async def open_wallet(call: NamedDependency[Call[OpenWallet, Query]]) -> Response:
    """Open a wallet.

    A customer gets another place for money. They may have several in the same currency. A `merchant` wallet is one that
    payments for goods and services go to; customers cannot open one themselves.
    """
    return _response(await call.submit(call.input), status=201)


@query("/", Returns(200, WalletPage), query=WalletQuery, does=SessionReaders.wallets)
async def list_wallets(call: NamedDependency[Call[None, WalletQuery]]) -> Response:
    """List wallets.

    Wallets that match everything given, in the order in which they were opened, or in the reverse order. The operator's
    own (`house`) are among them. With `metadata`, a page may be short, or empty: `next_cursor` alone says whether there
    are more.
    """
    asked = call.query
    page = await call.session.wallets.list(
        asked.select(WalletFilter), asked.page(call.path), newest_first=asked.order == "desc"
    )
    return page_response(call.path, page, WalletPage, Wallet.from_domain)


def wallet_response(wallet: DomainWallet) -> HttpResponse:
    """Return a wallet, as a response. Also for the hot route."""
    return json_response(200, Wallet.from_domain(wallet))


@query("/{wallet_id:str}", Returns(200, Wallet), refusals=(WalletNotFound,), does=SessionReaders.wallets)
async def get_wallet(call: NamedDependency[Call[None, Query]]) -> Response:
    """Read a wallet.

    The wallet and its balances. `available_balance` is what its owner can spend: `ledger_balance` less what is `held`.
    """
    return wallet_response(await call.session.wallets.get(WalletId(call.ids["wallet_id"])))


@command("/{wallet_id:str}", _CHANGED, method=HttpMethod.PATCH, body=_CHANGES)
async def update_wallet(call: NamedDependency[Call[UpdateWallet, Query]]) -> Response:
    """Change a wallet's name, metadata or kind.

    Changes the fields that are given; null clears one; metadata is replaced whole. Only operators change the kind. A
    closed wallet cannot be changed.
    """
    return _response(await call.submit(call.input))


@command("/{wallet_id:str}/freeze", Returns(200, Wallet, example=_FROZEN), body=_FREEZE)
async def freeze_wallet(call: NamedDependency[Call[FreezeWallet, Query]]) -> Response:
    """Freeze a wallet.

    Stops money from leaving the wallet (`"debits"`), or from leaving and entering it (`"all"`).
    """
    return _response(await call.submit(call.input))


@command("/{wallet_id:str}/unfreeze", _CHANGED, body=Body(UnfreezeWallet, without=_ID))
async def unfreeze_wallet(call: NamedDependency[Call[UnfreezeWallet, Query]]) -> Response:
    """Unfreeze a wallet.

    Lets the wallet's money move again.
    """
    return _response(await call.submit(call.input))


@command("/{wallet_id:str}/close", Returns(200, Wallet, example=CLOSED_WALLET), body=Body(CloseWallet, without=_ID))
async def close_wallet(call: NamedDependency[Call[CloseWallet, Query]]) -> Response:
    """Close a wallet.

    The wallet, which must be empty, is closed. Final.
    """
    return _response(await call.submit(call.input))


def _response(executed: Executed[DomainWallet], status: int = 200) -> Response:
    location = (("Location", f"/v1/wallets/{executed.answer.id}"),) if status == 201 else ()
    return json_response(status, Wallet.from_domain(executed.answer), *location, replayed=executed.replayed)


ROUTER: Final = Router(
    "/v1/wallets",
    tags=["Wallets"],
    opt={"about_tag": "Money of one owner in one currency."},
    route_handlers=[
        open_wallet,
        list_wallets,
        get_wallet,
        update_wallet,
        freeze_wallet,
        unfreeze_wallet,
        close_wallet,
    ],
)
