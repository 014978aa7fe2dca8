"""Helpers of the suites about approvals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, NamedTuple

import pytest

from tekana.application import (
    AdjustBalance,
    ApproveRequest,
    RejectRequest,
    Session,
)
from tekana.application.commands.approvals.approvable import APPROVABLE
from tekana.domain.approvals import Approval, ApprovalRules
from tekana.domain.caller import LOCAL_OPERATOR, MAIN_TENANT, Caller
from tekana.domain.errors import (
    ApprovalPending,
    Refused,
)
from tekana.domain.identifiers import WalletId
from tekana.ports.page import PageRequest
from tekana.ports.store import Store
from tekana.ports.unit_of_work import BeginUnit
from tekana.testing.contracts.fixtures import at_work

RULES: Final = ApprovalRules(frozenset(APPROVABLE))
PAGE: Final = PageRequest(200)


def operator(name: str, *missing: str, tenant: str = MAIN_TENANT) -> Caller:
    """Return an operator with all scopes but these."""
    return Caller(tenant, name, frozenset(one for one in LOCAL_OPERATOR.scopes if one not in missing), "operator")


class Office(NamedTuple):
    """The sessions of two people on an application where approvals are needed, and of the operator."""

    asker: Session
    approver: Session
    app: Session


@asynccontextmanager
async def office(store: Store, begin: BeginUnit | None = None) -> AsyncIterator[Office]:
    """Run an application on the store where every command needs an approval that can."""
    async with at_work(store, begin, approval_rules=RULES) as app:
        yield Office(app.as_caller(operator("asker")), app.as_caller(operator("approver")), app)


@asynccontextmanager
async def offices(stores: Sequence[Store]) -> AsyncIterator[list[Office]]:
    """Run several such applications on the same data, as in several processes."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(office(stores[number % len(stores)])) for number in range(4)]


def adjustment(wallet_id: WalletId, amount: str = "500", direction: str = "credit", **changes: Any) -> AdjustBalance:
    """Build an adjustment of a balance."""
    return AdjustBalance(
        wallet_id=wallet_id,
        direction=direction,  # type: ignore[arg-type]
        amount=amount,
        currency="RWF",
        reason="A fee was taken twice",
        **changes,
    )


async def ask(session: Session, command: Any, key: str | None = None) -> Approval:
    """Execute a command that needs an approval, and return the approval."""
    with pytest.raises(ApprovalPending) as pending:
        await session.execute(command, key=key)
    return pending.value.approval


async def refused(kind: type[Refused], work: Awaitable[object]) -> Refused:
    """Return the refusal of a command."""
    with pytest.raises(kind) as caught:
        await work
    assert type(caught.value) is kind
    return caught.value


async def balance(store: Store, wallet_id: WalletId) -> int:
    """Return the ledger balance of a wallet."""
    return (await store.wallets(LOCAL_OPERATOR).get(wallet_id)).ledger_balance


def approve(approval: Approval) -> ApproveRequest:
    """Build the command that approves."""
    return ApproveRequest(approval_id=approval.id)


def reject(approval: Approval) -> RejectRequest:
    """Build the command that rejects."""
    return RejectRequest(approval_id=approval.id, reason="Nothing was taken twice")
