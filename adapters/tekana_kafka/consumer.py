"""Consuming events: what a partner team runs to be told what happens.

    fetch ─> drop what was dealt with ─> handle ─> commit the offset ─> …

A process may die at any point: its successor gets again what was not committed, and drops what `Seen` knows.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from tekana.domain.errors import Unavailable
from tekana.domain.events import Aggregate, Event, aggregate_id, event_id
from tekana_kafka.address import AGGREGATES, parse_address
from tekana_kafka.cloud_events import event_of
from tekana_kafka.dead_letters import DeadLetters, Received
from tekana_kafka.topics import create_missing_topics

_log = logging.getLogger("tekana.consumer")

TRIES: Final = 5
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 10.0
REBALANCE_TIMEOUT: Final = 60.0
"""Seconds for the events at hand when partitions go elsewhere. A handler that takes longer overlaps its successor."""

_LARGEST_BATCH: Final = 500
_FETCH_MS: Final = 200
_PATIENCE: Final = 10.0
_REMEMBERED: Final = 100_000  # aggregates

Handler = Callable[[Event], Awaitable[None]]
T = TypeVar("T")


class ProcessedEvents(Protocol):
    """Which events were dealt with, kept where the effects of that are, so that both are there or neither."""

    async def last(self, aggregate_id: UUID) -> int:
        """The sequence of the last event of this customer, wallet or transaction that was dealt with; 0 for none."""
        ...


class _NothingSeen:
    async def last(self, aggregate_id: UUID) -> int:  # noqa: ARG002 - as Seen has it
        return 0


class _Stopping(Exception):
    """The consumer stops, or its partitions go elsewhere: nothing more is begun."""


class _Memory:
    """What is known of one partition while it is ours: last sequences, and the keys whose events are set aside."""

    def __init__(self) -> None:
        self.last: OrderedDict[UUID, int] = OrderedDict()
        self.blocked: set[bytes] = set()


class EventConsumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """Has every event of some kinds of aggregates handled, at least once, each aggregate's in order.

    url: as for publishing, `kafka://host:port`, with the same `topic_prefix`.
    group: the name of the service. Processes with the same one share the work; a new one begins with all that is kept.
    handle: called with one event at a time of each aggregate. What it raises decides: Unavailable means "not now", and
        it is tried until it works; anything else means that this event is the trouble, and after TRIES tries it is set
        aside on the topic `{topic_prefix}.dead-letters`, and so is what follows of the same aggregate.
    seen: asked for an aggregate's last sequence before its first event here. Without it, duplicates are dropped as long
        as the process lives, and it remembers the last 100,000 aggregates.
    aggregates: the kinds to be told of.

    What was set aside is tried again, in its order, whenever a process of the group takes over the partition that it
    came from: at every start, so after every repair.
    """

    def __init__(
        self,
        url: str,
        group: str,
        handle: Handler,
        *,
        seen: ProcessedEvents | None = None,
        aggregates: Sequence[Aggregate] = AGGREGATES,
    ) -> None:
        self._address = parse_address(url)
        self._handle = handle
        self._seen = seen or _NothingSeen()
        self._topics = [self._address.topic(one) for one in aggregates]
        self._letters = DeadLetters(self._address, group)
        self._group = group
        self._memories: dict[TopicPartition, _Memory] = {}
        self._fresh: set[TopicPartition] = set()
        self._working = asyncio.Lock()
        self._let_go = asyncio.Event()
        self._stopping = False

    def stop(self) -> None:
        """Finish the events at hand, commit, leave the group: then `run` returns."""
        self._stopping = True
        self._let_go.set()

    async def run(self) -> None:
        """Work until `stop`. What fails at the bus meanwhile is waited for.

        Raises:
            Unavailable: the bus cannot be reached at the start.
        """
        consumer = AIOKafkaConsumer(
            bootstrap_servers=list(self._address.servers),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            rebalance_timeout_ms=int(REBALANCE_TIMEOUT * 1000),
        )
        try:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await create_missing_topics(self._address, _PATIENCE, dead_letters=True)
                    await self._letters.start()
                    await consumer.start()
            except (KafkaError, OSError, TimeoutError) as error:
                raise Unavailable(f"Kafka cannot be reached: {str(error) or type(error).__name__}") from error
            consumer.subscribe(self._topics, listener=self)  # only now: joining the group may take its time
            while not self._stopping:
                fetched = await consumer.getmany(timeout_ms=_FETCH_MS, max_records=_LARGEST_BATCH)
                async with self._working:
                    await self._process_batch(consumer, fetched)
        finally:
            await consumer.stop()
            await self._letters.stop()

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:  # noqa: ARG002 - all of them
        """Finish what is at hand and commit it, before others get these partitions."""
        self._let_go.set()
        async with self._working:
            self._memories.clear()
            self._fresh.clear()
            if not self._stopping:
                self._let_go.clear()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """These are ours now, from what was committed on."""
        self._memories = {one: _Memory() for one in assigned}
        self._fresh = set(assigned)

    async def _process_batch(
        self, consumer: AIOKafkaConsumer, fetched: dict[TopicPartition, Sequence[ConsumerRecord]]
    ) -> None:
        """Deal with what was fetched, partitions side by side, and commit how far that came.

        What is left when we let go is fetched again, by us or by others, as it is not committed.
        """
        try:
            await self._retry_dead_letters()
        except _Stopping:
            return
        ours = [one for one in fetched if one in self._memories]
        ends = await asyncio.gather(*(self._deal_with_all(one, fetched[one]) for one in ours))
        offsets = {one: end for one, end in zip(ours, ends, strict=True) if end is not None}
        if offsets:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await consumer.commit(offsets)
            except (KafkaError, TimeoutError) as error:
                _log.warning("offsets are not committed, events will come again: %r", error)

    async def _retry_dead_letters(self) -> None:
        """Try again what was set aside of partitions that are new to us."""
        while self._fresh:
            fresh = frozenset(self._fresh)
            for letter in await self._until_it_works(partial(self._letters.waiting, fresh)):
                if not await self._is_set_aside(letter):
                    await self._until_it_works(partial(self._letters.take_back, letter))
            self._fresh -= fresh

    async def _deal_with_all(self, partition: TopicPartition, records: Sequence[ConsumerRecord]) -> int | None:
        """Gives the offset to go on from; None if not even the first one is done."""
        end = None
        for record in records:
            message = Received(partition, record.offset, record.key or b"", record.value, tuple(record.headers))
            try:
                await self._is_set_aside(message, new=True)
            except _Stopping:
                break
            end = record.offset + 1
        return end

    async def _is_set_aside(self, message: Received, *, new: bool = False) -> bool:
        """Deal with a message, if it can be; a new one that cannot is made a dead letter."""
        memory = self._memories[message.partition]
        reason = await self._dealt_with(message, memory)
        if reason is None:
            return False
        if new:
            _log.error("a message of %s at %d is set aside: %s", message.partition.topic, message.offset, reason)
            await self._until_it_works(partial(self._letters.add, message, reason))
        memory.blocked.add(message.key)
        return True

    async def _dealt_with(self, message: Received, memory: _Memory) -> str | None:
        """None if there is nothing left to do with it, else why it cannot be dealt with."""
        try:
            event = event_of(message.value, message.headers)
        except ValueError as error:
            return f"it cannot be read: {error}"
        if event is None:
            return None
        tries = pauses = 0
        while True:
            if self._let_go.is_set():
                raise _Stopping
            try:
                if event.sequence <= await self._last(memory, aggregate_id(event)):
                    return None
                if message.key in memory.blocked:
                    return "it waits behind one of the same aggregate that is set aside"
                await self._handle(event)
            except Unavailable as error:
                if not pauses:
                    _log.warning("event %s waits: %s", event_id(event), error)
            except Exception as error:
                tries += 1
                _log.warning("event %s failed, %d of %d tries", event_id(event), tries, TRIES, exc_info=True)
                if tries == TRIES:
                    return f"{type(error).__name__}: {error}"
            else:
                memory.last[aggregate_id(event)] = event.sequence
                return None
            pauses += 1
            await self._pause(pauses)

    async def _last(self, memory: _Memory, of: UUID) -> int:
        known = memory.last.get(of)
        if known is None:
            known = memory.last[of] = await self._seen.last(of)
            if len(memory.last) > _REMEMBERED:
                memory.last.popitem(last=False)
        else:
            memory.last.move_to_end(of)
        return known

    async def _until_it_works(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the bus; while it is away, again and again, unless we let go."""
        tries = 0
        while not self._let_go.is_set():
            try:
                return await ask()
            except KafkaError as error:
                _log.warning("dead letters wait: %r", error)
            tries += 1
            await self._pause(tries)
        raise _Stopping

    async def _pause(self, tries: int) -> None:
        """Wait, longer each time, unless we let go."""
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(tries, 16))
        try:
            async with asyncio.timeout(random.uniform(longest / 2, longest)):  # noqa: S311 - no secret
                await self._let_go.wait()
        except TimeoutError:
            return
