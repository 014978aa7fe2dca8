"""The consumer of events, for partner teams.

    fetch ─> drop what was processed ─> handle ─> commit the offset ─> …

After a crash at any point, the next process gets the messages that were not committed again, and drops those events
that `ProcessedEvents` has.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import aclosing
from functools import partial
from typing import Final, Protocol, TypeVar
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from tekana.domain.errors import Unavailable
from tekana.domain.events import Aggregate, Event, aggregate_id, event_id
from tekana_kafka.address import AGGREGATES, parse_address
from tekana_kafka.cloud_events import event_of
from tekana_kafka.dead_letters import DeadLetters, ReceivedMessage
from tekana_kafka.log_limit import limited_logger
from tekana_kafka.topics import METADATA_AGE_SECONDS, create_missing_topics

_log = limited_logger("tekana.consumer")

TRIES: Final = 5
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 10.0
REBALANCE_TIMEOUT: Final = 60.0
"""The time in which a process finishes its events before a reassignment, in seconds. A slower handler overlaps."""

_POLL_RECORDS_MAX: Final = 500
_POLL_MS: Final = 200
_CONNECT_TIMEOUT_SECONDS: Final = 10.0
_AGGREGATES_MAX: Final = 100_000  # the number of last sequences to store for each partition

Handler = Callable[[Event], Awaitable[None]]
T = TypeVar("T")


class ProcessedEvents(Protocol):
    """The processed events, stored in the same transaction as their effects."""

    async def last(self, aggregate_id: UUID) -> int:
        """Return the sequence of the last processed event of a customer, wallet or transaction; 0 if there is none."""
        ...


class _NoneProcessed:
    async def last(self, aggregate_id: UUID) -> int:  # noqa: ARG002 - the signature of ProcessedEvents
        return 0


class _Stopping(Exception):
    """The consumer stops, or its partitions are reassigned: it begins no other event."""


class _PartitionState:
    """The state of an assigned partition: the last sequences, and the keys of dead letters."""

    def __init__(self) -> None:
        self.last: OrderedDict[UUID, int] = OrderedDict()
        self.blocked: set[bytes] = set()


class EventConsumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """Calls a handler with every event of some kinds of aggregates: at least once, and in order for each aggregate.

    Args:
        url: the URL of the bus, `kafka://host:port`, with the same `topic_prefix` as the publisher.
        group: the name of the consuming service. Its processes share the work; a new group begins with the oldest
            event on the topics.
        handle: called with one event of an aggregate at a time. If it raises Unavailable, the event is retried until
            it succeeds. If it raises another exception, the event is sent to the topic `{topic_prefix}.dead-letters`
            after TRIES attempts, and so are later events of the same aggregate.
        seen: returns an aggregate's last sequence before its first event in this process. Without it, duplicates are
            dropped by the same process only, for the last 100,000 aggregates of a partition.
        aggregates: the kinds of aggregates whose events are consumed.

    Dead letters are retried, in their order, when a process of the group is assigned the partition that they came from:
    at every start, and so after every repair.
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
        self._seen = seen or _NoneProcessed()
        self._topics = [self._address.topic(one) for one in aggregates]
        self._letters = DeadLetters(self._address, group)
        self._group = group
        self._states: dict[TopicPartition, _PartitionState] = {}
        self._new_partitions: set[TopicPartition] = set()
        self._working = asyncio.Lock()
        self._interrupted = asyncio.Event()
        self._stopping = False

    def stop(self) -> None:
        """Request that `run` finishes the current events, commits, leaves the group and returns."""
        self._stopping = True
        self._interrupted.set()

    async def run(self) -> None:
        """Consume until `stop`. Later failures of the bus are retried.

        Raises:
            Unavailable: the bus cannot be reached at the start.
        """
        consumer = AIOKafkaConsumer(
            **self._address.client_options(),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            rebalance_timeout_ms=int(REBALANCE_TIMEOUT * 1000),
            metadata_max_age_ms=int(METADATA_AGE_SECONDS * 1000),
        )
        try:
            try:
                async with asyncio.timeout(_CONNECT_TIMEOUT_SECONDS):
                    await create_missing_topics(self._address, _CONNECT_TIMEOUT_SECONDS, dead_letters=True)
                    await self._letters.start()
                    await consumer.start()
            except (KafkaError, OSError, TimeoutError) as error:
                raise Unavailable(f"Kafka cannot be reached: {await self._address.explain(error)}") from error
            consumer.subscribe(self._topics, listener=self)  # after the timeout, as joining the group takes time
            while not self._stopping:
                fetched = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_POLL_RECORDS_MAX)
                async with self._working:
                    await self._process_batch(consumer, fetched)
        finally:
            await consumer.stop()
            await self._letters.stop()

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:  # noqa: ARG002 - always all partitions
        """Finish the current events and commit them, before other processes get these partitions."""
        self._interrupted.set()
        async with self._working:
            self._states.clear()
            self._new_partitions.clear()
            if not self._stopping:
                self._interrupted.clear()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Start to consume these partitions, from the committed offsets."""
        self._states = {one: _PartitionState() for one in assigned}
        self._new_partitions = set(assigned)

    async def _process_batch(
        self, consumer: AIOKafkaConsumer, fetched: dict[TopicPartition, Sequence[ConsumerRecord]]
    ) -> None:
        """Process the fetched messages, partitions concurrently, and commit the offsets of processed ones.

        Messages left after an interruption are not committed, so they are fetched again.
        """
        try:
            await self._retry_dead_letters()
        except _Stopping:
            return
        ours = [one for one in fetched if one in self._states]
        ends = await asyncio.gather(*(self._process_partition(one, fetched[one]) for one in ours))
        offsets = {one: end for one, end in zip(ours, ends, strict=True) if end is not None}
        if offsets:
            try:
                async with asyncio.timeout(_CONNECT_TIMEOUT_SECONDS):
                    await consumer.commit(offsets)
            except (KafkaError, TimeoutError) as error:
                _log.warning("offsets are not committed, events will come again: %r", error)

    async def _retry_dead_letters(self) -> None:
        """Retry the dead letters of newly assigned partitions."""
        while self._new_partitions:
            partitions = frozenset(self._new_partitions)
            await self._until_success(partial(self._retry_all, partitions))
            self._new_partitions -= partitions

    async def _retry_all(self, partitions: Collection[TopicPartition]) -> None:
        async with aclosing(self._letters.open_letters(partitions)) as letters:  # type: ignore[type-var]
            async for letter in letters:
                if await self._handle_message(letter) is None:
                    await self._until_success(partial(self._letters.close, letter))

    async def _process_partition(self, partition: TopicPartition, records: Sequence[ConsumerRecord]) -> int | None:
        """Process messages in order. Return the offset to continue from; None if no message was processed."""
        end = None
        for record in records:
            message = ReceivedMessage(partition, record.offset, record.key or b"", record.value, tuple(record.headers))
            try:
                reason = await self._handle_message(message)
                if reason is not None:
                    _log.error("a message of %s at %d is set aside: %s", partition.topic, message.offset, reason)
                    await self._until_success(partial(self._letters.add, message, reason))
            except _Stopping:
                break
            end = record.offset + 1
        return end

    async def _handle_message(self, message: ReceivedMessage) -> str | None:
        """Process one message. Return None when it is handled or skipped, else the reason to set it aside."""
        state = self._states[message.partition]
        try:
            event = event_of(message.value, message.headers)
        except ValueError as error:
            reason: str | None = f"it cannot be read: {error}"
        else:
            reason = None if event is None else await self._handle_event(event, message.key, state)
        if reason is not None:
            state.blocked.add(message.key)
        return reason

    async def _handle_event(self, event: Event, key: bytes, state: _PartitionState) -> str | None:
        tries = pauses = 0
        while True:
            if self._interrupted.is_set():
                raise _Stopping
            try:
                if event.sequence <= await self._last(state, aggregate_id(event)):
                    return None
                if key in state.blocked:
                    return "it waits behind one of the same aggregate that is set aside"
                await self._handle(event)
            except Unavailable as error:
                if not pauses:
                    _log.warning("event %s waits: %s", event_id(event), error)
            except Exception as error:
                tries += 1
                _log.warning("event %s failed, %d of %d tries", event_id(event), tries, TRIES, exc_info=True)
                if tries == TRIES:
                    return f"it fails: {type(error).__name__}"  # the text may have personal data
            else:
                state.last[aggregate_id(event)] = event.sequence
                return None
            pauses += 1
            await self._pause(pauses)

    async def _last(self, state: _PartitionState, of: UUID) -> int:
        known = state.last.get(of)
        if known is None:
            known = state.last[of] = await self._seen.last(of)
            if len(state.last) > _AGGREGATES_MAX:
                state.last.popitem(last=False)
        else:
            state.last.move_to_end(of)
        return known

    async def _until_success(self, action: Callable[[], Awaitable[T]]) -> T:
        """Await an action repeatedly until it succeeds.

        Raises:
            _Stopping: the consumer was interrupted meanwhile.
        """
        tries = 0
        while not self._interrupted.is_set():
            try:
                return await action()
            except KafkaError as error:
                _log.warning("dead letters wait: %r", error)
            tries += 1
            await self._pause(tries)
        raise _Stopping

    async def _pause(self, tries: int) -> None:
        """Wait before the next attempt, longer after each, or until interrupted."""
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(tries, 16))
        try:
            async with asyncio.timeout(random.uniform(longest / 2, longest)):  # noqa: S311 - no secret
                await self._interrupted.wait()
        except TimeoutError:
            return
