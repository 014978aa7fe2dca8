"""Holds: what is kept of them, how they are read, and that commands about them have one effect."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from uuid_utils.compat import uuid7

from tekana.application import AuthorizeHold, CaptureHold, ChangeHold, Session, VoidHold
from tekana.application.workers.hold_expiry import expire_holds
from tekana.domain.caller import HOLD_EXPIRY, LOCAL_OPERATOR, Caller, customer_caller
from tekana.domain.errors import (
    CaptureExceedsHold,
    HoldNotOpen,
    InsufficientFunds,
    InvalidRequest,
    Refused,
    TransactionNotFound,
    Unavailable,
    WalletNotActive,
)
from tekana.domain.holds import Hold
from tekana.domain.identifiers import TransactionId
from tekana.domain.transaction import Relation, Transaction
from tekana.domain.wallet import Wallet
from tekana.ports.page import PageRequest
from tekana.ports.store import Store
from tekana.ports.transactions import TransactionFilter
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.faults import POINTS, Failing, Point, Times
from tekana.testing.contracts.fixtures import Contract, at_work
from tekana.testing.contracts.helpers import a_customer, a_wallet, all_outcomes, transactions_of
from tekana.testing.contracts.ledger_checks import every, transactions

_DAY = timedelta(days=1)


class HeldMoney(NamedTuple):
    """A hold of 1000 in a wallet with 5000, for another wallet."""

    payer: Wallet
    payee: Wallet
    hold: Transaction

    def capture(self, amount: str | None = None, *, final: bool = True) -> CaptureHold:
        """Build a capture."""
        return CaptureHold(transaction_id=self.hold.id, amount=amount, final=final)


def a_hold(payer: Wallet, payee: Wallet, amount: str = "1000", **changes: Any) -> AuthorizeHold:
    """Build the authorization of a hold."""
    return AuthorizeHold(from_wallet_id=payer.id, to_wallet_id=payee.id, amount=amount, currency="RWF", **changes)


async def held_money(app: Session, **changes: Any) -> HeldMoney:
    """Authorize a hold of new customers."""
    payer, payee = await a_wallet(app, "5000"), await a_wallet(app)
    return HeldMoney(payer, payee, await app.execute(a_hold(payer, payee, **changes)))


async def held_in(store: Store, wallet: Wallet) -> tuple[int, int]:
    """Return the ledger balance of a wallet, and what is held."""
    found = await store.wallets(LOCAL_OPERATOR).get(wallet.id)
    return found.ledger_balance, found.held


async def shown(store: Store, hold: Transaction, caller: Caller = LOCAL_OPERATOR) -> Transaction:
    """Return a hold as a caller reads it."""
    return await store.transactions(caller).get(hold.id)


class HoldsContract(Contract):
    """The contract of a store for holds."""

    async def test_a_hold_is_read_in_its_present_state(self, stores: Sequence[Store], app: Session) -> None:
        money = await held_money(app, expires_in=86400, reference="order-1")
        payer, payee, hold = money
        assert (hold.status, hold.entries, hold.posted_at) == ("pending", (), None)
        assert hold.hold is not None
        assert hold.hold.expires_at == hold.created_at + _DAY
        for store in stores:
            assert await shown(store, hold) == hold
            assert await held_in(store, payer) == (5000, 1000)
        captured = await app.execute(money.capture("300", final=False))
        assert captured.request.relates_to == Relation("captures", hold.id)
        assert (captured.request.type, captured.request.reference) == ("capture", "order-1")
        for store in stores:
            found = await shown(store, hold)
            assert found.hold is not None
            assert (found.status, found.hold.captured_minor, found.hold.left_minor) == ("pending", 300, 700)
            assert await held_in(store, payer) == (4700, 700)
            assert await held_in(store, payee) == (300, 0)
            assert await store.transactions(LOCAL_OPERATOR).get(captured.id) == captured
        changed = await app.execute(ChangeHold(transaction_id=hold.id, amount="2000", expires_in=60))
        voided = await app.execute(VoidHold(transaction_id=hold.id, reason="cancelled"))
        assert (changed.state.amount_minor, voided.state.status, voided.state.reason) == (2000, "voided", "cancelled")
        for store in stores:
            assert await shown(store, hold) == voided.shown()
            assert await held_in(store, payer) == (4700, 0)

    async def test_answers_about_a_hold_are_repeated_as_they_were(self, app: Session) -> None:
        money = await held_money(app)
        commands: dict[str, Any] = {
            "authorized": a_hold(money.payer, money.payee, "10"),
            "changed": ChangeHold(transaction_id=money.hold.id, amount="1500"),
            "captured": money.capture("200", final=False),
            "changed again": ChangeHold(transaction_id=money.hold.id, expires_in=3600),
            "voided": VoidHold(transaction_id=money.hold.id, reason="cancelled"),
        }
        first = {key: (await app.submit(command, key=key)).answer for key, command in commands.items()}
        with pytest.raises(HoldNotOpen):
            await app.execute(money.capture(), key="too late")
        await app.execute(VoidHold(transaction_id=first["authorized"].id))
        for key, command in commands.items():
            again = await app.submit(command, key=key)
            assert (again.replayed, again.answer) == (True, first[key])
            assert (await app.outcomes.get(key)).resource == "transaction"
        with pytest.raises(HoldNotOpen) as refused:
            await app.execute(money.capture(), key="too late")
        assert refused.value.replayed

    async def test_a_refused_capture_is_kept(self, store: Store, app: Session) -> None:
        money = await held_money(app)
        before = await shown(store, money.hold), await held_in(store, money.payer)
        with pytest.raises(CaptureExceedsHold) as refused:
            await app.execute(money.capture("1001"))
        assert refused.value.transaction is not None
        kept = await store.transactions(LOCAL_OPERATOR).get(refused.value.transaction.id)
        assert (kept.status, kept.request.amount.minor, kept.hold) == ("rejected", 1001, None)
        assert kept.request.relates_to == Relation("captures", money.hold.id)
        await app.execute(builders.freeze(money.payee.id, "all"))
        with pytest.raises(WalletNotActive):
            await app.execute(money.capture())
        with pytest.raises(InvalidRequest):
            await app.execute(money.capture("0.5"))
        assert (await shown(store, money.hold), await held_in(store, money.payer)) == before

    async def test_what_is_no_hold_is_not_found(self, app: Session) -> None:
        money = await held_money(app)
        deposit = await app.execute(builders.deposit(money.payer.id, "5"))
        [refusal] = await all_outcomes([app.execute(a_hold(money.payer, money.payee, "9999"))])
        assert isinstance(refusal, InsufficientFunds)
        assert refusal.transaction is not None
        for transaction_id in (deposit.id, refusal.transaction.id, TransactionId(uuid7())):
            for kind in (CaptureHold, VoidHold):
                with pytest.raises(TransactionNotFound) as unknown:
                    await app.execute(kind(transaction_id=transaction_id))
                assert unknown.value.transaction is None

    async def test_holds_of_others_are_not_found(self, store: Store, app: Session) -> None:
        money = await held_money(app)
        for caller in (builders.partner("north"), customer_caller("main", (await a_customer(app)).customer.id)):
            with pytest.raises(TransactionNotFound):
                await shown(store, money.hold, caller)
        north = app.as_caller(builders.partner("north"))
        for command in (money.capture(), VoidHold(transaction_id=money.hold.id)):
            with pytest.raises(TransactionNotFound):
                await north.execute(command)
        assert money.payer.customer_id is not None
        assert money.payee.customer_id is not None
        for customer_id in (money.payer.customer_id, money.payee.customer_id):
            caller = customer_caller("main", customer_id)
            assert await shown(store, money.hold, caller) == money.hold
            found = await store.transactions(caller).list(TransactionFilter(status="pending"), PageRequest())
            assert found.items == (money.hold,)

    async def test_holds_by_their_status(self, store: Store, app: Session, clock: FrozenClock) -> None:
        payer, payee = await a_wallet(app, "5000"), await a_wallet(app)
        holds = [await app.execute(a_hold(payer, payee, "10", reference="order")) for _ in range(8)]
        for one in holds[1:3]:
            await app.execute(CaptureHold(transaction_id=one.id))
        for one in holds[3:5]:
            await app.execute(VoidHold(transaction_id=one.id))
        for one in holds[5:7]:
            await app.execute(ChangeHold(transaction_id=one.id, expires_in=1))
        clock.advance(_DAY)
        await expire_holds(store.due_holds, app.as_caller(HOLD_EXPIRY))
        expected = {"captured": holds[1:3], "voided": holds[3:5], "expired": holds[5:7]}
        expected["pending"] = [holds[0], holds[7]]
        scopes: list[dict[str, Any]] = [
            {},
            {"wallet_id": payer.id},
            {"wallet_id": payee.id, "type": "hold"},
            {"customer_id": payee.customer_id},
            {"reference": "order"},
        ]
        for status, ones in expected.items():
            for scope in scopes:
                which = TransactionFilter(status=status, **scope)  # type: ignore[arg-type]
                for newest_first, ids in ((True, [one.id for one in ones[::-1]]), (False, [one.id for one in ones])):
                    found = await every(
                        lambda page, of=which, order=newest_first: store.transactions(LOCAL_OPERATOR).list(  # type: ignore[misc]
                            of, page, order
                        ),
                        1,
                    )
                    assert [one.id for one in found] == ids
                    assert {one.status for one in found} == {status}
        assert {one.status for one in await transactions(store)} == {*expected, "posted"}

    async def test_due_holds_in_pages(self, stores: Sequence[Store], app: Session, clock: FrozenClock) -> None:
        payer, payee = await a_wallet(app, "5000"), await a_wallet(app)
        holds = [await app.execute(a_hold(payer, payee, "10", expires_in=60 - number % 3)) for number in range(7)]
        later = await app.execute(a_hold(payer, payee, "10", expires_in=3600))
        for store in stores:
            assert (await store.due_holds.count(), await store.due_holds.list(10)) == (0, [])
        clock.advance(timedelta(seconds=60))
        due = sorted((one.hold.expires_at, one.id) for one in holds if one.hold is not None)
        for store in stores:
            assert await store.due_holds.count() == 7
            found = list(await store.due_holds.list(3))
            while page := await store.due_holds.list(3, found[-1]):
                found += page
            assert found == due
        done: list[int] = []
        assert await expire_holds(stores[-1].due_holds, app.as_caller(HOLD_EXPIRY), done.append) == 7
        assert done == [7]
        for store in stores:
            assert await store.due_holds.list(10) == []
            assert {(await shown(store, one)).status for one in holds} == {"expired"}
            assert (await shown(store, later)).status == "pending"
            assert await held_in(store, payer) == (5000, 10)

    async def test_an_extended_hold_expires_later(self, store: Store, app: Session, clock: FrozenClock) -> None:
        money, session = await held_money(app, expires_in=60), app.as_caller(HOLD_EXPIRY)
        clock.advance(timedelta(seconds=59))
        due = store.due_holds
        await app.execute(ChangeHold(transaction_id=money.hold.id, expires_in=60))
        for expired in (0, 1, 0):
            clock.advance(timedelta(seconds=40))
            assert await expire_holds(due, session) == expired
        assert (await shown(store, money.hold)).status == "expired"
        assert await held_in(store, money.payer) == (5000, 0)

    async def test_a_batch_with_holds_leaves_no_trace_of_a_failure(self, store: Store, app: Session) -> None:
        payer, payee = await a_wallet(app, "5000"), await a_wallet(app)
        commands = a_hold(payer, payee, "3000"), builders.transfer(payer.id, payee.id, "2001")
        failed = transactions_of(await app.submit_batch(builders.atomic(*commands)))
        assert [one.rejection and one.rejection.code for one in failed] == ["rolled_back", "insufficient_funds"]
        assert await held_in(store, payer) == (5000, 0)
        done = transactions_of(await app.submit_batch(builders.independent(*commands)))
        assert [one.status for one in done] == ["pending", "rejected"]
        assert await held_in(store, payer) == (5000, 3000)

    async def test_previews_of_holds_keep_nothing(self, store: Store, app: Session) -> None:
        money = await held_money(app)
        assert (await app.preview(a_hold(money.payer, money.payee, "4000"))).status == "pending"
        assert (await app.preview(money.capture())).status == "posted"
        assert (await app.preview(VoidHold(transaction_id=money.hold.id))).state.status == "voided"
        assert await shown(store, money.hold) == money.hold
        assert await held_in(store, money.payer) == (5000, 1000)

    @pytest.mark.parametrize("point", POINTS)
    async def test_a_failure_of_a_command_about_a_hold_has_one_effect(
        self, store: Store, app: Session, point: Point
    ) -> None:
        money = await held_money(app)
        fault = Times(point, Unavailable("planted"), 1000)
        async with at_work(store, Failing(store.begin, fault)) as failing:
            capture, void = money.capture("300", final=False), VoidHold(transaction_id=money.hold.id)
            for key, command in (("capturing", capture), ("voiding", void)):
                fault.left = 1000
                await all_outcomes([failing.execute(command, key=key)])
                fault.left = 0
                assert isinstance(await failing.execute(command, key=key), Transaction | Hold)
        assert await held_in(store, money.payer) == (4700, 0)
        assert (await shown(store, money.hold)).status == "voided"

    async def test_commands_about_holds_in_one_group(self, store: Store, app: Session) -> None:
        payer, payee = await a_wallet(app, "5000"), await a_wallet(app)
        holds = [await app.execute(a_hold(payer, payee, "100")) for _ in range(6)]
        outcomes = await all_outcomes(
            [
                *(app.execute(CaptureHold(transaction_id=one.id)) for one in holds[:3]),
                app.execute(builders.transfer(payer.id, payee.id, "4400")),
                app.execute(builders.transfer(payer.id, payee.id, "1")),
                *(app.execute(VoidHold(transaction_id=one.id)) for one in holds[3:]),
                app.execute(a_hold(payer, payee, "300")),
            ]
        )
        assert [one for one in outcomes if isinstance(one, BaseException) and not isinstance(one, Refused)] == []
        assert await held_in(store, payer) == (300, 300)
        assert isinstance(outcomes[4], InsufficientFunds)
