"""Reversals: give back what a transaction moved."""

from __future__ import annotations

from typing import Final

from litestar.di import NamedDependency

from tekana import ReverseTransaction
from tekana_litestar.bodies import Body
from tekana_litestar.examples import example_of
from tekana_litestar.fields import OTHER_ID, TRANSACTION_ID
from tekana_litestar.operation import Call, Returns, command
from tekana_litestar.queries import DryRunQuery
from tekana_litestar.responses import Response
from tekana_litestar.transaction_view import Transaction, posted_response, previewed_response

_REVERSAL: Final = example_of(Transaction) | {
    "id": OTHER_ID,
    "type": "reversal",
    "amount": ReverseTransaction.EXAMPLE["amount"],
    "reason": ReverseTransaction.EXAMPLE["reason"],
    "reverses": TRANSACTION_ID,
}


@command(
    "/{transaction_id:str}/reverse",
    Returns(201, Transaction, ("Location",), example=_REVERSAL),
    Returns(
        200,
        Transaction,
        meaning="A dry run: this is what would happen. Nothing was kept.",
        is_kept=False,
        example=_REVERSAL,
    ),
    query=DryRunQuery,
    body=Body(ReverseTransaction, without=("transaction_id",), name="Reversal", doc="How much is given back, and why."),
    key="required",
)
async def reverse_transaction(call: NamedDependency[Call[ReverseTransaction, DryRunQuery]]) -> Response:
    """Reverse a transaction.

    Moves money of a posted transaction back the way it came: all that is left, or `amount`, as often as is wanted, but
    never more than was moved. It is a transaction of its own, of the type `reversal`. Deposits, withdrawals, transfers,
    payments, captures and exchanges can be reversed; a reversal cannot.

    If the receiver does not have that much any more, nothing is done: `insufficient_funds`. With `hold_rest`, what they
    have is held for the payer instead. The answer is that hold, which is captured or voided like any other.
    """
    if call.query.dry_run:
        return await previewed_response(call.session, call.input)
    return posted_response(await call.submit(call.input))


HANDLERS: Final = (reverse_transaction,)
"""The routes, which are among those of transactions."""
