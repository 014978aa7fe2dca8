"""Reversals: whole and in parts, never more than was moved, however many are sent at once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

import pytest

from tekana.application import CaptureHold, ReverseTransaction, Session
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
from tekana.testing import builders
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_wallet, all_outcomes
from tekana.testing.contracts.hold_races import ROUNDS

AT_ONCE: Final = 32


def reversal(one: Transaction, amount: str | None = None, **changes: object) -> ReverseTransaction:
    """Build a reversal."""
    return ReverseTransaction(transaction_id=one.id, amount=amount, **changes)  # type: ignore[arg-type]


async def balance(app: Session, wallet_id: WalletId) -> int:
    """Return the balance of a wallet."""
    return (await app.wallets.get(wallet_id)).ledger_balance


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

    async def test_of_many_at_once_no_more_is_reversed_than_was_moved(self, crew: Sequence[Session]) -> None:
        """Whole reversals: one of them is done. Parts: as many as there is room for."""
        chance = random.Random(1)  # noqa: S311 - not a secret
        app = crew[0]
        payer, payee = await a_wallet(app, str(ROUNDS * 100)), await a_wallet(app, "1000")
        for _ in range(ROUNDS):
            moved = await app.execute(builders.transfer(payer.id, payee.id, "100"))
            amount, winners = chance.choice([(None, 1), ("100", 1), ("30", 3)])
            sent = [chance.choice(crew).execute(reversal(moved, amount)) for _ in range(AT_ONCE)]
            outcomes = await all_outcomes(sent)
            assert sum(isinstance(one, Transaction) for one in outcomes) == winners
            refused = {type(one) for one in outcomes if not isinstance(one, Transaction)}
            assert refused == {ReversalExceedsOriginal}
