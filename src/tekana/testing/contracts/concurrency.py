"""Concurrent commands through the posting engine: balances stay right, and every command gets an answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from tekana.application import CloseWallet, Session
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import Refused
from tekana.domain.identifiers import house_wallet_id
from tekana.domain.transaction import Transaction
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.builders import RWF
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import PATIENCE, a_wallet, all_at_once, all_outcomes, kinds
from tekana.testing.contracts.ledger_checks import transactions


class ConcurrencyContract(Contract):
    """Applications that use the same wallets concurrently."""

    @pytest.mark.parametrize("engines", [1, 4])
    async def test_one_of_64_spenders_wins(self, crew: Sequence[Session], store: Store, engines: int) -> None:
        wallet, shop = await a_wallet(crew[0], "1000"), await a_wallet(crew[0])
        spend = builders.transfer(wallet.id, shop.id, "1000")
        outcomes = await all_outcomes(crew[n % engines].execute(spend, key=f"spender {n}") for n in range(64))
        assert kinds(outcomes) == ["InsufficientFunds"] * 63 + ["Transaction"]
        assert [(await store.wallets(LOCAL_OPERATOR).get(one.id)).ledger_balance for one in (wallet, shop)] == [0, 1000]
        statuses = [one.status for one in await transactions(store) if one.request.type == "transfer"]
        assert sorted(statuses) == ["posted"] + ["rejected"] * 63

    async def test_transfers_in_opposite_directions(self, crew: Sequence[Session], store: Store) -> None:
        one, two = await a_wallet(crew[0], "1000"), await a_wallet(crew[0], "1000")
        pairs = [(one.id, two.id), (two.id, one.id)] * 50
        done = await all_at_once(
            crew[n % len(crew)].execute(builders.transfer(*pair, "5")) for n, pair in enumerate(pairs)
        )
        assert [answer.status for answer in done] == ["posted"] * 100
        after = [await store.wallets(LOCAL_OPERATOR).get(wallet.id) for wallet in (one, two)]
        assert [(wallet.ledger_balance, wallet.version) for wallet in after] == [(1000, 101), (1000, 101)]

    async def test_money_goes_round_and_none_is_lost(self, crew: Sequence[Session], store: Store) -> None:
        wallets = [await a_wallet(crew[0], "100") for _ in range(6)]
        chance = random.Random(20260131)  # noqa: S311 - the same every time
        moves = []
        for _ in range(200):
            one, two = chance.sample(wallets, 2)
            moves.append(builders.transfer(one.id, two.id, str(chance.randint(1, 120))))
        outcomes = await all_outcomes(crew[n % len(crew)].execute(move) for n, move in enumerate(moves))
        assert {type(outcome).__name__ for outcome in outcomes} <= {"Transaction", "InsufficientFunds"}
        after = [await store.wallets(LOCAL_OPERATOR).get(wallet.id) for wallet in wallets]
        assert sum(wallet.ledger_balance for wallet in after) == 600
        posted = sum(isinstance(outcome, Transaction) for outcome in outcomes)
        assert sum(wallet.version for wallet in after) == 6 + 2 * posted
        assert (await store.wallets(LOCAL_OPERATOR).get(house_wallet_id("settlement", RWF))).ledger_balance == -600

    async def test_a_hot_wallet_keeps_up(self, crew: Sequence[Session], store: Store) -> None:
        hot = await a_wallet(crew[0])
        payers = [await a_wallet(crew[0], "50") for _ in range(10)]
        await all_at_once(
            crew[n % len(crew)].execute(builders.transfer(payers[n % 10].id, hot.id, "1")) for n in range(300)
        )
        after = await store.wallets(LOCAL_OPERATOR).get(hot.id)
        assert (after.ledger_balance, after.version) == (300, 300)

    async def test_closing_races_with_a_deposit(self, crew: Sequence[Session], store: Store) -> None:
        for _ in range(10):
            wallet = await a_wallet(crew[0])
            deposited, closed = await all_outcomes(
                [
                    crew[1].execute(builders.deposit(wallet.id, "10")),
                    crew[2].execute(CloseWallet(wallet_id=wallet.id)),
                ]
            )
            after = await store.wallets(LOCAL_OPERATOR).get(wallet.id)
            if isinstance(closed, Refused):
                assert (closed.code, after.status, after.ledger_balance) == ("wallet_not_empty", "active", 10)
                assert isinstance(deposited, Transaction)
            else:
                assert (after.status, after.ledger_balance) == ("closed", 0)
                assert isinstance(deposited, Refused)
                assert deposited.code == "wallet_not_active"

    async def test_no_command_waits_for_ever(self, app: Session, store: Store) -> None:
        """Submit random bursts: a lost wake-up would leave a command without an answer."""
        wallet = await a_wallet(app)
        chance = random.Random(1)  # noqa: S311 - the same every time
        waiting: list[asyncio.Task[Transaction]] = []
        sent = 0
        async with asyncio.timeout(PATIENCE):
            for _ in range(150):
                burst = chance.choice((1, 1, 1, 2, 3, 17))
                waiting += [asyncio.create_task(app.execute(builders.deposit(wallet.id, "1"))) for _ in range(burst)]
                sent += burst
                for _ in range(chance.choice((0, 1, 2, 5, 20))):
                    await asyncio.sleep(0)
                if chance.random() < 0.5:  # wait for all of them, or only for one, while the next come
                    await asyncio.gather(*waiting)
                    waiting.clear()
                else:
                    await waiting[chance.randrange(len(waiting))]
            await asyncio.gather(*waiting)
        assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == sent

    async def test_a_preview_keeps_nothing(self, app: Session, store: Store) -> None:
        wallet = await a_wallet(app, "500")
        shown = await app.preview(builders.withdrawal(wallet.id, "200"))
        assert (shown.status, shown.entries[0].ledger_balance_after) == ("posted", 300)
        with pytest.raises(Refused):
            await app.preview(builders.withdrawal(wallet.id, "501"))
        await app.preview(builders.person(email="seen@example.com"))
        assert await store.wallets(LOCAL_OPERATOR).get(wallet.id) == wallet
        assert len(await transactions(store)) == 1
        await app.execute(builders.person(email="seen@example.com"))
