"""Reversals under concurrency: of all that come at once, no more is given back, or held, than was moved."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tekana.application import Session
from tekana.domain.errors import InsufficientFunds, ReversalExceedsOriginal
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_wallet, all_outcomes, by_hand, kinds
from tekana.testing.contracts.holds import held_in
from tekana.testing.contracts.races import CONTESTANTS, ROUNDS
from tekana.testing.contracts.reversals import balance, reversal


class ReversalRacesContract(Contract):
    """The contract of transactions that many reverse at once."""

    async def test_of_many_that_reverse_a_whole_transaction_one_wins(self, crew: Sequence[Session]) -> None:
        payer, payee = await a_wallet(crew[0], "100"), await a_wallet(crew[0], "1000")
        for _ in range(ROUNDS):
            moved = await crew[0].execute(builders.transfer(payer.id, payee.id, "100"))
            outcomes = await all_outcomes(crew[n % len(crew)].execute(reversal(moved)) for n in range(CONTESTANTS))
            assert kinds(outcomes) == [ReversalExceedsOriginal.__name__] * (CONTESTANTS - 1) + ["Transaction"]
            assert await balance(crew[0], payer.id) == 100

    async def test_of_many_parts_at_once_there_is_room_for_some(self, crew: Sequence[Session]) -> None:
        chance = random.Random(1)  # noqa: S311 - not a secret
        payer, payee = await a_wallet(crew[0], "100"), await a_wallet(crew[0], "1000")
        for _ in range(ROUNDS):
            moved = await crew[0].execute(builders.transfer(payer.id, payee.id, "100"))
            amount, winners = chance.choice([("100", 1), ("30", 3), ("50", 2)])
            outcomes = await all_outcomes(
                chance.choice(crew).execute(reversal(moved, amount)) for _ in range(CONTESTANTS)
            )
            losers = CONTESTANTS - winners
            assert kinds(outcomes) == [ReversalExceedsOriginal.__name__] * losers + ["Transaction"] * winners
            if await balance(crew[0], payer.id) < 100:
                await crew[0].execute(builders.transfer(payee.id, payer.id, "10"))

    async def test_of_many_that_hold_what_is_left_one_wins(self, store: Store, crew: Sequence[Session]) -> None:
        payer, spender = await a_wallet(crew[0], str(ROUNDS * 100)), await a_wallet(crew[0])
        for _ in range(ROUNDS):
            payee = await a_wallet(crew[0])
            moved = await crew[0].execute(builders.transfer(payer.id, payee.id, "100"))
            await crew[0].execute(builders.transfer(payee.id, spender.id, "60"))
            sent = (reversal(moved, hold_rest=True) for _ in range(CONTESTANTS))
            outcomes = await all_outcomes(crew[n % len(crew)].execute(one) for n, one in enumerate(sent))
            assert kinds(outcomes) == [InsufficientFunds.__name__] * (CONTESTANTS - 1) + ["Transaction"]
            assert await held_in(store, payee) == (40, 40)

    async def test_units_that_race_to_reverse_or_hold_have_one_effect(self, store: Store, app: Session) -> None:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app)
        moved = await app.execute(builders.transfer(payer.id, payee.id, "100"))
        await app.execute(builders.withdrawal(payee.id, "60"))
        commands = [reversal(moved, hold_rest=True), reversal(moved, "40"), reversal(moved, "40", hold_rest=True)]
        outcomes = await all_outcomes(by_hand(store, command) for command in commands * 3)
        assert [one for one in outcomes if isinstance(one, BaseException)] == []
        assert await held_in(store, payee) in ((40, 40), (0, 0))
