"""Days, weeks and months of limits in time zones whose clocks are set forward and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from tekana.application import Session
from tekana.domain.errors import LimitExceeded
from tekana.domain.identifiers import CustomerId
from tekana.domain.limits import Window
from tekana.domain.usage import period_of, window_end
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer
from tekana.testing.contracts.ledger_checks import session_of
from tekana.testing.contracts.limits import tier_0
from tekana.testing.contracts.reversals import reversal
from tekana_memory import MemoryStore
from tekana_postgres import PostgresStore
from tekana_postgres.migrator import keep_time_zone
from tests.postgres_stores import postgres_store

_PARIS = "Europe/Paris"
_WINDOWS = ("daily", "weekly", "monthly")


class InParis(Contract):
    """The contract of a store whose operator is in Paris, where the clocks change on 29 March and 25 October 2026."""

    @pytest_asyncio.fixture(autouse=True)
    async def audit_at_the_end(self, store: Store) -> AsyncIterator[None]:
        """Audit the store after the test. Readers do not know the time zone, so what they read is not audited."""
        yield
        assert [one async for one in session_of(store).audit() if not one.ok] == []

    @pytest.mark.parametrize(
        ("first", "ends"),
        [
            ("2026-03-28T23:30+01:00", ("2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00", "2026-04-01T00:00+02:00")),
            ("2026-03-29T00:00+01:00", ("2026-03-30T00:00+02:00", "2026-03-30T00:00+02:00", "2026-04-01T00:00+02:00")),
            ("2026-03-29T23:59+02:00", ("2026-03-30T00:00+02:00", "2026-03-30T00:00+02:00", "2026-04-01T00:00+02:00")),
            ("2026-10-24T23:59+02:00", ("2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00", "2026-11-01T00:00+01:00")),
            ("2026-10-25T02:30+02:00", ("2026-10-26T00:00+01:00", "2026-10-26T00:00+01:00", "2026-11-01T00:00+01:00")),
            ("2026-10-25T02:30+01:00", ("2026-10-26T00:00+01:00", "2026-10-26T00:00+01:00", "2026-11-01T00:00+01:00")),
        ],
    )
    async def test_what_is_used_counts_until_the_window_ends(
        self, store: Store, app: Session, clock: FrozenClock, first: str, ends: tuple[str, ...]
    ) -> None:
        """What a reversal gives back is of the same windows."""
        clock.set(datetime.fromisoformat(first))
        await app.execute(tier_0())
        customer, [wallet] = await a_customer(app, "1000")
        await app.execute(builders.withdrawal(wallet.id, "100"))
        taken = await app.execute(builders.withdrawal(wallet.id, "50"))
        assert await _resets(app, customer.id) == [datetime.fromisoformat(one) for one in ends]
        for window, end in zip(_WINDOWS, map(datetime.fromisoformat, ends), strict=True):
            await app.execute(tier_0(**{f"{window}_outgoing_amount": "150"}))
            clock.set(end - timedelta(microseconds=1))
            with pytest.raises(LimitExceeded) as refused:
                await app.execute(builders.withdrawal(wallet.id, "1"))
            assert refused.value.limit is not None
            assert (refused.value.limit.left, refused.value.limit.resets_at) == (0, end)
            clock.set(end)
            preview = await app.preview(builders.withdrawal(wallet.id, "150"))
            assert preview.status == "posted"
        clock.set(datetime.fromisoformat(ends[0]))
        await app.execute(tier_0(weekly_outgoing_amount="150"))
        await app.execute(reversal(taken))
        assert (await app.preview(builders.withdrawal(wallet.id, "50"))).status == "posted"


async def _resets(app: Session, customer_id: CustomerId) -> list[datetime | None]:
    [found] = (await app.limits.of_customer(customer_id)).currencies
    by_name = {one.name: one.resets_at for one in found.limits}
    return [by_name[f"{window}_outgoing_amount"] for window in _WINDOWS]


class TestMemoryStoreInParis(InParis):
    @pytest.fixture
    async def store(self, clock: FrozenClock) -> AsyncIterator[MemoryStore]:
        store = MemoryStore(clock=clock, time_zone=_PARIS)
        await store.start()
        await store.migrate()
        yield store
        await store.stop()


class TestPostgresStoreInParis(InParis):
    @pytest.fixture
    async def store(self, clock: FrozenClock, postgres_url: str) -> AsyncIterator[PostgresStore]:
        await keep_time_zone(postgres_url, _PARIS)
        store = postgres_store(postgres_url, clock=clock)
        await store.start()
        yield store
        await store.stop()


@pytest.mark.parametrize(
    "zone",
    # An hour forward and back at night; at midnight; at the midnight that the next day begins with; half an hour; a
    # whole day left out; never.
    [_PARIS, "America/Havana", "Africa/Cairo", "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Kigali"],
)
@pytest.mark.parametrize("window", _WINDOWS)
def test_a_window_ends_when_the_next_one_begins(zone: str, window: str) -> None:
    where, moment = ZoneInfo(zone), datetime(2011, 1, 1, tzinfo=UTC)
    part = {"daily": "day", "weekly": "week", "monthly": "month"}[window]
    while moment.year < 2013:
        period = period_of(moment, where)
        end = window_end(cast("Window", window), period.day, where)
        assert moment < end
        before, after = (period_of(one, where) for one in (end - timedelta(microseconds=1), end))
        assert getattr(before, part) == getattr(period, part) != getattr(after, part)
        moment += timedelta(minutes=97)
