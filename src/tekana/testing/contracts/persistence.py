"""Persistence: one store object reads what another has saved."""

from __future__ import annotations

from collections.abc import Sequence

from tekana.application import Session
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.contracts.fixtures import Contract, at_work, needs
from tekana.testing.contracts.helpers import a_customer, all_at_once
from tekana.testing.contracts.ledger_checks import assert_whole, customers, feed, transactions, wallets


class PersistenceContract(Contract):
    """The contract of `Store.start`, `stop`, `migrate` and `check_ready`."""

    async def test_a_started_store_is_ready(self, store: Store) -> None:
        await store.check_ready()

    async def test_migrating_again_does_nothing(self, stores: Sequence[Store]) -> None:
        steps = await all_at_once(store.migrate() for store in [*stores] * 2)
        assert steps == [[]] * len(steps)
        await stores[0].check_ready()

    async def test_it_says_where_the_data_are(self, store: Store) -> None:
        assert store.location.strip()

    async def test_an_empty_store_shows_nothing(self, store: Store) -> None:
        assert [await customers(store), await wallets(store), await transactions(store), await feed(store)] == [[]] * 4

    @needs("persistent")
    async def test_another_store_finds_everything(self, store: Store, app: Session) -> None:
        aline = await a_customer(app, "500", metadata={"vip": True})
        done = await app.submit(builders.withdrawal(aline.wallets[0].id, "20", reference="r"), key="a key")
        other = await self.another(store)
        await other.start()
        try:
            assert await customers(other) == await customers(store)
            assert await wallets(other) == await wallets(store)
            assert await transactions(other) == await transactions(store)
            assert await feed(other) == await feed(store)
            async with at_work(other) as elsewhere:
                again = await elsewhere.submit(
                    builders.withdrawal(aline.wallets[0].id, "20", reference="r"), key="a key"
                )
            assert (again.answer, again.replayed) == (done.answer, True)
            await assert_whole(other)
        finally:
            await other.stop()

    @needs("persistent")
    async def test_stopping_twice_does_no_harm(self, store: Store, app: Session) -> None:
        aline = await a_customer(app, "500")
        other = await self.another(store)
        await other.stop()  # not started
        other = await self.another(store)
        await other.start()
        assert await other.customers(LOCAL_OPERATOR).get(aline.customer.id) == aline
        await other.stop()
        await other.stop()
        assert await store.customers(LOCAL_OPERATOR).get(aline.customer.id) == aline
