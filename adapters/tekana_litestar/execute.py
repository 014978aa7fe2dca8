"""Doing a command for a request: once, however often it is asked under the same key."""

from __future__ import annotations

from typing import TypeVar

from tekana import Command, CustomerWithWallets, Transaction, Wallet
from tekana.domain.book import Answer as CoreAnswer
from tekana_litestar import to_wire
from tekana_litestar.headers import idempotency_key
from tekana_litestar.request import Request
from tekana_litestar.responses import Answer, answer

_REPLAYED = (("Idempotency-Replayed", "true"),)

CoreAnswerT = TypeVar("CoreAnswerT", bound=CoreAnswer)


async def submit(request: Request, command: Command[CoreAnswerT]) -> tuple[CoreAnswerT, bool]:
    """What the command led to, and whether that was decided before.

    Whether the request may, or must, bring a key is the operation's to say.

    Raises:
        TekanaError: as Tekana.submit does; InvalidRequest for a missing or malformed key.
    """
    rule = request.operation.key
    key = None if rule == "none" else idempotency_key(request.scope, required=rule == "required")
    done = await request.session.submit(command, key=key, request_id=request.id)
    return done.answer, done.replayed


async def do_to_customer(request: Request, command: Command[CustomerWithWallets], *, created: bool = False) -> Answer:
    """Do it, and answer with the customer."""
    both, replayed = await submit(request, command)
    etag = ("ETag", f'"{both.customer.version}"')
    location = (("Location", f"/v1/customers/{both.customer.id}"),) if created else ()
    return answer(201 if created else 200, to_wire.customer(both), etag, *location, *replay_header(replayed))


async def do_to_wallet(request: Request, command: Command[Wallet], *, created: bool = False) -> Answer:
    """Do it, and answer with the wallet."""
    wallet, replayed = await submit(request, command)
    location = (("Location", f"/v1/wallets/{wallet.id}"),) if created else ()
    return answer(201 if created else 200, to_wire.wallet(wallet), *location, *replay_header(replayed))


async def move_money(request: Request, command: Command[Transaction]) -> Answer:
    """Do it, and answer with the transaction."""
    transaction, replayed = await submit(request, command)
    location = ("Location", f"/v1/transactions/{transaction.id}")
    return answer(201, to_wire.transaction(transaction), location, *replay_header(replayed))


def replay_header(replayed: bool) -> tuple[tuple[str, str], ...]:
    """The header that marks a repeated answer."""
    return _REPLAYED if replayed else ()
