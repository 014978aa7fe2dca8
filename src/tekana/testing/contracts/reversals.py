"""Reversals: whole and in parts, never more than was moved, however many are sent at once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tekana.application import CaptureHold, ChangeHold, ReverseTransaction, Session, VoidHold
from tekana.domain.errors import (
    InsufficientFunds,
    InvalidRequest,
    NotReversible,
    Refused,
    ReversalExceedsOriginal,
    TransactionNotFound,
    WalletNotActive,
)
from tekana.domain.identifiers import TransactionId, WalletId
from tekana.domain.transaction import REVERSES, Relation, Transaction
from tekana.domain.wallet import Wallet
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, a_wallet
from tekana.testing.contracts.holds import held_in


def reversal(one: Transaction, amount: str | None = None, **changes: object) -> ReverseTransaction:
    """Build a reversal."""
    return ReverseTransaction(transaction_id=one.id, amount=amount, **changes)  # type: ignore[arg-type]


async def balance(app: Session, wallet_id: WalletId) -> int:
    """Return the balance of a wallet."""
    return (await app.wallets.get(wallet_id)).ledger_balance


async def spent_money(app: Session) -> tuple[Wallet, Wallet, Transaction]:
    """Transfer 100 from one new wallet to another, of which 60 is spent; return the wallets and the transaction."""
    payer, payee = await a_wallet(app, "100"), await a_wallet(app)
    moved = await app.execute(builders.transfer(payer.id, payee.id, "100"))
    await app.execute(builders.withdrawal(payee.id, "60"))
    return payer, payee, moved


class ReversalsContract(Contract):
    """The contract of reversals."""

    async def test_a_reversal_is_the_mirror_image_of_its_original(self, app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        moved = await app.execute(builders.transfer(payer.id, payee.id, "70", reference="order 7"))
        back = await app.execute(reversal(moved, reason="a return"), key="a key")
        assert [(one.wallet_id, one.amount_minor) for one in back.entries] == [(payee.id, -70), (payer.id, 70)]
        assert back.request.relates_to == Relation(REVERSES, moved.id)
        assert (back.request.reference, back.request.details.reason) == ("order 7", "a return")
        assert await app.transactions.get(back.id) == back
        assert await app.transactions.get(moved.id) == moved
        assert await app.execute(reversal(moved, reason="a return"), key="a key") == back

    async def test_parts_sum_to_at_most_the_original(self, app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        moved = await app.execute(builders.transfer(payer.id, payee.id, "70"))
        for amount in ("1", "30", "9"):
            await app.execute(reversal(moved, amount))
        with pytest.raises(ReversalExceedsOriginal) as refused:
            await app.execute(reversal(moved, "31"))
        assert "30 RWF" in str(refused.value)
        assert refused.value.transaction is not None
        assert (await app.transactions.get(refused.value.transaction.id)).status == "rejected"
        rest = await app.execute(reversal(moved))
        assert rest.request.amount.minor == 30
        with pytest.raises(ReversalExceedsOriginal):
            await app.execute(reversal(moved))
        assert (await balance(app, payer.id), await balance(app, payee.id)) == (100, 0)

    async def test_what_cannot_be_reversed(self, app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        moved = await app.execute(builders.transfer(payer.id, payee.id, "70"))
        back = await app.execute(reversal(moved, "20"))
        with pytest.raises(Refused) as refused:
            await app.execute(builders.withdrawal(payee.id, "51"))
        rejected = refused.value.transaction
        assert rejected is not None
        held = await app.execute(builders.movement("hold", payer.id, payee.id, "10"))
        for one in (back, rejected, held):
            with pytest.raises(NotReversible):
                await app.execute(reversal(one))
        with pytest.raises(TransactionNotFound):
            await app.execute(ReverseTransaction(transaction_id=TransactionId(payer.id)))
        for amount in ("0", "1.5", "-1"):
            with pytest.raises(InvalidRequest):
                await app.execute(reversal(moved, amount))

    async def test_other_tenants_find_nothing_to_reverse(self, app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        moved = await app.execute(builders.transfer(payer.id, payee.id, "70"))
        with pytest.raises(TransactionNotFound):
            await app.as_caller(builders.partner("south")).execute(reversal(moved))
        assert (await app.as_caller(builders.partner()).execute(reversal(moved))).status == "posted"

    async def test_money_that_was_spent_or_is_held_is_not_given_back(self, app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        moved = await app.execute(builders.transfer(payer.id, payee.id, "70"))
        await app.execute(builders.movement("hold", payee.id, payer.id, "40"))
        with pytest.raises(InsufficientFunds):
            await app.execute(reversal(moved, "31"))
        await app.execute(reversal(moved, "30"))
        await app.execute(builders.freeze(payee.id))
        with pytest.raises(WalletNotActive):
            await app.execute(reversal(moved, "1"))
        assert (await balance(app, payer.id), await balance(app, payee.id)) == (60, 40)

    async def test_a_capture_is_reversed_and_its_hold_stays_captured(self, app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        held = await app.execute(builders.movement("hold", payer.id, payee.id, "60"))
        captured = await app.execute(CaptureHold(transaction_id=held.id, amount="50"))
        await app.execute(reversal(captured, "20"))
        assert (await app.transactions.get(held.id)).status == "captured"
        assert (await balance(app, payer.id), await balance(app, payee.id)) == (70, 30)

    async def test_deposits_and_withdrawals_go_back_outside(self, app: Session) -> None:
        wallet = await a_wallet(app)
        paid_in = await app.execute(builders.deposit(wallet.id, "100"))
        taken = await app.execute(builders.withdrawal(wallet.id, "40"))
        await app.execute(reversal(taken, "10"))
        await app.execute(reversal(paid_in, "70"))
        assert await balance(app, wallet.id) == 0

    async def test_a_preview_reverses_nothing(self, app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        moved = await app.execute(builders.transfer(payer.id, payee.id, "70"))
        assert (await app.preview(reversal(moved))).entries[-1].ledger_balance_after == 100
        assert (await app.execute(reversal(moved))).entries[-1].ledger_balance_after == 100

    async def test_what_is_left_is_held_for_the_payer(self, stores: Sequence[Store], crew: Sequence[Session]) -> None:
        payer, payee, moved = await spent_money(crew[0])
        held = await crew[0].execute(reversal(moved, reason="a dispute", hold_rest=True), key="a key")
        assert (held.status, held.entries, held.request.amount.minor) == ("pending", (), 40)
        assert (held.request.from_wallet_id, held.request.to_wallet_id) == (payee.id, payer.id)
        assert held.request.relates_to == Relation(REVERSES, moved.id)
        assert held.request.details.reason == "a dispute"
        assert await crew[1].execute(reversal(moved, reason="a dispute", hold_rest=True), key="a key") == held
        for store in stores:
            assert await held_in(store, payee) == (40, 40)
        assert await crew[1].transactions.get(held.id) == held

    async def test_what_is_held_for_the_payer_cannot_be_reversed(self, crew: Sequence[Session]) -> None:
        payer, payee, moved = await spent_money(crew[0])
        await crew[0].execute(reversal(moved, "10"))
        held = await crew[1].execute(reversal(moved, hold_rest=True))
        await crew[0].execute(builders.deposit(payee.id, "500"))
        for app, amount in zip(crew, ("61", "90"), strict=False):
            with pytest.raises(ReversalExceedsOriginal) as refused:
                await app.execute(reversal(moved, amount))
            assert "60 RWF" in str(refused.value)
        with pytest.raises(ReversalExceedsOriginal):
            await crew[0].execute(ChangeHold(transaction_id=held.id, amount="31"))
        await crew[0].execute(ChangeHold(transaction_id=held.id, amount="20"))
        await crew[1].execute(CaptureHold(transaction_id=held.id, amount="5"))
        rest = await crew[2].execute(reversal(moved))
        assert rest.request.amount.minor == 100 - 10 - 5
        assert await balance(crew[0], payer.id) == 100

    async def test_a_voided_hold_makes_room_again(self, crew: Sequence[Session]) -> None:
        payer, _, moved = await spent_money(crew[0])
        for app in crew:
            held = await app.execute(reversal(moved, hold_rest=True))
            await app.execute(VoidHold(transaction_id=held.id))
        await crew[1].execute(reversal(moved, "40"))
        assert await balance(crew[0], payer.id) == 40

    async def test_nothing_is_held_of_an_empty_wallet_or_while_there_is_enough(self, app: Session) -> None:
        _, payee, moved = await spent_money(app)
        assert (await app.execute(reversal(moved, "40", hold_rest=True))).request.type == "reversal"
        with pytest.raises(InsufficientFunds):
            await app.execute(reversal(moved, hold_rest=True))
        await app.execute(builders.deposit(payee.id, "10"))
        await app.execute(builders.freeze(payee.id))
        with pytest.raises(WalletNotActive):
            await app.execute(reversal(moved, hold_rest=True))

    async def test_a_preview_holds_nothing(self, store: Store, app: Session) -> None:
        _, payee, moved = await spent_money(app)
        for _ in range(2):
            assert (await app.preview(reversal(moved, hold_rest=True))).request.amount.minor == 40
        assert await held_in(store, payee) == (40, 0)

    async def test_what_is_left_of_a_deposit_is_held_for_the_house(self, store: Store, app: Session) -> None:
        """A caller of the tenant captures it, as they could reverse the deposit."""
        wallet, partner = await a_wallet(app), app.as_caller(builders.partner())
        paid_in = await app.execute(builders.deposit(wallet.id, "100"))
        await app.execute(builders.withdrawal(wallet.id, "60"))
        held = await partner.execute(reversal(paid_in, hold_rest=True))
        with pytest.raises(TransactionNotFound):
            await app.as_caller(builders.partner("south")).execute(CaptureHold(transaction_id=held.id))
        await partner.execute(CaptureHold(transaction_id=held.id, amount="30"))
        assert await held_in(store, wallet) == (10, 0)

    async def test_captures_and_reversals_in_further_wallets_of_a_customer(self, app: Session) -> None:
        """The usage of limits is in another wallet than those that the hold, or the original, leads to."""
        customer, [first] = await a_customer(app, "1")
        second, payee = await app.execute(builders.open_wallet(customer.id)), await a_wallet(app)
        await app.execute(builders.deposit(second.id, "100"))
        held = await app.execute(builders.movement("hold", second.id, payee.id, "60"))
        captured = await app.execute(CaptureHold(transaction_id=held.id))
        await app.execute(reversal(captured, "20"))
        moved = await app.execute(builders.transfer(payee.id, second.id, "40"))
        await app.execute(reversal(moved))
        assert (await balance(app, first.id), await balance(app, second.id)) == (1, 60)
