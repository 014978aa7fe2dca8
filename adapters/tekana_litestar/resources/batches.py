"""Batches: many movements of money in one request."""

from __future__ import annotations

from typing import Annotated, Any, Final, cast

import msgspec
from litestar import Router
from litestar.di import NamedDependency
from msgspec import UNSET, UnsetType

from tekana import Batch, BatchOutcome, InsufficientFunds, RolledBack, TekanaError, TransferFunds
from tekana import Transaction as DomainTransaction
from tekana.application.executed import refusal_of
from tekana.domain.transaction import Rejection
from tekana_litestar import fields
from tekana_litestar.bodies import Body
from tekana_litestar.examples import example_error, example_of
from tekana_litestar.fields import meta
from tekana_litestar.operation import Call, Returns, command
from tekana_litestar.problems import Problem, problem_of
from tekana_litestar.queries import DryRunQuery
from tekana_litestar.responses import Response, json_response
from tekana_litestar.transaction_view import Transaction

BATCH_BYTES_MAX: Final = 1024 * 1024


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a movement of a batch led to: the transaction, or the problem that it would have got alone."""

    index: Annotated[int, meta("The movement's position in the request, counted from 0.", 0)]
    status: Annotated[
        int,
        meta("201: done. 422: refused; the problem has the status that it would have alone.", 201, enum=[201, 422]),
    ]
    transaction: Annotated[Transaction, meta("The posted transaction; only where it was done.")] | UnsetType = UNSET
    problem: Annotated[Problem, meta("Why it was refused; only where it was.")] | UnsetType = UNSET


class BatchResults(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch led to: a result for each movement, in their order."""

    results: tuple[BatchResult, ...]
    failed_index: Annotated[
        int | None, meta("Which movement kept an atomic batch from being done; null unless one did.")
    ]


def _refused(index: int, kind: type[TekanaError]) -> dict[str, Any]:
    problem = msgspec.to_builtins(problem_of(example_error(kind), fields.REQUEST_ID, reading=False))
    return {"index": index, "status": 422, "problem": {**problem, "transaction_id": fields.REJECTED_ID}}


_EXAMPLE: Final = {
    "mode": "independent",
    "transactions": [TransferFunds.EXAMPLE, {**TransferFunds.EXAMPLE, "amount": "999999"}],
}
_DONE: Final = {"index": 0, "status": 201, "transaction": example_of(Transaction)}
_ALL_DONE: Final = {"results": [_DONE], "failed_index": None}
_SOME_DONE: Final = {"results": [_DONE, _refused(1, InsufficientFunds)], "failed_index": None}
_NONE_DONE: Final = {"results": [_refused(0, RolledBack), _refused(1, InsufficientFunds)], "failed_index": 1}


@command(
    "/",
    Returns(201, BatchResults, example=_ALL_DONE),
    Returns(
        200,
        BatchResults,
        meaning="A dry run: all movements would be done. Nothing was kept.",
        is_kept=False,
        example=_ALL_DONE,
    ),
    Returns(
        207,
        BatchResults,
        meaning="Some movements were done, or in a dry run would be, and others not.",
        example=_SOME_DONE,
    ),
    Returns(
        422,
        BatchResults,
        meaning="Nothing was done, or in a dry run would be, and the results say why; or a rule refuses the batch.",
        example=_NONE_DONE,
    ),
    query=DryRunQuery,
    body=Body(Batch, bytes_max=BATCH_BYTES_MAX, example=_EXAMPLE),
    key="required",
)
async def create_batch(call: NamedDependency[Call[Batch, DryRunQuery]]) -> Response:
    """Move money many times.

    1 to 1,000 movements in one request, each as `POST /v1/transactions` takes it. `atomic`: all are done, or none. One
    that is refused takes back the others, whose problem is then `rolled_back`, and `failed_index` names it.
    `independent`: each is done or refused as if it had been sent alone. Either way all are kept, the refused ones as
    `rejected` transactions. The `Idempotency-Key` stands for the whole batch: after a 503, the same batch under the
    same key does what is not done yet. If one movement is malformed, nothing is done.
    """
    call.count_recipients(call.input.transactions)
    is_kept = not call.query.dry_run
    if is_kept:
        outcome = await call.session.submit_batch(call.input, key=call.key, request_id=call.request_id)
    else:
        outcome = await call.session.preview_batch(call.input)
    results = [_result(index, one, call.request_id, is_kept) for index, one in enumerate(outcome.transactions)]
    content = BatchResults(results=tuple(results), failed_index=outcome.failed_index)
    return json_response(_status(outcome, 201 if is_kept else 200), content, replayed=outcome.replayed)


def _status(outcome: BatchOutcome, all_done: int) -> int:
    """Return `all_done` if all was done, 422 if nothing was, else 207."""
    posted = {isinstance(one, DomainTransaction) and one.rejection is None for one in outcome.transactions}
    return 207 if len(posted) > 1 else all_done if True in posted else 422


def _result(index: int, one: DomainTransaction | Rejection, request_id: str, is_kept: bool) -> BatchResult:
    refusal = refusal_of(one)
    if refusal is not None:
        if not is_kept:
            refusal.transaction = None  # it cannot be looked up
        return BatchResult(index=index, status=422, problem=problem_of(refusal, request_id, reading=False))
    return BatchResult(index=index, status=201, transaction=Transaction.from_domain(cast("DomainTransaction", one)))


ROUTER: Final = Router("/v1/batches", tags=["Transactions"], route_handlers=[create_batch])
