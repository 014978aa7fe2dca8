"""The publisher of events on Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tekana.domain.errors import FieldError, Unavailable
from tekana.domain.events import Event
from tekana.ports.publisher import RejectedEvent
from tekana_kafka.address import parse_address
from tekana_kafka.cloud_events import message_of
from tekana_kafka.partition_sender import IndexedMessage, PartitionSender, partition_senders
from tekana_kafka.production import production_faults
from tekana_kafka.topics import create_missing_topics

CONFIRM_TIMEOUT: Final = 10.0
"""The time that `publish` waits for confirmations, in seconds; twice as long if it connects first."""

_REQUEST_TIMEOUT: Final = 5.0
_BATCH_BYTES: Final = 256 * 1024  # before compression; after it, brokers accept 1 MiB by default


class KafkaPublisher:
    """Implements tekana.ports.publisher.Publisher. An event is confirmed when all in-sync replicas have it.

    The producer is idempotent: its own retries do not duplicate events. After any failure it is replaced, because it
    numbers its batches and the broker would wait for the failed number.
    """

    def __init__(self, url: str) -> None:
        self._address = parse_address(url)
        self.location = f"Kafka at {', '.join(self._address.servers)}"
        self._producer: AIOKafkaProducer | None = None

    async def check_production(self) -> Sequence[FieldError]:
        """Check the address, and which brokers it leads to. See tekana.ports.production."""
        return await production_faults(self._address)

    async def start(self) -> None:
        """Connect, and create the missing topics."""
        await self._connected()

    async def stop(self) -> None:
        """Disconnect, and abandon unconfirmed events."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _abandon(producer)

    async def publish(self, events: Sequence[Event]) -> Sequence[RejectedEvent]:
        """Publish a run of events, and wait until the broker has confirmed each of them."""
        rest = [IndexedMessage(position, message_of(event)) for position, event in enumerate(events)]
        rejected: list[RejectedEvent] = []
        alone: set[int] = set()
        while rest:
            refused = await self._send(rest, alone)
            rest = []
            for sender in refused:
                if sender.refused == 1:
                    position, message = sender.waiting.popleft()
                    rejected.append(RejectedEvent(position, sender.reason))
                    sender.drop(message.key)
                else:  # send each in a batch of its own, to find the rejected one
                    alone.update(one.position for one, _ in zip(sender.waiting, range(sender.refused), strict=False))
                rest += sender.waiting
        return sorted(rejected)

    async def _send(self, messages: Sequence[IndexedMessage], alone: set[int]) -> list[PartitionSender]:
        """Send messages. Return the senders with a rejected batch."""
        producer = await self._connected()
        try:
            async with asyncio.timeout(CONFIRM_TIMEOUT):
                senders = await partition_senders(messages, self._address, producer)
                outcomes = await asyncio.gather(*(one.send(producer, alone) for one in senders), return_exceptions=True)
            for outcome in outcomes:
                if outcome is not None:
                    raise outcome
        except (KafkaError, OSError, TimeoutError) as error:
            await self.stop()
            raise self._unavailable(str(error) or type(error).__name__) from error
        refused = [one for one in senders if one.refused]
        if refused:
            await self.stop()
        return refused

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                **self._address.client_options(),
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
                    raise self._unavailable(await self._address.explain(error)) from error
                raise
            self._producer = producer
        return self._producer

    def _unavailable(self, why: str) -> Unavailable:
        return Unavailable(f"{self.location} does not take events now: {why}")


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Stop the producer without sending its messages. Its own `stop` would wait until the broker is reachable."""
    sending = producer._sender.sender_task  # noqa: SLF001 - there is no public way
    sending.cancel()
    await asyncio.wait([sending])  # what is in flight is confirmed or times out
    producer._closed = True  # noqa: SLF001
    await producer.client.close()
