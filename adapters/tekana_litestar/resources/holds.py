"""Holds: capture, void and change what `POST /v1/transactions` has reserved."""

from __future__ import annotations

from typing import Final

from litestar.di import NamedDependency
from litestar.enums import HttpMethod

from tekana import CaptureHold, ChangeHold, Hold, VoidHold
from tekana.application.executed import Executed
from tekana_litestar.bodies import Body
from tekana_litestar.examples import example_of
from tekana_litestar.fields import OTHER_ID, POSTED_AT, TRANSACTION_ID
from tekana_litestar.operation import Call, Returns, command
from tekana_litestar.queries import DryRunQuery
from tekana_litestar.responses import Response, json_response
from tekana_litestar.transaction_view import Transaction, posted_response, previewed, previewed_response

_ID: Final = ("transaction_id",)

_CAPTURED: Final = example_of(Transaction) | {"id": OTHER_ID, "type": "capture", "hold_id": TRANSACTION_ID}
_HOLD: Final = example_of(Transaction) | {
    "type": "hold",
    "status": "pending",
    "amount": "3500",
    "entries": [],
    "posted_at": None,
    "expires_at": POSTED_AT,
    "captured_amount": "1200",
    "held_amount": "2300",
}
_VOIDED: Final = _HOLD | {"status": "voided", "held_amount": "0", "reason": VoidHold.EXAMPLE["reason"]}


@command(
    "/{transaction_id:str}/capture",
    Returns(201, Transaction, ("Location",), example=_CAPTURED),
    Returns(
        200,
        Transaction,
        meaning="A dry run: this is what would happen. Nothing was kept.",
        is_kept=False,
        example=_CAPTURED,
    ),
    query=DryRunQuery,
    body=Body(CaptureHold, without=_ID, name="Capture", doc="How much is taken, and whether the rest is released."),
    key="required",
)
async def capture_hold(call: NamedDependency[Call[CaptureHold, DryRunQuery]]) -> Response:
    """Capture a hold.

    Moves money that is held to the payee: all that is left, or `amount`. It is a transaction of its own, of the type
    `capture`. The rest is released, unless `final` is false: then it stays held for further captures.
    """
    if call.query.dry_run:
        return await previewed_response(call.session, call.input)
    return posted_response(await call.submit(call.input))


@command(
    "/{transaction_id:str}/void",
    Returns(200, Transaction, example=_VOIDED),
    query=DryRunQuery,
    body=Body(VoidHold, without=_ID, name="Voiding", doc="Why the hold is voided."),
)
async def void_hold(call: NamedDependency[Call[VoidHold, DryRunQuery]]) -> Response:
    """Void a hold.

    What is left of it is available to the payer again, and it cannot be captured any more.
    """
    return await _response(call)


@command(
    "/{transaction_id:str}",
    Returns(200, Transaction, example=_HOLD),
    method=HttpMethod.PATCH,
    query=DryRunQuery,
    body=Body(ChangeHold, without=_ID, name="HoldChanges", doc="The amount, the time that is left, or both."),
)
async def change_hold(call: NamedDependency[Call[ChangeHold, DryRunQuery]]) -> Response:
    """Change a hold.

    Raises or lowers the amount of an open hold, with what was captured of it; or sets for how long it is open from now
    on. What is more has to be available.
    """
    return await _response(call)


async def _response(call: Call[VoidHold, DryRunQuery] | Call[ChangeHold, DryRunQuery]) -> Response:
    """Return the hold after a command, or as it would be after it."""
    if call.query.dry_run:
        hold: Hold = await previewed(call.session, call.input)
        return json_response(200, Transaction.from_domain(hold.shown()))
    executed: Executed[Hold] = await call.submit(call.input)
    return json_response(200, Transaction.from_domain(executed.answer.shown()), replayed=executed.replayed)


HANDLERS: Final = (capture_hold, void_hold, change_hold)
"""The routes, which are among those of transactions."""
