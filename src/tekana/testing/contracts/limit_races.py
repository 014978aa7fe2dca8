"""Limits under concurrency: what many move at once never passes a limit, and uses all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tekana.application import Session
from tekana.domain.errors import LimitExceeded
from tekana.testing import builders
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, a_wallet, all_outcomes, kinds
from tekana.testing.contracts.limits import left, tier_0
from tekana.testing.contracts.races import CONTESTANTS, ROUNDS
from tekana.testing.contracts.reversals import reversal

_REFUSED: Final = LimitExceeded.__name__


class LimitRacesContract(Contract):
    """The contract of limits that many transactions use at once."""

    async def test_many_at_once_never_pass_a_limit(self, crew: Sequence[Session]) -> None:
        """In two wallets of a customer, over several processes."""
        await crew[0].execute(tier_0(daily_outgoing_amount="100", weekly_outgoing_count=40))
        payee = await a_wallet(crew[0])
        for _ in range(ROUNDS):
            customer, [first] = await a_customer(crew[0], "500")
            second = await crew[0].execute(builders.open_wallet(customer.id))
            await crew[0].execute(builders.deposit(second.id, "500"))
            moves = [builders.transfer((first, second)[n % 3 % 2].id, payee.id, "10") for n in range(CONTESTANTS)]
            outcomes = await all_outcomes(crew[n % len(crew)].execute(one) for n, one in enumerate(moves))
            assert kinds(outcomes) == [_REFUSED] * (CONTESTANTS - 10) + ["Transaction"] * 10
            assert await left(crew[1], customer.id, "daily_outgoing_amount") == 0
            assert await left(crew[1], customer.id, "weekly_outgoing_count") == 30

    async def test_of_many_at_once_for_the_last_of_a_limit_one_wins(self, crew: Sequence[Session]) -> None:
        await crew[0].execute(tier_0(daily_incoming_count=2))
        for _ in range(ROUNDS):
            wallet = await a_wallet(crew[0], "1")
            deposits = [builders.deposit(wallet.id, "1")] * CONTESTANTS
            outcomes = await all_outcomes(crew[n % len(crew)].execute(one) for n, one in enumerate(deposits))
            assert kinds(outcomes) == [_REFUSED] * (CONTESTANTS - 1) + ["Transaction"]

    async def test_reversals_and_transfers_at_once(self, crew: Sequence[Session]) -> None:
        """Whichever come first, what is used is what was transferred and not reversed."""
        await crew[0].execute(tier_0(daily_outgoing_amount="100"))
        payee = await a_wallet(crew[0])
        for _ in range(ROUNDS):
            customer, [wallet] = await a_customer(crew[0], "500")
            moved = [await crew[0].execute(builders.transfer(wallet.id, payee.id, "25")) for _ in range(4)]
            others = [builders.transfer(wallet.id, payee.id, "25")] * (CONTESTANTS - len(moved))
            commands: list[Any] = [*map(reversal, moved), *others]
            outcomes = await all_outcomes(crew[n % len(crew)].execute(one) for n, one in enumerate(commands))
            done = [one for one in outcomes[len(moved) :] if not isinstance(one, LimitExceeded)]
            assert [
                one for one in outcomes if isinstance(one, BaseException) and not isinstance(one, LimitExceeded)
            ] == []
            assert await left(crew[1], customer.id, "daily_outgoing_amount") == 100 - 25 * len(done)
