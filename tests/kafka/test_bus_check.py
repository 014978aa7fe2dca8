"""The check of `nox -s bus` detects each kind of fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from benchmarks.bus_check import check
from tekana.domain.events import Event, aggregate_id
from tekana.testing import builders
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.contracts.ledger_checks import every
from tekana.testing.session import session
from tekana_kafka import KafkaPublisher

pytestmark = pytest.mark.kafka


async def test_lost_duplicate_and_reordered_events_are_counted(
    postgres_url: str, kafka_address: str, topic_prefix: str
) -> None:
    async with session(postgres_url) as app:
        one, other = await a_wallet(app, "100"), await a_wallet(app, "100")
        for number in range(5):
            await app.execute(builders.transfer(one.id, other.id, "1"), key=f"{number}")
        events = [fed.event for fed in await every(app.events.list)]

    plants = 0

    async def counts(published: Sequence[Event]) -> tuple[int, int, int, int]:
        nonlocal plants
        plants += 1
        bus_url = f"kafka://{kafka_address}?topic_prefix={topic_prefix}-{plants}&partitions=2"
        publisher = KafkaPublisher(bus_url)
        await publisher.publish(published)
        await publisher.stop()
        tally = await check(postgres_url, bus_url)
        assert (tally.events, tally.messages) == (len(events), len(published))
        found = (tally.lost, tally.without_cause, tally.out_of_order, tally.duplicates)
        assert tally.sound == (found[:3] == (0, 0, 0))
        return found

    mine = [place for place, event in enumerate(events) if aggregate_id(event) == one.id]
    assert await counts(events) == (0, 0, 0, 0)
    assert await counts([*events, *events[5:]]) == (0, 0, 0, len(events) - 5)
    assert await counts(events[:-1]) == (1, 0, 0, 0)
    assert await counts([event for place, event in enumerate(events) if place != mine[2]]) == (1, 0, 1, 0)
    assert await counts([*events, replace(events[mine[-1]], sequence=len(mine) + 1)]) == (0, 1, 0, 0)
    swapped = list(events)
    swapped[mine[2]], swapped[mine[3]] = swapped[mine[3]], swapped[mine[2]]
    assert await counts(swapped) == (1, 0, 1, 1)  # the late one counts as a duplicate
