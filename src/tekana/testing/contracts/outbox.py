"""The suite for a store with an outbox that relays can publish: `tekana.ports.outbox`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from tekana.application import Session
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import EventsDropped, InvalidRequest
from tekana.domain.events import aggregate_id
from tekana.ports.events import FeedEvent
from tekana.ports.lease import Lease, LeaseLost
from tekana.ports.outbox import Outbox, RelayedStore
from tekana.ports.page import PageRequest
from tekana.ports.parked_events import ParkedEvent
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.contracts.leases import LONG, LeasesContract
from tekana.testing.contracts.ledger_checks import every

ALL = timedelta()


class OutboxContract(LeasesContract):
    """The contract of an outbox. A subclass defines the fixture `store`, as for `StoreContract`."""

    def leases_of(self, store: RelayedStore) -> Sequence[Lease]:
        """Include the lease of a relay, which is like any other."""
        return [*super().leases_of(store), store.outbox("a relay").lease]

    async def test_it_reads_what_the_feed_shows(self, store: RelayedStore, app: Session) -> None:
        await _some_events(app)
        feed = await every(store.events(LOCAL_OPERATOR).list)
        outbox = store.outbox("bus")
        assert await _all(outbox, None) == feed
        for index, one in enumerate(feed):
            assert await _all(outbox, one.cursor) == feed[index + 1 :]

    async def test_a_run_has_no_more_events_than_asked_for(self, store: RelayedStore, app: Session) -> None:
        one, other = await a_wallet(app, "100"), await a_wallet(app)
        for number in range(30):
            await app.execute(builders.transfer(one.id, other.id, "1"), key=str(number))
        outbox, after = store.outbox("bus"), None
        while run := await outbox.read(after, 6):
            assert len(run) <= 6
            after = run[-1].cursor
        assert await outbox.read(None, 1), "the first transaction, though it has more events"

    async def test_what_happens_while_it_is_idle_is_read_at_once(self, store: RelayedStore, app: Session) -> None:
        feed = await _some_events(app, store)
        outbox = store.outbox("bus")
        for number in range(5):
            for _ in range(3):
                assert not await outbox.read(feed[-1].cursor, 10)
            wallet = await a_wallet(app, str(number + 1))
            new = [one.event for one in await outbox.read(feed[-1].cursor, 100)]
            assert {aggregate_id(one) for one in new} >= {wallet.id, wallet.customer_id}
            feed = await every(store.events(LOCAL_OPERATOR).list)

    async def test_a_lost_lease_moves_nothing(self, store: RelayedStore, app: Session) -> None:
        cursor = (await _some_events(app, store))[-1].cursor
        outbox = store.outbox("bus")
        lost = await outbox.lease.acquire("one", LONG)
        assert lost is not None
        assert (await outbox.state()).holder == "one"
        await outbox.lease.release(lost)
        assert (await outbox.state()).holder is None
        assert await outbox.lease.acquire("two", LONG) is not None
        for late in (outbox.advance(lost, cursor), outbox.parked_events.unpark(lost, [])):
            with pytest.raises(LeaseLost):
                await late
        state = await outbox.state()
        assert (state.holder, state.cursor) == ("two", None)

    async def test_the_next_relay_continues_from_the_cursor(self, store: RelayedStore, app: Session) -> None:
        feed = await _some_events(app, store)
        outbox = store.outbox("bus")
        lease = await outbox.lease.acquire("one", LONG)
        assert lease is not None
        await outbox.advance(lease, feed[2].cursor)
        await outbox.lease.release(lease)
        following = await outbox.lease.acquire("two", LONG)
        assert following is not None
        assert await outbox.cursor() == feed[2].cursor
        assert (await outbox.state()).oldest == feed[3].event.occurred_at
        assert list(await outbox.read(feed[2].cursor, 1))[:1] == [feed[3]]
        await outbox.advance(following, feed[-1].cursor)
        state = await outbox.state()
        assert (state.cursor, state.unpublished, state.oldest) == (feed[-1].cursor, 0, None)

    async def test_the_lag(self, store: RelayedStore, app: Session, clock: FrozenClock) -> None:
        outbox = store.outbox("bus")
        assert await outbox.lag() == 0.0
        feed = await _some_events(app, store)
        clock.advance(timedelta(seconds=10))  # for stores that use it; by the clock of others it is longer
        lease = await outbox.lease.acquire("one", LONG)
        assert lease is not None
        for one in feed:
            assert await outbox.lag() >= 10.0
            await outbox.advance(lease, one.cursor)
        assert await outbox.lag() == 0.0

    async def test_relays_are_apart(self, store: RelayedStore, app: Session) -> None:
        feed = await _some_events(app, store)
        one, other = store.outbox("one"), store.outbox("other")
        lease = await one.lease.acquire("me", LONG)
        assert lease is not None
        await one.advance(lease, feed[0].cursor, [ParkedEvent(feed[0], "too large")])
        untouched = await other.state()
        assert (untouched.holder, untouched.cursor, untouched.parked) == (None, None, 0)
        assert await other.parked_events.aggregates() == set()
        assert untouched.unpublished > 0
        assert untouched.oldest == feed[0].event.occurred_at

    async def test_parked_events_wait_in_order(self, store: RelayedStore, app: Session) -> None:
        feed = await _some_events(app, store)
        wallet = aggregate_id(feed[1].event)
        mine = [one for one in feed if aggregate_id(one.event) == wallet]
        other = next(one for one in feed if aggregate_id(one.event) != wallet)
        outbox = store.outbox("bus")
        lease = await outbox.lease.acquire("me", LONG)
        assert lease is not None
        parked = [ParkedEvent(one, "too large" if one is mine[0] else None) for one in mine[:2]]
        await outbox.advance(lease, mine[1].cursor, [*parked, ParkedEvent(other, "odd")])
        await outbox.advance(lease, feed[-1].cursor, [ParkedEvent(one, None) for one in mine[2:]])
        assert await outbox.parked_events.aggregates() == {wallet, aggregate_id(other.event)}
        assert [one.feed_event.cursor for one in await outbox.parked_events.list(1)] == [
            min(mine[0], other, key=feed.index).cursor
        ]
        assert await outbox.parked_events.retry_requested(100) == []
        assert await outbox.parked_events.request_retry(wallet) == len(mine)
        assert await outbox.parked_events.retry_requested(100) == [
            *parked,
            *(ParkedEvent(one, None) for one in mine[2:]),
        ]
        await outbox.parked_events.unpark(lease, [mine[0].cursor], [ParkedEvent(mine[1], "too large, too")])
        assert await outbox.parked_events.retry_requested(100) == []
        left = [one for one in await outbox.parked_events.list(100) if one.feed_event != other]
        assert [(one.feed_event, one.reason) for one in left] == [
            (one, "too large, too" if one is mine[1] else None) for one in mine[1:]
        ]
        assert await outbox.parked_events.request_retry() == len(mine)  # those of the other aggregate, too
        await outbox.parked_events.unpark(
            lease, [one.feed_event.cursor for one in await outbox.parked_events.retry_requested(100)]
        )
        assert await outbox.parked_events.aggregates() == set()
        assert (await outbox.state()).parked == 0

    async def test_going_back(self, store: RelayedStore, app: Session) -> None:
        feed = await _some_events(app, store)
        outbox = store.outbox("bus")
        lease = await outbox.lease.acquire("me", LONG)
        assert lease is not None
        await outbox.advance(lease, feed[-1].cursor)
        await outbox.rewind(feed[0].cursor)
        with pytest.raises(LeaseLost):
            await outbox.advance(lease, feed[-1].cursor)
        again = await outbox.lease.acquire("me", LONG)
        assert again is not None
        assert await outbox.cursor() == feed[0].cursor
        assert again > lease
        await outbox.rewind(None)
        assert (await outbox.cursor(), (await outbox.state()).cursor) == (None, None)
        with pytest.raises(InvalidRequest):
            await outbox.rewind("nonsense")

    async def old_enough(self, store: RelayedStore) -> None:
        """Complete the present part of the outbox, for a store that drops whole parts only."""

    async def test_what_was_published_long_ago_is_dropped(self, store: RelayedStore, app: Session) -> None:
        feed = await _some_events(app, store)
        await self.old_enough(store)
        young = await a_wallet(app, "3")
        everything = await every(store.events(LOCAL_OPERATOR).list)
        outbox = store.outbox("bus")
        lease = await outbox.lease.acquire("me", LONG)
        assert lease is not None
        assert await store.retention.prune(ALL) is None, "nothing was published"
        await outbox.advance(lease, everything[-1].cursor)
        other = await store.outbox("other").lease.acquire("me", LONG)
        assert other is not None
        assert await store.retention.prune(ALL) is None, "another relay has published nothing"
        await store.outbox("other").advance(other, everything[-1].cursor)
        assert await store.retention.prune(timedelta(days=36_500)) is None, "nothing is so old"
        assert await every(store.events(LOCAL_OPERATOR).list) == everything
        dropped = await store.retention.prune(ALL)
        assert dropped is not None
        assert dropped >= 3
        assert await store.retention.prune(ALL) is None, "it is dropped already"

        kept = await every(store.events(LOCAL_OPERATOR).list)
        self.dropped = [one.event for one in everything[: len(everything) - len(kept)]]
        assert len(self.dropped) >= len(feed)
        assert kept == everything[len(everything) - len(kept) :]
        assert await _all(outbox, None) == kept
        for asking in (
            store.events(LOCAL_OPERATOR).list(PageRequest(10, feed[0].cursor)),
            outbox.read(feed[0].cursor, 10),
            outbox.rewind(feed[0].cursor),
        ):
            with pytest.raises(EventsDropped):
                await asking
        assert not await outbox.read(everything[-1].cursor, 10)
        await app.execute(builders.deposit(young.id, "1"), key="a deposit after it")
        assert len(await outbox.read(everything[-1].cursor, 10)) == 3
        assert (await outbox.state()).unpublished == 1


async def _some_events(app: Session, store: RelayedStore | None = None) -> Sequence[FeedEvent]:
    one, other = await a_wallet(app, "100"), await a_wallet(app, "5")
    await app.execute(builders.transfer(one.id, other.id, "7"), key="a transfer")
    return [] if store is None else await every(store.events(LOCAL_OPERATOR).list)


async def _all(outbox: Outbox, after: str | None) -> list[FeedEvent]:
    found: list[FeedEvent] = []
    while page := await outbox.read(after, 4):
        found += page
        after = found[-1].cursor
    return found
