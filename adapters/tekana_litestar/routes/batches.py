"""Batches: many movements of money in one request."""

from __future__ import annotations

from tekana import Batch, BatchOutcome, Transaction
from tekana.application.tekana import refusal_of
from tekana_litestar import to_wire, wire
from tekana_litestar.bodies import LARGEST_BATCH_BODY, BodyReader
from tekana_litestar.execute import replay_header
from tekana_litestar.headers import idempotency_key
from tekana_litestar.operation import Operation, does
from tekana_litestar.problems import problem_of
from tekana_litestar.request import Request
from tekana_litestar.responses import Answer, answer

_batch = BodyReader[Batch](Batch, largest=LARGEST_BATCH_BODY)


@does(
    "/v1/batches",
    Operation(
        tag="Transactions",
        summary="Move money many times",
        description="1 to 1,000 movements in one request, each as `POST /v1/transactions` takes it. `atomic`: all are "
        "done, or none. One that is refused takes back the others, whose problem is then `rolled_back`, and "
        "`failed_index` names it. `independent`: each is done or refused as if it had been sent alone. Either way all "
        "are kept, the refused ones as `rejected` transactions. The `Idempotency-Key` stands for the whole batch: "
        "after a 503, the same batch under the same key does what is not done yet. If one movement is malformed, "
        "nothing is done.",
        body=_batch,
        answers={201: wire.BatchResults, 207: wire.BatchResults, 422: wire.BatchResults},
        key="required",
    ),
)
async def create_batch(request: Request) -> Answer:
    """Move money many times."""
    batch = await _batch(request)
    key = idempotency_key(request.scope, required=True)
    done = await request.session.submit_batch(batch, key=key, request_id=request.id)
    results = tuple([_result(index, one, request) for index, one in enumerate(done.transactions)])
    content = wire.BatchResults(results=results, failed_index=done.failed_index)
    return answer(_status(done), content, *replay_header(done.replayed))


def _status(done: BatchOutcome) -> int:
    """201: all was done. 422: nothing was. 207: some was."""
    posted = {one.status == "posted" for one in done.transactions}
    return 207 if len(posted) > 1 else 201 if True in posted else 422


def _result(index: int, one: Transaction, request: Request) -> wire.BatchResult:
    refusal = refusal_of(one)
    if refusal is None:
        return wire.BatchResult(index=index, status=201, transaction=to_wire.transaction(one))
    problem = problem_of(refusal, request.id, reading=False)
    return wire.BatchResult(index=index, status=422, problem=problem)


HANDLERS = [create_batch]
