"""Approvals: a command that needs the approval of a second person waits for it, and is executed once or never."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from uuid_utils.compat import uuid7

from tekana.application import (
    FreezeWallet,
    ReactivateCustomer,
    Session,
    SuspendCustomer,
)
from tekana.domain.answers import CustomerWithWallets
from tekana.domain.caller import LOCAL_OPERATOR, ROLES, Caller
from tekana.domain.errors import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalNotFound,
    ApprovalPending,
    ApproverForbidden,
    Forbidden,
    IdempotencyKeyReused,
    InsufficientFunds,
    OwnApproval,
    WalletNotActive,
    WalletNotFound,
)
from tekana.domain.events import ApprovalEvent, BalanceAdjusted
from tekana.domain.identifiers import ApprovalId, house_wallet_id
from tekana.domain.transaction import AdjustmentDetails, Transaction
from tekana.ports.approvals import ApprovalFilter
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.builders import RWF
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.approval_helpers import (
    PAGE,
    RULES,
    adjustment,
    approve,
    ask,
    balance,
    office,
    operator,
    refused,
    reject,
)
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, a_wallet
from tekana.testing.contracts.ledger_checks import feed, transactions


class ApprovalsContract(Contract):
    """The contract of approvals: one effect at most, in the name of the asker, by the decision of another caller."""

    async def test_an_adjustment_needs_no_approval_without_the_setting(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app, "1000")
        credit = await app.execute(adjustment(wallet.id))
        debit = await app.execute(adjustment(wallet.id, "1500", "debit"))
        await refused(InsufficientFunds, app.execute(adjustment(wallet.id, "1", "debit")))
        suspense = house_wallet_id("suspense", RWF)
        assert [(one.request.from_wallet_id, one.request.to_wallet_id) for one in (credit, debit)] == [
            (suspense, wallet.id),
            (wallet.id, suspense),
        ]
        stored = await store.transactions(LOCAL_OPERATOR).get(credit.id)
        assert stored.request.details == AdjustmentDetails("A fee was taken twice")
        assert [one.amount for one in await feed(store) if isinstance(one, BalanceAdjusted)] == [500, 1500]
        assert (await balance(store, wallet.id), await balance(store, suspense)) == (0, 1000)

    async def test_what_needs_an_approval_waits_for_it(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app)
        async with office(store) as people:
            command = adjustment(wallet.id, metadata={"ticket": 17})
            approval = await ask(people.asker, command, "a key")
            assert await ask(people.asker, command, "a key") == approval
            with pytest.raises(ApprovalPending) as again:
                await people.asker.submit(command, key="a key")
            assert (again.value.replayed, again.value.code) == (True, "approval_pending")
            await refused(IdempotencyKeyReused, people.asker.execute(adjustment(wallet.id, "1"), key="a key"))
            assert await people.approver.approvals.get(approval.id) == approval
            assert (await people.app.approvals.list(ApprovalFilter("pending"), PAGE)).items == (approval,)
            outcome = await people.asker.outcomes.get("a key")
            assert (outcome.resource, outcome.resource_id) == ("approval", approval.id)
        assert (approval.command, approval.status, approval.asked_by) == ("AdjustBalance", "pending", "asker")
        assert approval.expires_at - approval.asked_at == RULES.expire_after
        assert (await balance(store, wallet.id), await transactions(store)) == (0, [])
        [event] = [one for one in await feed(store) if isinstance(one, ApprovalEvent)]
        assert (event.NAME, event.approval_id, event.caller) == ("ApprovalRequested", approval.id, "asker")

    async def test_what_is_approved_is_executed_once_in_the_name_of_the_asker(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app)
        async with office(store) as people:
            approval = await ask(people.asker, adjustment(wallet.id), "asking")
            done = await people.approver.submit(approve(approval), key="approving", request_id="second request")
            again = await people.approver.submit(approve(approval), key="approving")
            assert (done.answer, done.replayed, again.replayed) == (again.answer, False, True)
            await refused(ApprovalDecided, people.approver.execute(approve(approval)))
            await refused(ApprovalDecided, people.approver.execute(reject(approval)))
            assert await ask(people.asker, adjustment(wallet.id), "asking") == approval  # the stored answer
            decided = await people.asker.approvals.get(approval.id)
        transaction = done.answer
        assert isinstance(transaction, Transaction)
        assert (transaction.created_by, transaction.request_id) == ("asker", "second request")
        assert (decided.status, decided.decided_by, decided.decided_at) == ("approved", "approver", approval.asked_at)
        assert (decided.resource, decided.resource_id) == ("transaction", transaction.id)
        assert [one.id for one in await transactions(store)] == [transaction.id]
        assert await balance(store, wallet.id) == 500
        events = [one for one in await feed(store) if isinstance(one, ApprovalEvent)]
        assert [(one.NAME, one.sequence, one.caller) for one in events] == [
            ("ApprovalRequested", 1, "asker"),
            ("ApprovalApproved", 2, "approver"),
        ]

    async def test_what_is_rejected_is_never_executed(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app)
        async with office(store) as people:
            approval = await ask(people.asker, adjustment(wallet.id))
            rejected = await people.approver.execute(reject(approval), key="rejecting")
            assert await people.approver.execute(reject(approval), key="rejecting") == rejected
            assert await people.approver.approvals.get(approval.id) == rejected
            await refused(ApprovalDecided, people.approver.execute(approve(approval)))
            await refused(ApprovalDecided, people.approver.execute(reject(approval)))
        assert (rejected.status, rejected.decided_by, rejected.reason) == (
            *("rejected", "approver"),
            "Nothing was taken twice",
        )
        assert (await balance(store, wallet.id), await transactions(store)) == (0, [])

    async def test_a_suspended_customer_is_reactivated_by_two(self, store: Store, app: Session) -> None:
        customer = (await a_customer(app, "100")).customer
        await app.execute(SuspendCustomer(customer_id=customer.id, reason="a court order"))
        async with office(store) as people:
            approval = await ask(people.asker, ReactivateCustomer(customer_id=customer.id))
            assert (await app.customers.get(customer.id)).customer.status == "suspended"
            answer = await people.approver.execute(approve(approval))
        assert isinstance(answer, CustomerWithWallets)
        assert (answer.customer.status, answer.wallets[0].customer_active) == ("active", True)
        assert (await app.customers.get(customer.id)).customer.status == "active"
        await app.execute(builders.withdrawal(answer.wallets[0].id, "100"))
        assert (await app.approvals.get(approval.id)).resource == "customer"

    async def test_the_one_who_asked_cannot_decide(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app)
        async with office(store) as people:
            approval = await ask(people.asker, adjustment(wallet.id))
            await refused(OwnApproval, people.asker.execute(approve(approval), key="mine"))
            await refused(OwnApproval, people.asker.execute(approve(approval), key="mine"))
            await refused(OwnApproval, people.asker.execute(reject(approval)))
            assert await people.asker.approvals.get(approval.id) == approval
            await people.approver.execute(approve(approval))
        assert await balance(store, wallet.id) == 500

    async def test_both_need_the_scope_of_the_command(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app)
        async with office(store) as people:
            for session in (app, people.app):
                with pytest.raises(Forbidden):
                    await session.as_caller(operator("clerk", "transactions:adjust")).execute(adjustment(wallet.id))
            approval = await ask(people.asker, adjustment(wallet.id))
            unable = people.app.as_caller(operator("clerk", "transactions:adjust"))
            await refused(ApproverForbidden, unable.execute(approve(approval)))
            await refused(ApproverForbidden, unable.execute(reject(approval)))
            for missing in ("approvals:write", "approvals:read"):
                clerk = people.app.as_caller(operator("clerk", missing))
                if missing == "approvals:write":
                    with pytest.raises(Forbidden):
                        await clerk.execute(approve(approval))
                    with pytest.raises(Forbidden):
                        await clerk.execute(reject(approval))
                assert await clerk.approvals.get(approval.id) == approval
            reader = people.app.as_caller(operator("clerk", "approvals:write", "approvals:read"))
            with pytest.raises(Forbidden):
                await reader.approvals.get(approval.id)
        assert await balance(store, wallet.id) == 0

    async def test_one_subject_is_one_person_in_every_tenant(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app)
        async with office(store) as people:
            approval = await ask(people.asker, adjustment(wallet.id))
            same = people.app.as_caller(operator("asker", tenant="north"))
            await refused(OwnApproval, same.execute(approve(approval)))
            await refused(OwnApproval, same.execute(reject(approval)))
        assert await balance(store, wallet.id) == 0

    async def test_the_approver_needs_the_access_of_the_asker(self, store: Store) -> None:
        async with office(store) as people:
            wallet = await a_wallet(people.app.as_caller(builders.partner("north")))
            approval = await ask(people.asker, adjustment(wallet.id))
            of_main_only = people.app.as_caller(operator("clerk", "tenants:all"))
            await refused(WalletNotFound, of_main_only.execute(adjustment(wallet.id)))
            error = await refused(ApproverForbidden, of_main_only.execute(approve(approval)))
            assert "tenants:all" in str(error)
            await refused(ApproverForbidden, of_main_only.execute(reject(approval)))
            assert await people.approver.approvals.get(approval.id) == approval
        assert await balance(store, wallet.id) == 0

    async def test_approvals_belong_to_a_tenant(self, store: Store) -> None:
        async with office(store) as people:
            north, south = (
                people.app.as_caller(
                    Caller(name, "a service", ROLES["partner"] | {"approvals:write", "transactions:adjust"})
                )
                for name in ("north", "south")
            )
            wallet = await a_wallet(north)
            approval = await ask(north, adjustment(wallet.id))
            missing = replace(approval, id=ApprovalId(uuid7()))
            errors = []
            for one in (approval, missing):
                texts = [
                    str(await refused(ApprovalNotFound, south.approvals.get(one.id))),
                    str(await refused(ApprovalNotFound, south.execute(approve(one)))),
                    str(await refused(ApprovalNotFound, south.execute(reject(one)))),
                ]
                errors += [text.replace(str(one.id), "") for text in texts]
            assert len(set(errors)) == 1
            assert (await south.approvals.list(ApprovalFilter(), PAGE)).items == ()
            assert (await north.approvals.list(ApprovalFilter(), PAGE)).items == (approval,)
            assert isinstance(await people.approver.execute(approve(approval)), Transaction)
        seen = [one.tenant for one in await feed(store) if isinstance(one, ApprovalEvent)]
        assert seen == ["north", "north"]

    async def test_an_approved_command_has_the_access_of_the_asker(self, store: Store) -> None:
        async with office(store) as people:
            wallet = await a_wallet(people.app.as_caller(builders.partner("north")))
            stranger = people.app.as_caller(Caller("south", "a service", frozenset({"transactions:adjust"})))
            await refused(WalletNotFound, stranger.execute(adjustment(wallet.id)))
            assert (await people.app.approvals.list(ApprovalFilter(), PAGE)).items == ()

    async def test_it_expires(self, store: Store, app: Session, clock: FrozenClock) -> None:
        wallet = await a_wallet(app)
        async with office(store) as people:
            late, timely = [await ask(people.asker, adjustment(wallet.id)) for _ in range(2)]
            clock.advance(RULES.expire_after - timedelta(microseconds=1))
            await people.approver.execute(approve(timely))
            clock.advance(timedelta(microseconds=1))
            await refused(ApprovalExpired, people.approver.execute(approve(late)))
            await refused(ApprovalExpired, people.approver.execute(reject(late)))
            expired = await people.app.approvals.get(late.id)
            assert expired == replace(late, status="expired")
            for status, expected in (("pending", []), ("expired", [late.id]), ("approved", [timely.id])):
                found = await people.app.approvals.list(ApprovalFilter(status), PAGE)  # type: ignore[arg-type]
                assert [one.id for one in found.items] == expected
        assert await balance(store, wallet.id) == 500

    async def test_what_is_refused_when_it_is_approved_is_not_tried_again(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app, "500")
        async with office(store) as people:
            approval = await ask(people.asker, adjustment(wallet.id, direction="debit"))
            await app.execute(builders.withdrawal(wallet.id, "1"))
            error = await refused(InsufficientFunds, people.approver.execute(approve(approval), key="approving"))
            await app.execute(builders.deposit(wallet.id, "1"))
            again = await refused(InsufficientFunds, people.approver.execute(approve(approval), key="approving"))
            await refused(ApprovalDecided, people.approver.execute(approve(approval)))
            failed = await people.app.approvals.get(approval.id)
        assert error.transaction is not None
        assert again.transaction == error.transaction
        assert (error.transaction.created_by, error.transaction.status) == ("asker", "rejected")
        assert (failed.status, failed.rejection_code, failed.resource_id) == (
            *("failed", "insufficient_funds"),
            error.transaction.id,
        )
        assert await balance(store, wallet.id) == 500
        assert "ApprovalFailed" in [one.NAME for one in await feed(store)]

    async def test_what_is_hopeless_is_refused_at_once(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app, "500")
        async with office(store) as people:
            command = adjustment(wallet.id, "501", "debit")
            error = await refused(InsufficientFunds, people.asker.execute(command, key="a key"))
            again = await refused(InsufficientFunds, people.asker.execute(command, key="a key"))
            assert (await people.app.approvals.list(ApprovalFilter(), PAGE)).items == ()
            frozen = FreezeWallet(wallet_id=wallet.id, scope="all", reason="a lost phone")
            await app.execute(frozen)
            await refused(WalletNotActive, people.asker.execute(adjustment(wallet.id)))
        assert (again.transaction, again.replayed) == (error.transaction, True)
        assert await balance(store, wallet.id) == 500
