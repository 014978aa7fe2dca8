"""The relay: every event is published, in order per aggregate, also when relays or the bus fail."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest

from tekana import Settings, connect
from tekana.application import Session
from tekana.application.workers import backoff, leased_worker, retention
from tekana.application.workers import relay as relays
from tekana.application.workers.relay import relay_worker
from tekana.application.workers.retention import retention_worker
from tekana.application.workers.worker import running
from tekana.bootstrap.container import BUS
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import EventsDropped, Unavailable
from tekana.domain.events import Event, aggregate_id, event_id
from tekana.ports.events import FeedEvent
from tekana.ports.outbox import Outbox
from tekana.ports.page import PageRequest
from tekana.ports.parked_events import ParkedEvent
from tekana.ports.publisher import RejectedEvent
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import at_work
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.contracts.ledger_checks import assert_whole, every
from tekana_memory import MemoryPublisher, MemoryStore
from tekana_memory.outbox import MemoryOutbox
from tekana_memory.retention import MemoryRetention
from tekana_memory.state import RelayRow

PATIENCE = 20.0


class FaultyPublisher(MemoryPublisher):
    """Fails the first `failures` runs half-way; always rejects the events with the ids `refused`."""

    def __init__(self, failures: int = 0) -> None:
        super().__init__()
        self.failures = failures
        self.refused: set[str] = set()

    async def publish(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            self.published += events[: len(events) // 2]
            raise Unavailable("the bus is away")
        rejected, blocked = [], set()
        for place, event in enumerate(events):
            if event_id(event) in self.refused:
                rejected.append(RejectedEvent(place, "it is too large"))
                blocked.add(aggregate_id(event))
            elif aggregate_id(event) not in blocked:
                self.published.append(event)
        return rejected


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leased_worker, "LEASE_SECONDS", 0.3)
    for name in ("_RENEW_SECONDS", "_STANDBY_SECONDS"):
        monkeypatch.setattr(leased_worker, name, 0.02)
    for name in ("FIRST_DELAY_SECONDS", "MAX_DELAY_SECONDS"):
        monkeypatch.setattr(backoff, name, 0.02)
    monkeypatch.setattr(relays, "_RETRY_CHECK_SECONDS", 0.02)


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    store = MemoryStore()
    yield store
    await assert_whole(store)


@pytest.fixture
async def app(store: MemoryStore) -> AsyncIterator[Session]:
    async with at_work(store) as app:
        yield app


@asynccontextmanager
async def relaying(outbox: Outbox, publisher: MemoryPublisher, holder: str = "a relay") -> AsyncIterator[None]:
    async with running([relay_worker("relay", outbox, publisher, holder=holder)]):
        yield


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the relay has no event for its progress
            await asyncio.sleep(0.005)


async def all_events(store: MemoryStore) -> list[FeedEvent]:
    return await every(store.events(LOCAL_OPERATOR).list)


async def post_transfers(app: Session, times: int) -> None:
    one, other = await a_wallet(app, "1000"), await a_wallet(app, "1000")
    for number in range(times):
        await app.execute(builders.transfer(one.id, other.id, "1"), key=f"{one.id} {number}")


def in_order(events: Sequence[Event]) -> bool:
    """Return whether each aggregate's events have no gap, duplicates ignored."""
    last: dict[UUID, int] = defaultdict(int)
    for event in events:
        if event.sequence > last[aggregate_id(event)]:
            if event.sequence != last[aggregate_id(event)] + 1:
                return False
            last[aggregate_id(event)] += 1
    return True


async def test_every_event_is_published_in_order(store: MemoryStore, app: Session) -> None:
    publisher = MemoryPublisher()
    await post_transfers(app, 30)
    async with relaying(store.outbox("bus"), publisher):
        await post_transfers(app, 30)
        feed = [one.event for one in await all_events(store)]
        await until(lambda: len(publisher.published) >= len(feed))
    assert publisher.published == feed
    state = await store.outbox("bus").state()
    assert (state.holder, state.unpublished, state.parked) == (None, 0, 0)


async def test_an_outage_of_the_bus_loses_no_event(
    store: MemoryStore, app: Session, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = FaultyPublisher(failures=5)
    await post_transfers(app, 20)
    feed = [one.event for one in await all_events(store)]
    with caplog.at_level(logging.WARNING, "tekana.relay"):
        async with relaying(store.outbox("bus"), publisher):
            await until(lambda: bool(publisher.published) and publisher.published[-1] == feed[-1])
            await until(lambda: "it works again" in caplog.text)
    assert {event_id(one) for one in publisher.published} == {event_id(one) for one in feed}
    assert in_order(publisher.published)
    assert len([one for one in caplog.records if "the bus is away" in one.getMessage()]) == 1


async def test_another_relay_takes_over(store: MemoryStore, app: Session) -> None:
    publishers = [MemoryPublisher() for _ in range(3)]
    works = [
        asyncio.create_task(relay_worker("relay", store.outbox("bus"), publisher, holder=str(number)).run())
        for number, publisher in enumerate(publishers)
    ]
    for round_number in range(3):
        await post_transfers(app, 5)
        count = len(await all_events(store))
        await until(lambda count=count: sum(len(one.published) for one in publishers) >= count)  # type: ignore[misc]
        assert sum(bool(one.published) for one in publishers) <= round_number + 1
        holder = (await store.outbox("bus").state()).holder
        assert holder is not None
        works[int(holder)].cancel()
    await asyncio.gather(*works, return_exceptions=True)
    together = [event for one in publishers for event in one.published]
    assert {event_id(one) for one in together} == {event_id(one.event) for one in await all_events(store)}


async def test_a_relay_with_an_expired_lease_does_not_disturb_the_next_one(store: MemoryStore, app: Session) -> None:
    asleep, woken = asyncio.Event(), asyncio.Event()

    class SlowPublisher(MemoryPublisher):
        async def publish(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
            asleep.set()
            await woken.wait()
            return await super().publish(events)

    await post_transfers(app, 3)
    outbox, first, second = store.outbox("bus"), SlowPublisher(), MemoryPublisher()
    feed = [one.event for one in await all_events(store)]
    async with relaying(outbox, first, "sleepy"):
        await asleep.wait()
        await outbox.rewind(None)  # ends the lease, as its expiry does
        async with relaying(outbox, second, "awake"):
            await until(lambda: second.published == feed)
            woken.set()
            await asyncio.sleep(0.1)
            assert (await outbox.state()).holder == "awake"
    assert in_order(second.published + first.published)


async def test_a_rejected_event_is_parked_with_the_later_ones_of_its_aggregate(
    store: MemoryStore, app: Session, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = FaultyPublisher()
    await post_transfers(app, 10)
    feed = [one.event for one in await all_events(store)]
    bad = next(one for one in feed if one.aggregate == "wallet" and one.sequence == 4)
    publisher.refused = {event_id(bad)}
    outbox = store.outbox("bus")
    with caplog.at_level(logging.ERROR, "tekana.relay"):
        async with relaying(outbox, publisher):
            await post_transfers(app, 5)
            feed = [one.event for one in await all_events(store)]
            waiting = [one for one in feed if aggregate_id(one) == aggregate_id(bad) and one.sequence >= 4]
            await until(lambda: len(publisher.published) == len(feed) - len(waiting))
            await asyncio.sleep(0.1)
            assert [one.feed_event.event for one in await outbox.parked_events.list(1000)] == waiting
            assert f"event {event_id(bad)} (WalletDebited) is parked: it is too large" in caplog.text

            assert await outbox.parked_events.request_retry() == len(waiting)
            await until(lambda: caplog.text.count("is parked") == 2)  # it is rejected again
            assert await outbox.parked_events.aggregates() == {aggregate_id(bad)}

            publisher.refused.clear()
            assert await outbox.parked_events.request_retry(aggregate_id(bad)) == len(waiting)
            await until(lambda: len(publisher.published) == len(feed))
            await post_transfers(app, 2)
            feed = [one.event for one in await all_events(store)]
            await until(lambda: len(publisher.published) == len(feed))
    assert await outbox.parked_events.aggregates() == set()
    assert in_order(publisher.published)
    assert {event_id(one) for one in publisher.published} == {event_id(one) for one in feed}


async def test_old_unpublished_and_parked_events_give_warnings() -> None:
    clock = FrozenClock()
    store = MemoryStore(clock=clock)
    outbox = store.outbox(BUS)
    with_a_bus = Settings(database_url="memory://", bus_url="kafka://127.0.0.1:1")
    async with connect(with_a_bus, store=store) as app, connect("memory://", store=store) as without:
        await post_transfers(app.as_caller(LOCAL_OPERATOR), 1)
        clock.advance(timedelta(seconds=relays.LAG_WARNING_SECONDS))
        assert await app.check_ready() == []
        clock.advance(timedelta(seconds=1))
        assert await app.check_ready() == [
            "events have waited for 61 s to be published: is a relay at work, and the bus up?"
        ]
        assert await without.check_ready() == ()
        feed = await all_events(store)
        lease = await outbox.lease.acquire("me", 60)
        assert lease is not None
        await outbox.advance(lease, feed[-1].cursor, [ParkedEvent(feed[0], "too large")])
        [warning] = await app.check_ready()
        assert "tekana outbox list" in warning
        await outbox.parked_events.unpark(lease, [feed[0].cursor])
        assert await app.check_ready() == []


async def test_old_published_events_are_pruned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_PERIOD_SECONDS", 0.01)
    clock, publisher = FrozenClock(), MemoryPublisher()
    store = MemoryStore(clock=clock)
    async with at_work(store) as app:
        await post_transfers(app, 3)
        feed = await all_events(store)
        async with relaying(store.outbox("bus"), publisher), running([retention_worker(store, 30, holder="me")]):
            await until(lambda: len(publisher.published) >= len(feed))
            await asyncio.sleep(0.1)
            assert await all_events(store) == feed
            clock.advance(timedelta(days=31))
            async with asyncio.timeout(PATIENCE):
                while await all_events(store) == feed:  # noqa: ASYNC110 - a worker signals nothing
                    await asyncio.sleep(0.01)
            with pytest.raises(EventsDropped):
                await store.events(LOCAL_OPERATOR).list(PageRequest(10, feed[0].cursor))
    kept = len(await all_events(store))
    await assert_whole(store, [one.event for one in feed[: len(feed) - kept]])


async def test_a_failing_retention_does_not_stop_publishing(
    store: MemoryStore, app: Session, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(MemoryRetention):
        async def prune(self, older_than: timedelta) -> int | None:
            raise RuntimeError("no right to call the function")

    store.retention = Broken(store._state, store._clock)
    publisher, outbox = MemoryPublisher(), store.outbox("bus")
    dropping = retention_worker(store, 30, holder="me")
    async with relaying(outbox, publisher), running([dropping]):
        await post_transfers(app, 5)
        feed = [one.event for one in await all_events(store)]
        await until(lambda: len(publisher.published) >= len(feed) and "retention me: failed" in caplog.text)
        assert (await outbox.state()).unpublished == 0
    assert publisher.published == feed


async def test_runs_are_never_published_concurrently(store: MemoryStore, app: Session) -> None:
    """Also when the read of the next run fails during the publish."""
    at_once, most, reads, failed_reads = 0, 0, 0, 0

    class Slow(MemoryPublisher):
        async def publish(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            try:
                await asyncio.sleep(0.1)
                return await super().publish(events)
            finally:
                at_once -= 1

    class Unreadable(MemoryOutbox):
        async def read(self, after: str | None, limit: int) -> Sequence[FeedEvent]:
            nonlocal reads, failed_reads
            reads += 1
            if at_once and reads < 10:
                failed_reads += 1
                raise Unavailable("the database is away")
            return await super().read(after, limit)

    await post_transfers(app, 30)
    outbox = Unreadable(store._state.relays.setdefault("bus", RelayRow()), store.events(LOCAL_OPERATOR), store._clock)
    publisher = Slow()
    async with relaying(outbox, publisher):
        feed = [one.event for one in await all_events(store)]
        await until(lambda: bool(publisher.published) and publisher.published[-1] == feed[-1])
    assert (at_once, most) == (0, 1)
    assert failed_reads > 0


async def test_a_long_outage_keeps_one_lease_and_logs_one_line(
    store: MemoryStore, app: Session, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leased_worker, "LEASE_SECONDS", 30.0)  # long enough for a slow machine
    publisher = FaultyPublisher(failures=10**9)
    await post_transfers(app, 3)
    with caplog.at_level(logging.INFO, "tekana"):
        async with relaying(store.outbox("bus"), publisher):
            await until(lambda: publisher.failures <= 10**9 - 10)
    assert (await store.outbox("bus").state()).epoch == 1
    assert [one.getMessage() for one in caplog.records] == [
        "relay a relay: at work, in epoch 1",
        "relay a relay: the bus is away; trying until it works",
    ]
