"""The suite for failures of a bus: it is unreachable, it rejects an event, or a call is cancelled.

With any failure, the events of an aggregate must arrive in order and without a gap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tekana.application.event_payload import EventPayload
from tekana.domain.errors import Unavailable
from tekana.domain.events import Event, WalletFrozen, aggregate_id, event_id
from tekana.domain.identifiers import WalletId
from tekana.ports.publisher import Publisher
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import CapabilityContract, needs

PATIENCE_SECONDS = 60.0
"""The time in which a publisher must raise Unavailable, in seconds."""


class PublisherFailuresContract(CapabilityContract):
    """The contract of a publisher for failures.

    Attributes:
        can_be_away: whether the subclass implements `away`, which makes the bus unreachable.
        can_reject: whether the subclass implements `make_unacceptable`.
    """

    pytestmark = pytest.mark.asyncio
    can_be_away: bool = False
    can_reject: bool = False

    async def arrived(self, publisher: Publisher, number: int) -> Sequence[EventPayload]:
        """Return the first events on the bus, as in `PublisherContract`."""
        raise NotImplementedError

    def away(self, publisher: Publisher) -> AbstractAsyncContextManager[object]:
        """Make the bus unreachable until the context ends. The bus must keep the events that it confirmed before."""
        raise NotImplementedError("implement `away`: see tekana.testing.contracts.publishing_failures")

    async def make_unacceptable(self, publisher: Publisher, event: Event) -> Event:
        """Return an event of the same aggregate and sequence that the bus rejects, such as one that is too large."""
        raise NotImplementedError("implement `make_unacceptable`: see tekana.testing.contracts.publishing_failures")

    @needs("can_be_away")
    async def test_a_bus_that_is_away_is_unavailable_and_gets_everything_later(self, publisher: Publisher) -> None:
        histories = [_history(20) for _ in range(3)]
        await publisher.start()
        for run in (_mixed(one[:10] for one in histories), _mixed(one[10:] for one in histories)):
            async with self.away(publisher):
                for _ in range(2):
                    assert await _is_unavailable(publisher, run)
            await _publish_until_confirmed(publisher, run)
        await self._assert_without_gaps(publisher, histories)

    @needs("can_be_away")
    async def test_it_can_be_stopped_and_started_while_the_bus_is_away(self, publisher: Publisher) -> None:
        history = _history(5)
        await publisher.start()
        async with self.away(publisher):
            assert await _is_unavailable(publisher, history)
            async with asyncio.timeout(PATIENCE_SECONDS):
                await publisher.stop()
        await _publish_until_confirmed(publisher, history)
        await self._assert_without_gaps(publisher, [history])

    @needs("can_reject")
    async def test_an_event_that_is_never_taken_holds_back_its_aggregate_alone(self, publisher: Publisher) -> None:
        bad, *good = histories = [_history(10) for _ in range(4)]
        await publisher.start()
        bad[4] = await self.make_unacceptable(publisher, bad[4])
        run = _mixed(histories)
        for _ in range(2):  # a rejected event is rejected again
            async with asyncio.timeout(PATIENCE_SECONDS):
                rejected = await publisher.publish(run)
            assert [one.event_index for one in rejected] == [run.index(bad[4])]
            assert rejected[0].reason
        await self._assert_without_gaps(publisher, [bad[:4], *good])

    @needs("can_reject")
    async def test_every_event_that_is_never_taken_is_named(self, publisher: Publisher) -> None:
        histories = [_history(3) for _ in range(5)]
        await publisher.start()
        for number in (1, 3):
            histories[number][0] = await self.make_unacceptable(publisher, histories[number][0])
        run = [one for history in histories for one in history]
        rejected = await publisher.publish(run)
        assert [one.event_index for one in rejected] == [3, 9]
        await self._assert_without_gaps(publisher, [histories[0], histories[2], histories[4]])

    async def test_a_call_that_is_cancelled_leaves_no_gap(self, publisher: Publisher) -> None:
        histories = [_history(60) for _ in range(5)]
        await publisher.start()
        await publisher.publish([one[0] for one in histories])
        for number in range(10):
            run = _mixed(one[1 + 5 * number : 6 + 5 * number] for one in histories)
            call = asyncio.create_task(_publish(publisher, run))
            for _ in range(3 * number):  # ever later, by turns of the event loop and by time
                await asyncio.sleep(0.0005 * (number % 2))
            call.cancel()
            await asyncio.wait([call], timeout=PATIENCE_SECONDS)
            assert call.done(), "a cancelled call must end"
            await _publish_until_confirmed(publisher, run)
        await _publish_until_confirmed(publisher, _mixed(one[51:] for one in histories))
        await self._assert_without_gaps(publisher, histories)

    async def _assert_without_gaps(self, publisher: Publisher, histories: Iterable[Sequence[Event]]) -> None:
        """Check that all events arrived, and those of each aggregate in order, ignoring repeated runs."""
        expected = {aggregate_id(one[0]): [event_id(each) for each in one] for one in histories}
        await publisher.publish([_last_of(wallet_id, len(ids)) for wallet_id, ids in expected.items()])
        number = sum(len(one) + 1 for one in expected.values())
        found: dict[UUID, list[str]] = {}
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not _ended(found, expected):
                found = {}
                for one in await self.arrived(publisher, number):
                    found.setdefault(one.aggregate_id, []).append(one.id)
                number += 1  # for each repeated event
        for wallet_id, arrived in found.items():
            ids = [*expected.get(wallet_id, ()), f"{wallet_id}:{len(expected.get(wallet_id, ())) + 1}"]
            assert set(arrived) == set(ids), "all events must arrive, and none after a rejected one of its aggregate"
            first = [ids.index(one) for one in dict.fromkeys(arrived)]
            assert first == sorted(first), "the events of an aggregate must arrive in order"
            # A repeated run begins at an earlier event, and continues without a gap.
            for earlier, later in pairwise(arrived):
                assert ids.index(later) <= ids.index(earlier) + 1


def _history(size: int) -> list[Event]:
    wallet_id = WalletId(uuid7())
    return [_frozen(wallet_id, sequence) for sequence in range(1, size + 1)]


def _frozen(wallet_id: WalletId, sequence: int) -> Event:
    return WalletFrozen(wallet_id=wallet_id, sequence=sequence, occurred_at=FrozenClock()(), scope="debits")


def _last_of(wallet_id: UUID, size: int) -> Event:
    """Return the event after a history: once it has arrived, so have all events before it."""
    return _frozen(WalletId(wallet_id), size + 1)


def _ended(found: dict[UUID, list[str]], expected: dict[UUID, list[str]]) -> bool:
    return all(f"{one}:{len(ids) + 1}" in found.get(one, ()) for one, ids in expected.items())


def _mixed(histories: Iterable[Sequence[Event]]) -> list[Event]:
    """Interleave the histories in one run, each in its order."""
    return [event for several in zip(*histories, strict=True) for event in several]


async def _publish(publisher: Publisher, run: Sequence[Event]) -> None:
    await publisher.publish(run)


async def _is_unavailable(publisher: Publisher, run: Sequence[Event]) -> bool:
    async with asyncio.timeout(PATIENCE_SECONDS):
        try:
            await publisher.publish(run)
        except Unavailable:
            return True
    return False


async def _publish_until_confirmed(publisher: Publisher, run: Sequence[Event]) -> None:
    """Publish a run repeatedly until it is confirmed, as the relay does."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                assert list(await publisher.publish(run)) == []
            except Unavailable:
                await asyncio.sleep(0.05)
            else:
                return
