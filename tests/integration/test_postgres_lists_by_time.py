"""Lists by time find everything of that time, also what bears an id of another time."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import tekana
from tekana.ports.page import PageRequest
from tekana.ports.transactions import TransactionFilter
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana_postgres import PostgresStore

OFF = [0.0, 1, -1, 9.5, -9.5, 10, -10, 10.5, -10.5, 60, -60, 86_400, -86_400, 40 * 365 * 86_400, -40 * 365 * 86_400]
"""How many seconds the database's clock is off the clock that made the ids."""


async def test_what_bears_an_id_of_another_time_is_found_by_its_own(postgres_url: str) -> None:
    clock = FrozenClock()
    async with tekana.connect(store=PostgresStore(postgres_url, clock=clock)) as app:
        aline = await app.execute(builders.person())
        made = []
        for off in OFF:
            clock.set(datetime.now(UTC) + timedelta(seconds=off))
            made.append(await app.execute(builders.deposit(aline.wallets[0].id)))
        newest_first = sorted(made, key=lambda one: one.id, reverse=True)
        moments = [
            None,
            *(one.created_at for one in made),
            datetime.min.replace(tzinfo=UTC),
            datetime.max.replace(tzinfo=UTC),
        ]
        for which in (
            TransactionFilter(),
            TransactionFilter(type="deposit"),
            TransactionFilter(wallet_id=aline.wallets[0].id),
            TransactionFilter(customer_id=aline.customer.id, status="posted"),
        ):
            for start, end in itertools.product(moments, moments):
                page = await app.transactions.list(which._replace(start=start, end=end), PageRequest())
                expected = [
                    one
                    for one in newest_first
                    if (start is None or start <= one.created_at) and (end is None or one.created_at < end)
                ]
                assert list(page.items) == expected, (which, start, end)
