"""Lost answers: a repeated request with the same key has one effect."""

from __future__ import annotations

import asyncio

import pytest

from tekana.application import Session
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import Conflict, TekanaError, Unavailable
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.contracts.faults import POINTS, Failing, Point, Poison, Times
from tekana.testing.contracts.fixtures import Contract, at_work
from tekana.testing.contracts.helpers import a_wallet, all_at_once, all_outcomes, kinds
from tekana.testing.contracts.ledger_checks import transactions

TRIES = 3  # of the engine, before it raises

LOSSES = [
    *((point, Unavailable) for point in POINTS),
    *((point, Conflict) for point in POINTS if point != "saved"),  # a Conflict means that nothing was stored
]


class LostAnswersContract(Contract):
    """Cancelled callers, and connections that fail at each step of a unit of work."""

    @pytest.mark.parametrize("patience", range(12))
    async def test_a_caller_who_leaves_takes_nothing_back(self, app: Session, store: Store, patience: int) -> None:
        wallet = await a_wallet(app)
        commands = {f"key {number}": builders.deposit(wallet.id, "10") for number in range(12)}
        tasks = [asyncio.create_task(app.submit(command, key=key)) for key, command in commands.items()]
        for _ in range(patience):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await all_outcomes(tasks)
        await all_at_once(app.submit(command, key=key) for key, command in commands.items())
        after = await store.wallets(LOCAL_OPERATOR).get(wallet.id)
        assert (after.ledger_balance, after.version) == (120, 12)
        assert len(await transactions(store)) == 12

    @pytest.mark.parametrize(("point", "error"), LOSSES)
    @pytest.mark.parametrize("times", [1, TRIES - 1])
    async def test_a_short_failure_is_not_noticed(
        self, store: Store, app: Session, point: Point, error: type[TekanaError], times: int
    ) -> None:
        wallet = await a_wallet(app)
        fault = Times(point, error("planted"), times)
        async with at_work(store, Failing(store.begin, fault)) as failing:
            done = await all_at_once(
                failing.submit(builders.deposit(wallet.id, "10"), key=f"key {number}") for number in range(5)
            )
        assert fault.left == (times - 1 if point == "saved" else 0)  # after the save, the key is found
        assert [one.answer.status for one in done] == ["posted"] * 5
        after = await store.wallets(LOCAL_OPERATOR).get(wallet.id)
        assert (after.ledger_balance, after.version) == (50, 5)

    @pytest.mark.parametrize(("point", "error"), LOSSES)
    async def test_a_long_failure_has_one_effect_after_all(
        self, store: Store, app: Session, point: Point, error: type[TekanaError]
    ) -> None:
        wallet = await a_wallet(app)
        command = builders.deposit(wallet.id, "10")
        fault = Times(point, error("planted"), 1000)
        async with at_work(store, Failing(store.begin, fault)) as failing:
            [outcome] = await all_outcomes([failing.submit(command, key="a key")])
            if point == "saved":  # the second try finds the key and does not save
                assert kinds([outcome]) == ["Executed"]
            else:
                assert kinds([outcome]) == [error.__name__]
                assert fault.left == 1000 - TRIES
                assert await transactions(store) == []
            fault.left = 0
            done = await failing.submit(command, key="a key")
        assert [one.id for one in await transactions(store)] == [done.answer.id]
        assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 10

    async def test_a_lost_answer_to_a_refusal(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app, "5")
        fault = Times("saved", Unavailable("planted"), 1)
        async with at_work(store, Failing(store.begin, fault)) as failing:
            outcomes = await all_outcomes(
                failing.submit(builders.withdrawal(wallet.id, "10"), key=f"key {number}") for number in range(3)
            )
        assert kinds(outcomes) == ["InsufficientFunds"] * 3
        assert sorted(one.status for one in await transactions(store)) == ["posted"] + ["rejected"] * 3

    async def test_a_lost_answer_to_a_registration(self, store: Store) -> None:
        fault = Times("saved", Unavailable("planted"), 1)
        person = builders.person()
        async with at_work(store, Failing(store.begin, fault)) as failing:
            done = await failing.submit(person)  # without a key: the engine generates one
        assert done.answer.customer == (await store.customers(LOCAL_OPERATOR).get(done.answer.customer.id)).customer

    @pytest.mark.parametrize("error", [RuntimeError("planted"), Conflict("planted"), ValueError("planted")])
    @pytest.mark.parametrize("index", [0, 7, 19])
    async def test_one_bad_command_fails_alone(self, store: Store, app: Session, error: Exception, index: int) -> None:
        wallet = await a_wallet(app)
        references = [f"reference {number}" for number in range(20)]
        async with at_work(store, Failing(store.begin, Poison(references[index], error))) as failing:
            outcomes = await all_outcomes(
                failing.execute(builders.deposit(wallet.id, "10", reference=reference)) for reference in references
            )
        assert [type(outcome).__name__ for outcome in outcomes] == [
            type(error).__name__ if number == index else "Transaction" for number in range(20)
        ]
        kept = {one.request.reference for one in await transactions(store)}
        assert kept == set(references) - {references[index]}
        assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 190
