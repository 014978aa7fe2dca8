"""Wallets: open, read, freeze, unfreeze, close; their history and their balance at a time."""

from __future__ import annotations

from tekana import (
    CloseWallet,
    CustomerNotActive,
    CustomerNotFound,
    FreezeWallet,
    OpenWallet,
    UnfreezeWallet,
    WalletFilter,
    WalletNotActive,
    WalletNotEmpty,
    WalletNotFound,
)
from tekana_litestar import parameters, to_wire, wire
from tekana_litestar.bodies import BodyReader
from tekana_litestar.cursors import asked_page, with_encoded_cursor
from tekana_litestar.execute import do_to_wallet
from tekana_litestar.identifiers import wallet_id
from tekana_litestar.operation import Operation, does, reads
from tekana_litestar.request import Request
from tekana_litestar.responses import Answer, answer

_TAG = "Wallets"

_opening = BodyReader[OpenWallet](OpenWallet)
_freeze = BodyReader[wire.Freeze](wire.Freeze)
_nothing = BodyReader[wire.Nothing](wire.Nothing, may_be_absent=True)


@does(
    "/v1/wallets",
    Operation(
        tag=_TAG,
        summary="Open a wallet",
        description="A customer gets another place for money. They may have several in the same currency.",
        body=_opening,
        answers={201: wire.Wallet},
        key="optional",
        refusals=(CustomerNotFound, CustomerNotActive),
    ),
)
async def open_wallet(request: Request) -> Answer:
    """Open a wallet."""
    return await do_to_wallet(request, await _opening(request), created=True)


@reads(
    "/v1/wallets",
    Operation(
        tag=_TAG,
        summary="List wallets",
        description="Wallets that match everything given, in the order in which they were opened. The operator's own "
        "(`house`) are among them.",
        query=(parameters.CUSTOMER_ID, parameters.CURRENCY, *parameters.PAGE),
        answers={200: wire.WalletPage},
    ),
)
async def list_wallets(request: Request) -> Answer:
    """List wallets."""
    given = request.query
    which = WalletFilter(**{name: given.get(name) for name in WalletFilter._fields})
    page = await request.session.wallets.list(which, asked_page(request))
    return answer(200, to_wire.wallets(with_encoded_cursor(request, page)))


@reads(
    "/v1/wallets/{wallet_id:str}",
    Operation(
        tag=_TAG,
        summary="Read a wallet",
        description="The wallet and its balances. `available_balance` is what its owner can spend: `ledger_balance` "
        "less what is `held`.",
        answers={200: wire.Wallet},
        refusals=(WalletNotFound,),
    ),
)
async def get_wallet(request: Request) -> Answer:
    """Read a wallet."""
    return answer(200, to_wire.wallet(await request.session.wallets.get(wallet_id(request))))


@reads(
    "/v1/wallets/{wallet_id:str}/entries",
    Operation(
        tag=_TAG,
        summary="Read a wallet's history",
        description="Every entry of the wallet by `version`, the first one first: complete and without a gap.",
        query=parameters.PAGE,
        answers={200: wire.EntryPage},
        refusals=(WalletNotFound,),
    ),
)
async def list_wallet_entries(request: Request) -> Answer:
    """Read a wallet's history."""
    entries = await request.session.wallets.entries(wallet_id(request), asked_page(request))
    return answer(200, to_wire.wallet_entries(with_encoded_cursor(request, entries)))


@reads(
    "/v1/wallets/{wallet_id:str}/balance",
    Operation(
        tag=_TAG,
        summary="Read a wallet's balance at a time",
        description="The ledger balance after everything that was posted at that moment or before; without `at`, now.",
        query=(parameters.AT,),
        answers={200: wire.Balance},
        refusals=(WalletNotFound,),
    ),
)
async def get_wallet_balance(request: Request) -> Answer:
    """Read a wallet's balance at a time."""
    at = request.query.get("at")
    return answer(200, to_wire.balance(await request.session.wallets.balance_at(wallet_id(request), at)))


@does(
    "/v1/wallets/{wallet_id:str}/freeze",
    Operation(
        tag=_TAG,
        summary="Freeze a wallet",
        description='Stops money from leaving the wallet (`"debits"`), or from leaving and entering it (`"all"`).',
        body=_freeze,
        answers={200: wire.Wallet},
        key="optional",
        refusals=(WalletNotFound, WalletNotActive),
    ),
)
async def freeze_wallet(request: Request) -> Answer:
    """Freeze a wallet."""
    wallet = wallet_id(request)
    freeze = await _freeze(request)
    return await do_to_wallet(request, FreezeWallet(wallet_id=wallet, scope=freeze.scope, reason=freeze.reason))


@does(
    "/v1/wallets/{wallet_id:str}/unfreeze",
    Operation(
        tag=_TAG,
        summary="Unfreeze a wallet",
        description="Lets the wallet's money move again.",
        body=_nothing,
        answers={200: wire.Wallet},
        key="optional",
        refusals=(WalletNotFound, WalletNotActive),
    ),
)
async def unfreeze_wallet(request: Request) -> Answer:
    """Unfreeze a wallet."""
    wallet = wallet_id(request)
    await _nothing(request)
    return await do_to_wallet(request, UnfreezeWallet(wallet_id=wallet))


@does(
    "/v1/wallets/{wallet_id:str}/close",
    Operation(
        tag=_TAG,
        summary="Close a wallet",
        description="The wallet, which must be empty, is closed. Final.",
        body=_nothing,
        answers={200: wire.Wallet},
        key="optional",
        refusals=(WalletNotFound, WalletNotEmpty),
    ),
)
async def close_wallet(request: Request) -> Answer:
    """Close a wallet."""
    wallet = wallet_id(request)
    await _nothing(request)
    return await do_to_wallet(request, CloseWallet(wallet_id=wallet))


HANDLERS = [
    open_wallet,
    list_wallets,
    get_wallet,
    list_wallet_entries,
    get_wallet_balance,
    freeze_wallet,
    unfreeze_wallet,
    close_wallet,
]
