"""The suite for a bus: `tekana.ports.publisher`. `publishing_failures` has the tests of failures."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from tekana.application.event_payload import EventPayload, event_payload
from tekana.domain.events import Event, WalletFrozen, event_id
from tekana.domain.identifiers import WalletId
from tekana.ports.publisher import Publisher
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import needs
from tekana.testing.contracts.publishing_failures import PublisherFailuresContract
from tekana.testing.sample_events import sample_events


class PublisherContract(PublisherFailuresContract):
    """The contract of a publisher.

    A subclass defines the fixture `publisher`, which has an empty bus, is not started, and stops at the end; and the
    methods `arrived` and `bodies`, besides those of `PublisherFailuresContract`.

    Attributes:
        encoded: whether the bus transports bytes; False for one that transports objects, without `bodies`.
    """

    encoded: bool = True

    async def arrived(self, publisher: Publisher, number: int) -> Sequence[EventPayload]:
        """Return the first `number` events on the bus, as a consumer reads them: those of each aggregate in order."""
        raise NotImplementedError("implement `arrived`: see tekana.testing.contracts.publishing")

    async def bodies(self, publisher: Publisher, number: int) -> Sequence[bytes]:
        """Return the bodies of the first `number` messages on the bus, unchanged."""
        raise NotImplementedError("implement `bodies`: see tekana.testing.contracts.publishing")

    async def test_every_type_arrives_as_the_feed_shows_it(self, publisher: Publisher) -> None:
        events = sample_events()
        await publisher.start()
        assert list(await publisher.publish(events)) == []
        assert by_id(await self.arrived(publisher, len(events))) == by_id(map(event_payload, events))

    @needs("encoded")
    async def test_bodies_are_json_objects_with_the_fields_of_the_event(self, publisher: Publisher) -> None:
        events = sample_events()
        await publisher.start()
        await publisher.publish(events)
        bodies = [json.loads(body) for body in await self.bodies(publisher, len(events))]
        assert all(isinstance(body, dict) for body in bodies), "consumers in other languages read fields by name"
        data = [body.get("data", body) for body in bodies]  # with or without an envelope
        assert _sorted(data) == _sorted(_plain(event_payload(event).data) for event in events)

    async def test_runs_of_every_size_keep_the_order(self, publisher: Publisher) -> None:
        sequences = [(WalletId(uuid7()), count(1)) for _ in range(7)]
        runs = [
            [frozen(wallet_id, next(sequence)) for wallet_id, sequence in sequences for _ in range(size)]
            for size in (1, 2, 50, 500)
        ]
        await publisher.start()
        for run in runs:
            assert list(await publisher.publish(run)) == []
        sent = [event for run in runs for event in run]
        assert in_order(await self.arrived(publisher, len(sent))) == in_order(map(event_payload, sent))

    async def test_a_run_again_arrives_again_after_the_first(self, publisher: Publisher) -> None:
        wallet = WalletId(uuid7())
        run = [frozen(wallet, sequence) for sequence in range(1, 11)]
        await publisher.start()
        for _ in range(2):
            await publisher.publish(run)
        assert [one.id for one in await self.arrived(publisher, 20)] == [event_id(one) for one in run] * 2

    async def test_no_events_are_no_trouble(self, publisher: Publisher) -> None:
        await publisher.start()
        assert list(await publisher.publish([])) == []

    async def test_it_starts_when_it_has_to(self, publisher: Publisher) -> None:
        event = frozen(WalletId(uuid7()), 1)
        await publisher.publish([event])
        assert [one.id for one in await self.arrived(publisher, 1)] == [event_id(event)]

    async def test_stopping_at_any_time(self, publisher: Publisher) -> None:
        await publisher.stop()
        await publisher.start()
        await publisher.stop()
        await publisher.stop()

    async def test_it_is_a_publisher_and_says_where(self, publisher: Publisher) -> None:
        assert isinstance(publisher, Publisher)
        assert publisher.location


def frozen(wallet_id: WalletId, sequence: int) -> Event:
    """Return an event of a wallet with this sequence."""
    return WalletFrozen(wallet_id=wallet_id, sequence=sequence, occurred_at=FrozenClock()(), scope="debits")


def by_id(events: Iterable[EventPayload]) -> dict[str, EventPayload]:
    """Return the events by their ids, with their data as in JSON."""
    return {one.id: one._replace(data=_plain(one.data)) for one in events}


def in_order(events: Iterable[EventPayload]) -> dict[UUID, list[str]]:
    """Return the ids of each aggregate's events, in order of arrival."""
    found: dict[UUID, list[str]] = defaultdict(list)
    for one in events:
        found[one.aggregate_id].append(one.id)
    return found


def _sorted(bodies: Iterable[Any]) -> list[str]:
    return sorted(json.dumps(body, sort_keys=True) for body in bodies)


def _plain(data: dict[str, Any]) -> Any:
    return json.loads(msgspec.json.encode(data))
