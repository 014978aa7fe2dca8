"""Approvals under concurrency, failures and repeated requests: one effect at most."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tekana.application import (
    Session,
)
from tekana.domain.errors import (
    ApprovalDecided,
    ApprovalPending,
    InvalidRequest,
    Unavailable,
)
from tekana.domain.identifiers import ApprovalId
from tekana.domain.transaction import Transaction
from tekana.ports.approvals import ApprovalFilter
from tekana.ports.page import PageRequest
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.contracts.approval_helpers import (
    PAGE,
    adjustment,
    approve,
    ask,
    balance,
    office,
    offices,
    operator,
    reject,
)
from tekana.testing.contracts.faults import POINTS, Failing, Point, Times
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_wallet, all_outcomes, by_hand, kinds
from tekana.testing.contracts.ledger_checks import transactions


class ApprovalRacesContract(Contract):
    """The contract of approvals that are decided at once, or whose answers are lost."""

    async def test_of_many_decisions_at_once_one_counts(self, store: Store, stores: Sequence[Store]) -> None:
        async with offices(stores) as all_people:
            app = all_people[0].app
            wallet = await a_wallet(app)
            for _ in range(8):
                approval = await ask(all_people[0].asker, adjustment(wallet.id))
                before = await balance(store, wallet.id)
                decisions = [
                    people.app.as_caller(operator(f"approver {number}")).execute(decide(approval))
                    for number, people in enumerate(all_people * 4)
                    for decide in (approve, reject)
                ]
                outcomes = await all_outcomes(decisions)
                decided = await app.approvals.get(approval.id)
                done = [one for one in outcomes if not isinstance(one, ApprovalDecided)]
                assert kinds(done) == ["Transaction" if decided.status == "approved" else "Approval"]
                expected = before + (500 if decided.status == "approved" else 0)
                assert await balance(store, wallet.id) == expected

    async def test_units_that_race_to_decide_have_one_effect(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app)
        async with office(store) as people:
            approval = await ask(people.asker, adjustment(wallet.id))
        await all_outcomes(
            by_hand(store, decide(approval), caller=operator(f"approver {number}"))
            for number in range(8)
            for decide in (approve, reject)
        )
        decided = await app.approvals.get(approval.id)
        made = await transactions(store)
        assert (decided.status, len(made)) in {("approved", 1), ("rejected", 0)}
        assert await balance(store, wallet.id) == 500 * len(made)

    async def test_one_key_at_once_has_one_effect(self, store: Store, stores: Sequence[Store]) -> None:
        async with offices(stores) as all_people:
            wallet = await a_wallet(all_people[0].app)
            asked = await all_outcomes(
                people.asker.execute(adjustment(wallet.id), key="asking") for people in all_people * 4
            )
            [approval] = (await all_people[0].app.approvals.list(ApprovalFilter(), PAGE)).items
            assert {one.approval.id for one in asked if isinstance(one, ApprovalPending)} == {approval.id}
            done = await all_outcomes(
                people.approver.execute(approve(approval), key="approving") for people in all_people * 4
            )
            assert {one.id for one in done if isinstance(one, Transaction)} == {
                one.id for one in await transactions(store)
            }
            assert len(await transactions(store)) == 1
        assert await balance(store, wallet.id) == 500

    @pytest.mark.parametrize("point", POINTS)
    async def test_a_failure_in_between_has_one_effect(self, store: Store, app: Session, point: Point) -> None:
        wallet = await a_wallet(app)
        fault = Times(point, Unavailable("planted"), 0)
        async with office(store, Failing(store.begin, fault)) as people:
            fault.left = 1000
            await all_outcomes([people.asker.execute(adjustment(wallet.id), key="asking")])
            fault.left = 0
            approval = await ask(people.asker, adjustment(wallet.id), "asking")
            fault.left = 1000
            await all_outcomes([people.approver.execute(approve(approval), key="approving")])
            fault.left = 0
            assert isinstance(await people.approver.execute(approve(approval), key="approving"), Transaction)
        assert await balance(store, wallet.id) == 500
        assert len((await app.approvals.list(ApprovalFilter(), PAGE)).items) == len(await transactions(store)) == 1

    @pytest.mark.parametrize("patience", range(8))
    async def test_an_approver_who_leaves_takes_nothing_back(self, store: Store, app: Session, patience: int) -> None:
        wallet = await a_wallet(app)
        async with office(store) as people:
            approval = await ask(people.asker, adjustment(wallet.id))
            task = asyncio.create_task(people.approver.execute(approve(approval), key="approving"))
            for _ in range(patience):
                await asyncio.sleep(0)
            task.cancel()
            await all_outcomes([task])
            assert isinstance(await people.approver.execute(approve(approval), key="approving"), Transaction)
        assert await balance(store, wallet.id) == 500

    async def test_a_batch_cannot_ask_for_an_approval(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app)
        before = await app.submit_batch(builders.independent(adjustment(wallet.id)), key="before the setting")
        mixed = (builders.deposit(wallet.id, "10"), adjustment(wallet.id))
        async with office(store) as people:
            for batch in (builders.atomic(*mixed), builders.independent(*mixed)):
                with pytest.raises(InvalidRequest) as error:
                    await people.asker.submit_batch(batch, key="a key")
                assert [one.field for one in error.value.errors] == ["transactions[1]"]
                with pytest.raises(InvalidRequest):
                    await people.asker.preview_batch(batch)
            again = await people.app.submit_batch(builders.independent(adjustment(wallet.id)), key="before the setting")
            assert (again.replayed, again.transactions) == (True, before.transactions)
            done = await people.asker.submit_batch(builders.atomic(mixed[0]), key="a key")
            assert len(done.transactions) == 1
        assert await balance(store, wallet.id) == 510

    async def test_others_in_its_group_are_decided_as_usual(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app, "100")
        async with office(store) as people:
            deposits = [people.app.execute(builders.deposit(wallet.id, "10")) for _ in range(10)]
            asked = [people.asker.execute(adjustment(wallet.id)) for _ in range(3)]
            outcomes = await all_outcomes([*deposits[:5], *asked, *deposits[5:]])
        assert kinds(outcomes) == ["ApprovalPending"] * 3 + ["Transaction"] * 10
        assert await balance(store, wallet.id) == 200

    async def test_a_dry_run_shows_what_an_approval_would_lead_to(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app)
        async with office(store) as people:
            shown = await people.asker.preview(adjustment(wallet.id))
            assert shown.status == "posted"
            approval = await ask(people.asker, adjustment(wallet.id))
            assert isinstance(await people.approver.preview(approve(approval)), Transaction)
            assert await people.app.approvals.get(approval.id) == approval
        assert (await balance(store, wallet.id), await transactions(store)) == (0, [])

    async def test_approvals_in_pages(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app)
        async with office(store) as people:
            asked = [await ask(people.asker, adjustment(wallet.id, str(number))) for number in range(1, 6)]
            await people.approver.execute(reject(asked[1]))
            expected = [asked[number].id for number in (0, 2, 3, 4)]
            for newest_first, order in ((False, expected), (True, expected[::-1])):
                found: list[ApprovalId] = []
                cursor: str | None = None
                while True:
                    page = await people.app.approvals.list(
                        ApprovalFilter("pending"), PageRequest(3, cursor), newest_first=newest_first
                    )
                    found += [one.id for one in page.items]
                    cursor = page.next_cursor
                    if cursor is None:
                        break
                assert found == order
            with pytest.raises(InvalidRequest):
                await people.app.approvals.list(ApprovalFilter(), PageRequest(3, "never given out"))
