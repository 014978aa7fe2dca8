"""The operations that are hot routes as well: they give the same bytes as the ones of `routes`, for less time."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from tekana import LOCAL_OPERATOR, AnyMoneyCommand, Session, WalletId
from tekana.application.engine.envelope import Outcome
from tekana.application.tekana import executed
from tekana_litestar import to_wire
from tekana_litestar.bodies import LARGEST_BODY, BodyReader
from tekana_litestar.execute import replay_header
from tekana_litestar.headers import is_idempotency_key
from tekana_litestar.protocol.hot_routes import Headers, HotRequest, HotRoute, HotRoutes
from tekana_litestar.responses import Answer, answer

if TYPE_CHECKING:
    from litestar import Litestar

_movement = BodyReader[AnyMoneyCommand](AnyMoneyCommand)


def hot_routes(app: Litestar) -> HotRoutes:
    """The hot routes of an app."""

    def session() -> Session:
        """The session of a request's caller, as in `Request.session`."""
        found: Session = app.state.tekana.as_caller(LOCAL_OPERATOR)
        return found

    def move_money(request: HotRequest) -> None:
        _move_money(session(), request)

    def get_wallet(request: HotRequest) -> None:
        task = asyncio.ensure_future(_get_wallet(session(), UUID(request.parameter)))
        task.add_done_callback(partial(_respond_with_task, request))

    return HotRoutes(
        (
            HotRoute(b"POST", b"/v1/transactions", move_money, accepts=_has_key, body_size_max=LARGEST_BODY),
            HotRoute(b"GET", b"/v1/wallets/{}", get_wallet),
        )
    )


def _has_key(headers: Headers) -> bool:
    return is_idempotency_key(headers.get(b"idempotency-key", b""))


def _move_money(session: Session, request: HotRequest) -> None:
    command = _movement.decode(request.body)
    outcome = session.enqueue(command, key=request.header(b"idempotency-key"), request_id=request.id)
    outcome.add_done_callback(partial(_respond_with_outcome, request, command))


def _respond_with_outcome(request: HotRequest, command: AnyMoneyCommand, outcome: asyncio.Future[Outcome]) -> None:
    def make_answer() -> Answer:
        transaction, replayed = executed(command, outcome.result())
        location = ("Location", f"/v1/transactions/{transaction.id}")
        return answer(201, to_wire.transaction(transaction), location, *replay_header(replayed))

    request.respond(make_answer)


async def _get_wallet(session: Session, wallet_id: UUID) -> Answer:
    return answer(200, to_wire.wallet(await session.wallets.get(WalletId(wallet_id))))


def _respond_with_task(request: HotRequest, task: asyncio.Future[Answer]) -> None:
    request.respond(task.result)
