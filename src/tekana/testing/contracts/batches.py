"""Batches: atomic or independent, and executed once for repeated requests."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, get_args
from uuid import UUID

import pytest

from tekana.application import Batch, BatchOutcome, Session
from tekana.application.executed import Executed
from tekana.domain.answers import BatchMode
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import Conflict, IdempotencyKeyReused, TekanaError, Unavailable
from tekana.domain.identifiers import TransactionId
from tekana.domain.transaction import Rejection, Transaction
from tekana.domain.wallet import Wallet
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.builders import atomic, independent
from tekana.testing.contracts.faults import Failing, Point, Poison, Times
from tekana.testing.contracts.fixtures import Contract, at_work
from tekana.testing.contracts.helpers import a_wallet, all_at_once, all_outcomes, kinds, transactions_of
from tekana.testing.contracts.ledger_checks import transactions

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MODES: tuple[BatchMode, ...] = get_args(BatchMode)


class BatchesContract(Contract):
    """The contract of batches."""

    async def test_an_atomic_batch_that_is_done(self, app: Session, store: Store) -> None:
        one, two = await a_wallet(app, "100"), await a_wallet(app)
        there, back = builders.transfer(one.id, two.id, "100"), builders.transfer(two.id, one.id, "30")
        done = await app.submit_batch(atomic(there, back, builders.withdrawal(two.id, "70")), key="a key")
        assert _codes(done) == [None, None, None]
        assert (done.failed_index, done.replayed) == (None, False)
        assert [await store.transactions(LOCAL_OPERATOR).get(each.id) for each in transactions_of(done)] == list(
            done.transactions
        )
        assert await _balances(store, one, two) == [30, 0]

    @pytest.mark.parametrize("index", [0, 2, 3])
    async def test_an_atomic_batch_leaves_no_trace_but_its_refusals(
        self, app: Session, store: Store, index: int
    ) -> None:
        one, two = await a_wallet(app, "100"), await a_wallet(app)
        movements = [builders.transfer(one.id, two.id, "20", reference=f"part {number}") for number in range(3)]
        movements.insert(index, builders.transfer(two.id, one.id, "61", reference="too much"))
        done = await app.submit_batch(atomic(*movements), key="a key")
        assert done.failed_index == index
        assert _codes(done) == ["insufficient_funds" if n == index else "rolled_back" for n in range(4)]
        assert [await store.transactions(LOCAL_OPERATOR).get(each.id) for each in transactions_of(done)] == list(
            done.transactions
        )
        assert [await store.wallets(LOCAL_OPERATOR).get(wallet.id) for wallet in (one, two)] == [one, two]
        again = await app.submit_batch(atomic(*movements), key="a key")
        assert again == done._replace(replayed=True)

    @pytest.mark.parametrize("mode", MODES)
    async def test_a_preview_is_what_the_batch_leads_to_and_keeps_nothing(
        self, app: Session, store: Store, mode: BatchMode
    ) -> None:
        one, two = await a_wallet(app, "100"), await a_wallet(app)
        there, back = builders.transfer(one.id, two.id, "100"), builders.transfer(two.id, one.id, "30")
        for refused in ([], [builders.withdrawal(two.id, "71")]):
            batch = Batch(mode=mode, transactions=(there, back, *refused, builders.withdrawal(two.id, "70")))
            kept = await transactions(store)
            shown = await app.preview_batch(batch)
            assert await transactions(store) == kept
            done = await app.submit_batch(batch)
            assert list(map(_projected, shown.transactions)) == list(map(_projected, done.transactions))
            assert shown._replace(transactions=()) == done._replace(transactions=())
            await app.execute(builders.deposit(one.id, "70"))

    async def test_what_was_undone_is_not_there_for_others_in_the_group(self, app: Session, store: Store) -> None:
        one, two = await a_wallet(app), await a_wallet(app)
        paid_in = builders.deposit(one.id, "50")
        spent, undone, also_spent = await all_outcomes(
            [
                app.execute(builders.withdrawal(one.id, "50")),
                app.submit_batch(atomic(paid_in, builders.withdrawal(two.id, "1"))),
                app.submit_batch(atomic(builders.withdrawal(one.id, "50"))),
            ]
        )
        assert kinds([spent]) == ["InsufficientFunds"]
        assert isinstance(undone, BatchOutcome)
        assert isinstance(also_spent, BatchOutcome)
        assert (undone.failed_index, also_spent.failed_index) == (1, 0)
        assert await _balances(store, one, two) == [0, 0]

    async def test_of_an_independent_batch_each_is_done_or_refused(self, app: Session, store: Store) -> None:
        one, two = await a_wallet(app, "100"), await a_wallet(app)
        batch = independent(
            builders.transfer(two.id, one.id, "1"),
            builders.transfer(one.id, two.id, "60"),
            builders.deposit(one.id, "1.00", "USD"),
            builders.transfer(two.id, two.id, "1"),
            builders.transfer(one.id, two.id, "40"),
        )
        done = await app.submit_batch(batch, key="a key", request_id="request 1")
        assert _codes(done) == ["insufficient_funds", None, "currency_mismatch", "same_wallet", None]
        assert done.failed_index is None
        assert await _balances(store, one, two) == [0, 100]
        again = await app.submit_batch(batch, key="a key", request_id="request 2")
        assert again == done._replace(replayed=True)
        assert len(await transactions(store)) == 1 + 5

    @pytest.mark.parametrize("mode", MODES)
    async def test_a_thousand_movements(self, app: Session, store: Store, mode: BatchMode) -> None:
        wallets = [await a_wallet(app, "1000") for _ in range(4)]
        movements = [
            builders.transfer(wallets[number % 4].id, wallets[(number + 1) % 4].id, "1", reference=f"r {number}")
            for number in range(1000)
        ]
        batch = Batch(mode=mode, transactions=tuple(movements))
        done = await app.submit_batch(batch, key="a key")
        assert [each.request.reference for each in transactions_of(done)] == [one.reference for one in movements]
        assert {each.status for each in transactions_of(done)} == {"posted"}
        assert await app.submit_batch(batch, key="a key") == done._replace(replayed=True)
        assert await _balances(store, *wallets) == [1000] * 4

    @pytest.mark.parametrize("mode", MODES)
    async def test_a_batchs_key_serves_one_batch(self, app: Session, store: Store, mode: BatchMode) -> None:
        wallet = await a_wallet(app)
        deposits = [builders.deposit(wallet.id, str(number)) for number in range(1, 5)]
        first = Batch(mode=mode, transactions=tuple(deposits[:2]))
        done = await app.submit_batch(first, key="a key")
        [other_mode] = set(MODES) - {mode}
        for other in (
            Batch(mode=mode, transactions=tuple(deposits)),
            Batch(mode=mode, transactions=tuple(deposits[:1])),
            Batch(mode=mode, transactions=tuple(reversed(deposits[:2]))),
            Batch(mode=other_mode, transactions=first.transactions),
        ):
            with pytest.raises(IdempotencyKeyReused):
                await app.submit_batch(other, key="a key")
        for command in deposits[:2]:
            with pytest.raises(IdempotencyKeyReused):
                await app.submit(command, key="a key")
        assert await app.as_caller(builders.caller("another")).submit_batch(first, key="a key") != done
        assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 2 * (1 + 2)
        assert len(await transactions(store)) == 4

    async def test_a_single_commands_key_serves_no_batch(self, app: Session, store: Store) -> None:
        wallet = await a_wallet(app)
        command = builders.deposit(wallet.id, "1")
        await app.submit(command, key="a key")
        for batch in (independent(command), atomic(command), independent(command, command)):
            with pytest.raises(IdempotencyKeyReused):
                await app.submit_batch(batch, key="a key")
        assert len(await transactions(store)) == 1

    async def test_batches_and_commands_race_for_one_key(self, crew: Sequence[Session], store: Store) -> None:
        wallet = await a_wallet(crew[0])
        one, five = builders.deposit(wallet.id, "1"), builders.deposit(wallet.id, "5")
        work: list[Awaitable[BatchOutcome | Executed[Transaction]]] = []
        for app in crew:
            work += [app.submit_batch(independent(one, one), key="a key"), app.submit_batch(atomic(five), key="a key")]
            work.append(app.submit(one, key="a key"))
        outcomes = await all_outcomes(work)
        assert kinds(outcomes).count("IdempotencyKeyReused") == 8
        replayed = [one.replayed for one in outcomes if isinstance(one, BatchOutcome | Executed)]
        assert sorted(replayed) == [False, True, True, True]
        balance = (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance
        assert (balance, len(await transactions(store))) in [(2, 2), (5, 1), (1, 1)]

    @pytest.mark.parametrize("mode", MODES)
    async def test_the_same_batch_many_times_at_once(
        self, crew: Sequence[Session], store: Store, mode: BatchMode
    ) -> None:
        wallet = await a_wallet(crew[0], "25")
        movements = tuple(builders.withdrawal(wallet.id, "10") for _ in range(3))
        batch = Batch(mode=mode, transactions=movements)
        done = await all_at_once(crew[n % len(crew)].submit_batch(batch, key="one key") for n in range(20))
        assert sorted(one.replayed for one in done) == [False] + [True] * 19
        assert {_identities(one) for one in done} == {_identities(done[0])}
        assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == (25 if mode == "atomic" else 5)
        assert len(await transactions(store)) == 1 + 3

    @pytest.mark.parametrize("mode", MODES)
    async def test_batches_in_opposite_orders_do_not_wait_in_a_circle(
        self, crew: Sequence[Session], store: Store, mode: BatchMode
    ) -> None:
        wallets = [await a_wallet(crew[0], "1000") for _ in range(6)]
        round_trip = [
            builders.transfer(one.id, other.id, "1")
            for one, other in zip(wallets, wallets[1:] + wallets[:1], strict=True)
        ]
        batches = [Batch(mode=mode, transactions=tuple(one)) for one in (round_trip, round_trip[::-1])]
        done = await all_at_once(crew[n % len(crew)].submit_batch(batches[n // 2 % 2]) for n in range(40))
        assert {each.status for one in done for each in transactions_of(one)} == {"posted"}
        assert await _balances(store, *wallets) == [1000] * 6

    async def test_a_batch_that_was_stored_in_part_is_finished(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app)
        batch = independent(*(builders.deposit(wallet.id, "1", reference=f"r {number}") for number in range(8)))
        async with at_work(store, Failing(store.begin, Poison("r 5", RuntimeError("planted")))) as failing:
            with pytest.raises(Unavailable, match="retry with the same key"):
                await failing.submit_batch(batch, key="a key")
        stored = {one.request.reference: one for one in await transactions(store)}
        assert set(stored) == {f"r {number}" for number in range(8)} - {"r 5"}
        longer = independent(*batch.transactions, builders.deposit(wallet.id, "1"))
        with pytest.raises(IdempotencyKeyReused):
            await app.submit_batch(longer, key="a key")
        done = await app.submit_batch(batch, key="a key")
        assert not done.replayed
        assert [stored.get(one.request.reference, one) for one in transactions_of(done)] == list(done.transactions)
        assert await app.submit_batch(batch, key="a key") == done._replace(replayed=True)
        assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 8

    async def test_an_atomic_batch_is_never_stored_in_part(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app)
        batch = atomic(*(builders.deposit(wallet.id, "1", reference=f"r {number}") for number in range(8)))
        async with at_work(store, Failing(store.begin, Poison("r 5", Conflict("planted")))) as failing:
            neighbour, whole = await all_outcomes(
                [failing.execute(builders.deposit(wallet.id, "100")), failing.submit_batch(batch, key="a key")]
            )
        assert kinds([neighbour, whole]) == ["Conflict", "Transaction"]
        assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 100
        done = await app.submit_batch(batch, key="a key")
        assert (done.failed_index, done.replayed) == (None, False)
        assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 108

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize(("point", "error"), [("saved", Unavailable), ("save", Conflict), ("claim", Unavailable)])
    async def test_a_lost_answer_to_a_batch(
        self, store: Store, app: Session, mode: BatchMode, point: Point, error: type[TekanaError]
    ) -> None:
        wallet = await a_wallet(app)
        batch = Batch(mode=mode, transactions=tuple(builders.deposit(wallet.id, "1") for _ in range(5)))
        async with at_work(store, Failing(store.begin, Times(point, error("planted"), 1))) as failing:
            done = await failing.submit_batch(batch, key="a key")
        assert (await app.submit_batch(batch, key="a key")).transactions == done.transactions
        assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 5


def _projected(one: Transaction | Rejection) -> Transaction | Rejection:
    """Return a transaction without what is new each time: its id and its times."""
    if isinstance(one, Rejection):
        return one
    return replace(one, id=TransactionId(UUID(int=0)), created_at=EPOCH, posted_at=one.posted_at and EPOCH)


def _codes(done: BatchOutcome) -> list[str | None]:
    return [one.rejection.code if one.rejection else None for one in transactions_of(done)]


def _identities(done: BatchOutcome) -> tuple[object, ...]:
    return tuple(one.id for one in transactions_of(done))


async def _balances(store: Store, *wallets: Wallet) -> list[int]:
    return [(await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance for wallet in wallets]
