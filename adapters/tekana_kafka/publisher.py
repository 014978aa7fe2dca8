"""Publishing events on Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tekana.domain.errors import Unavailable
from tekana.domain.events import Event
from tekana.ports.publisher import RejectedEvent
from tekana_kafka.address import parse_address
from tekana_kafka.cloud_events import message_of
from tekana_kafka.partition_sender import IndexedMessage, PartitionSender, partition_senders
from tekana_kafka.topics import create_missing_topics

CONFIRM_TIMEOUT: Final = 10.0
"""How long `publish` waits for the broker's answer, in seconds; it is twice that if it has to connect first."""

_REQUEST_TIMEOUT: Final = 5.0
_BATCH_BYTES: Final = 256 * 1024  # before compression; a broker takes 1 MiB after it, unless told otherwise


class KafkaPublisher:
    """Implements tekana.ports.publisher.Publisher. An event counts as confirmed when all in-sync replicas have it.

    The producer is idempotent: what it sends again by itself arrives once. After any failure it is thrown away, as it
    numbers what it sends and the broker would wait for the number that failed, and the next run gets a new one.
    """

    def __init__(self, url: str) -> None:
        self._address = parse_address(url)
        self.location = f"Kafka at {', '.join(self._address.servers)}"
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect, and create the topics that are missing."""
        await self._connected()

    async def stop(self) -> None:
        """Let go of the connections. What the broker has not confirmed is given up."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _give_up(producer)

    async def publish(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
        """Put a run of events on the bus, and wait until it has confirmed each of them."""
        rest = [IndexedMessage(place, message_of(event)) for place, event in enumerate(events)]
        unsendable: list[RejectedEvent] = []
        alone: set[int] = set()
        while rest:
            stuck = await self._send(rest, alone)
            rest = []
            for lane in stuck:
                if lane.refused == 1:
                    place, refused = lane.waiting.popleft()
                    unsendable.append(RejectedEvent(place, lane.reason))
                    lane.drop(refused.key)
                else:  # which one of them is it?
                    alone.update(one.place for one, _ in zip(lane.waiting, range(lane.refused), strict=False))
                rest += lane.waiting
        return sorted(unsendable)

    async def _send(self, messages: Sequence[IndexedMessage], alone: set[int]) -> list[PartitionSender]:
        """Send all of these; gives the lanes in which the broker refused a batch."""
        producer = await self._connected()
        try:
            async with asyncio.timeout(CONFIRM_TIMEOUT):
                lanes = await partition_senders(messages, self._address, producer)
                outcomes = await asyncio.gather(*(lane.send(producer, alone) for lane in lanes), return_exceptions=True)
            for outcome in outcomes:
                if outcome is not None:
                    raise outcome
        except (KafkaError, OSError, TimeoutError) as error:
            await self.stop()
            raise self._unavailable(error) from error
        refused = [lane for lane in lanes if lane.refused]
        if refused:
            await self.stop()
        return refused

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=list(self._address.servers),
                acks="all",
                enable_idempotence=True,
                compression_type="lz4",
                max_batch_size=_BATCH_BYTES,
                request_timeout_ms=int(_REQUEST_TIMEOUT * 1000),
            )
            try:
                async with asyncio.timeout(CONFIRM_TIMEOUT):
                    await create_missing_topics(self._address, _REQUEST_TIMEOUT)
                    await producer.start()
            except BaseException as error:
                await producer.stop()
                if isinstance(error, KafkaError | OSError | TimeoutError):
                    raise self._unavailable(error) from error
                raise
            self._producer = producer
        return self._producer

    def _unavailable(self, error: Exception) -> Unavailable:
        return Unavailable(f"{self.location} does not take events now: {str(error) or type(error).__name__}")


async def _give_up(producer: AIOKafkaProducer) -> None:
    """Stop the producer with what it has not sent. Its own way is to try until the broker is back."""
    sending = producer._sender.sender_task  # noqa: SLF001 - there is no public way
    sending.cancel()
    await asyncio.wait([sending])  # what is on its way gets its answer, or none in time
    producer._closed = True  # noqa: SLF001
    await producer.client.close()
