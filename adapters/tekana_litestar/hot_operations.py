"""The operations that are hot routes as well: they give the same bytes as those of `resources`, for less time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from time import perf_counter
from typing import TYPE_CHECKING, Final, cast
from uuid import UUID

from tekana import AnyMoneyCommand, Caller, Session, Tekana, Unauthenticated, Unavailable, WalletId
from tekana.application.engine.envelope import Outcome
from tekana.application.executed import executed
from tekana_litestar.bodies import BODY_BYTES_MAX
from tekana_litestar.caller import find_cached_caller, identify_caller
from tekana_litestar.headers import is_idempotency_key
from tekana_litestar.operation import is_plain
from tekana_litestar.protocol.hot_routes import Headers, HotRequest, HotRoute, HotRoutes
from tekana_litestar.rate_limits import RateLimits
from tekana_litestar.resources.transactions import MOVE, MOVEMENT
from tekana_litestar.resources.wallets import wallet_response
from tekana_litestar.responses import HttpResponse
from tekana_litestar.transaction_view import posted_response

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.handlers import HTTPRouteHandler
    from litestar.types import Method


def hot_routes(app: Litestar, limits: RateLimits) -> HotRoutes:
    """Return the hot routes of an app: none of those that guards or middleware are in front of."""

    @cache
    def tekana() -> Tekana:  # known once the app has started; Litestar's State looks it up slowly
        return cast("Tekana", app.state.tekana)

    def forget() -> None:  # an app that is started again has another core
        tekana.cache_clear()

    app.on_shutdown.append(forget)

    def identify(headers: Headers) -> Caller | None:
        return find_cached_caller(headers, tekana().authenticator)

    def session(request: HotRequest) -> Session:
        return tekana().as_caller(request.caller, _address_of(limits, request), request.id)

    async def confirm(request: HotRequest) -> Caller:
        try:
            return await identify_caller(request.headers.items(), tekana().authenticator)
        except Unauthenticated as error:
            tekana().note_failed_authentication(_address_of(limits, request), request.id, error.code)
            raise

    move_money = partial(_move_money, session, confirm, partial(_count_recipient, limits))
    read_wallets = partial(_read_wallets, session)
    routes = (
        HotRoute(b"POST", b"/v1/transactions", move_money, identify, accepts=_has_key, body_size_max=BODY_BYTES_MAX),
        HotRoute(b"GET", b"/v1/wallets/{}", read_wallets, identify),
    )
    found: list[HotRoute] = []
    for route in routes:
        routed = app.asgi_router.handle_routing(route.path.decode(), cast("Method", route.method.decode()))
        _, handler, _, _, template = routed
        if is_plain(cast("HTTPRouteHandler", handler)):
            found.append(replace(route, template=template))
    return HotRoutes(found, partial(_admit, limits))


def _admit(limits: RateLimits, request: HotRequest) -> None:
    limits.count_address(_address_of(limits, request))
    limits.count_caller(request.caller)


def _count_recipient(limits: RateLimits, request: HotRequest, command: AnyMoneyCommand) -> None:
    limits.count_recipients(_address_of(limits, request), request.caller, (command,))


def _address_of(limits: RateLimits, request: HotRequest) -> str:
    return limits.addresses.find(request.protocol.client, request.headers.items())


def _has_key(headers: Headers) -> bool:
    return is_idempotency_key(headers.get(b"idempotency-key", b""))


_Sessions = Callable[[HotRequest], Session]
_Confirm = Callable[[HotRequest], Awaitable[Caller]]
_CountRecipient = Callable[[HotRequest, AnyMoneyCommand], None]

_CONFIRM_SECONDS: Final = 1.0
"""The age of a request, since its head, from which its credential is checked again: a body may take long to come."""


def _move_money(
    session_of: _Sessions, confirm: _Confirm, count_recipient: _CountRecipient, requests: Sequence[HotRequest]
) -> None:
    decoded: list[tuple[Session, HotRequest, AnyMoneyCommand]] = []
    for request in requests:
        try:
            session = session_of(request)
            if request.caller.scopes.isdisjoint(MOVE.scopes):  # looks closer, and raises Forbidden
                session.require_scope(MOVE.action, *MOVE.scopes)
            command = MOVEMENT.decode(request.body)
            count_recipient(request, command)
            decoded.append((session, request, command))
        except Exception as error:
            request.fail(error)
    now = perf_counter()
    for session, request, command in decoded:
        if now - request.begun < _CONFIRM_SECONDS:
            _enqueue(session, request, command)
        else:
            task = asyncio.ensure_future(_enqueue_confirmed(session_of, confirm, request, command))
            task.add_done_callback(partial(_fail_with_task, request))


def _enqueue(session: Session, request: HotRequest, command: AnyMoneyCommand) -> None:
    try:
        outcome = session.enqueue(command, key=request.header(b"idempotency-key"), request_id=request.id)
        outcome.add_done_callback(partial(_respond_with_outcome, request, command))
    except Exception as error:
        request.fail(error)


async def _enqueue_confirmed(
    session_of: _Sessions, confirm: _Confirm, request: HotRequest, command: AnyMoneyCommand
) -> None:
    request.caller = await confirm(request)
    _enqueue(session_of(request), request, command)


def _fail_with_task(request: HotRequest, task: asyncio.Future[None]) -> None:
    error = Unavailable("the work was cancelled") if task.cancelled() else task.exception()
    if isinstance(error, Exception):
        request.fail(error)


def _respond_with_outcome(request: HotRequest, command: AnyMoneyCommand, outcome: asyncio.Future[Outcome]) -> None:
    request.respond(lambda: posted_response(executed(command, outcome.result())))


def _read_wallets(session_of: _Sessions, requests: Sequence[HotRequest]) -> None:
    for request in requests:
        task = asyncio.ensure_future(_read_wallet(session_of, request))
        task.add_done_callback(partial(_respond_with_task, request))


async def _read_wallet(session_of: _Sessions, request: HotRequest) -> HttpResponse:
    return wallet_response(await session_of(request).wallets.get(WalletId(UUID(request.parameter))))


def _respond_with_task(request: HotRequest, task: asyncio.Future[HttpResponse]) -> None:
    request.respond(task.result)
