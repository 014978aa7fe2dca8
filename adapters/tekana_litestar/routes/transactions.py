"""Transactions: move money, and read what was moved or refused."""

from __future__ import annotations

from tekana import (
    AnyMoneyCommand,
    CurrencyMismatch,
    CustomerNotActive,
    InsufficientFunds,
    LimitExceeded,
    Refused,
    SameWallet,
    TransactionFilter,
    TransactionNotFound,
    WalletNotActive,
    WalletNotFound,
)
from tekana_litestar import parameters, to_wire, wire
from tekana_litestar.bodies import BodyReader
from tekana_litestar.cursors import asked_page, with_encoded_cursor
from tekana_litestar.execute import move_money
from tekana_litestar.identifiers import transaction_id
from tekana_litestar.operation import Operation, does, reads
from tekana_litestar.request import Request
from tekana_litestar.responses import Answer, answer

_TAG = "Transactions"

_movement = BodyReader[AnyMoneyCommand](AnyMoneyCommand)


@does(
    "/v1/transactions",
    Operation(
        tag=_TAG,
        summary="Move money",
        description="`type` says how: a `deposit` into a wallet, a `withdrawal` out of one, or a `transfer` between "
        "two of the same currency. Money moves once for each `Idempotency-Key`: repeat the request with the same key "
        "when no answer came, and the first answer is given again. A refused movement is kept too, as a `rejected` "
        "transaction that the problem names in `transaction_id`.",
        body=_movement,
        query=(parameters.DRY_RUN,),
        answers={201: wire.Transaction, 200: wire.Transaction},
        key="required",
        refusals=(
            WalletNotFound,
            WalletNotActive,
            CustomerNotActive,
            InsufficientFunds,
            CurrencyMismatch,
            SameWallet,
            LimitExceeded,
        ),
    ),
)
async def create_transaction(request: Request) -> Answer:
    """Move money."""
    if request.query.get("dry_run"):
        return await _preview(request, await _movement(request))
    return await move_money(request, await _movement(request))


async def _preview(request: Request, command: AnyMoneyCommand) -> Answer:
    try:
        transaction = await request.session.preview(command)
    except Refused as refusal:
        refusal.transaction = None  # it was not kept: nobody can look it up
        raise
    return answer(200, to_wire.transaction(transaction))


@reads(
    "/v1/transactions",
    Operation(
        tag=_TAG,
        summary="List transactions",
        description="Transactions that match everything given, the newest first; rejected ones are among them.",
        query=(
            parameters.WALLET_ID,
            parameters.CUSTOMER_ID,
            parameters.TRANSACTION_TYPE,
            parameters.TRANSACTION_STATUS,
            parameters.REFERENCE,
            parameters.FROM,
            parameters.TO,
            *parameters.PAGE,
        ),
        answers={200: wire.TransactionPage},
    ),
)
async def list_transactions(request: Request) -> Answer:
    """List transactions."""
    given = request.query
    which = TransactionFilter(
        wallet_id=given.get("wallet_id"),
        customer_id=given.get("customer_id"),
        type=given.get("type"),
        status=given.get("status"),
        reference=given.get("reference"),
        start=given.get("from"),
        end=given.get("to"),
    )
    page = await request.session.transactions.list(which, asked_page(request))
    return answer(200, to_wire.transactions(with_encoded_cursor(request, page)))


@reads(
    "/v1/transactions/{transaction_id:str}",
    Operation(
        tag=_TAG,
        summary="Read a transaction",
        description="A transaction with its entries, which sum to zero; or a rejected one with the reason.",
        answers={200: wire.Transaction},
        refusals=(TransactionNotFound,),
    ),
)
async def get_transaction(request: Request) -> Answer:
    """Read a transaction."""
    return answer(200, to_wire.transaction(await request.session.transactions.get(transaction_id(request))))


HANDLERS = [create_transaction, list_transactions, get_transaction]
