"""Asking over the bus, and waiting for the reply."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from tekana.domain.errors import Overloaded, Unavailable
from tekana_kafka.address import Address
from tekana_kafka.command_messages import Message, ReplyTo, deadline_header, headers_of, reply_header
from tekana_kafka.reply_codec import error_in
from tekana_kafka.topics import LARGEST_MESSAGE, create_missing_command_topics

_log = logging.getLogger("tekana.bus")

REPLY_TIMEOUT: Final = 20.0
"""Seconds that a question waits for its reply: longer than a store's own timeouts, shorter than HTTP's."""

CONNECT_TIMEOUT: Final = 5.0
"""Seconds that the broker may take to answer."""

_PAUSE: Final = 1.0  # seconds between two tries to connect
_MOST_WAITING: Final = 10_000

_TROUBLE: Final = (KafkaError, OSError, TimeoutError)


class RpcClient:
    """Questions on their way. Each process reads one partition of replies, and takes from it those that it asked for.

    It connects in the background, however long that takes: until then nothing is begun, and everything is Overloaded.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._waiting: dict[bytes, asyncio.Future[ConsumerRecord]] = {}
        self._producer: AIOKafkaProducer | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._connections: list[AIOKafkaProducer | AIOKafkaConsumer] = []
        self._partition = 0
        self._work: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()

    async def start(self) -> None:
        """Begin to connect; comes back once that was tried, whether it succeeded or not."""
        self._tried.clear()
        self._work = asyncio.create_task(self._run(), name="replies")
        await self._tried.wait()

    async def stop(self) -> None:
        """Let go of the connections. May be called twice, or without `start`."""
        work, self._work = self._work, None
        if work is not None:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def settle(self) -> None:
        """Wait until everybody who asked has a reply, or has waited long enough."""
        while self._waiting:
            await asyncio.wait(self._waiting.values())
            await asyncio.sleep(0)

    async def check_ready(self) -> None:
        """Raises Unavailable unless the bus answers."""
        if self._consumer is not None:
            with contextlib.suppress(*_TROUBLE):
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    if self._address.replies in await self._consumer.topics():
                        return
        raise Unavailable(f"Kafka at {', '.join(self._address.servers)} does not answer")

    async def ask(self, message: Message, topic: str) -> bytes:
        """Send the message, and give the body of the answer.

        Raises:
            TekanaError: as the service that was asked raised it.
            Overloaded: the bus cannot be reached, or too many wait; nothing was begun.
            Unavailable: no reply came in time: the outcome is unknown.
        """
        if self._producer is None:
            raise Overloaded("the bus cannot be reached: nothing was begun, try again")
        if len(self._waiting) >= _MOST_WAITING:
            raise Overloaded("too many requests are waiting: nothing was done, try again")
        correlation_id = uuid4().hex.encode()
        reply: asyncio.Future[ConsumerRecord] = asyncio.get_running_loop().create_future()
        self._waiting[correlation_id] = reply
        headers = [
            *message.headers,
            *reply_header(ReplyTo(self._partition, correlation_id)),
            deadline_header(datetime.now(UTC) + timedelta(seconds=REPLY_TIMEOUT)),
        ]
        try:
            async with asyncio.timeout(REPLY_TIMEOUT):
                sent = await self._producer.send(topic, message.value, message.key, headers=headers)
                sent.add_done_callback(lambda sent: _fail_if_lost(sent, reply))
                record = await reply
        except _TROUBLE as error:
            why = f"{type(error).__name__}: {error}".rstrip(": ")
            raise Unavailable(f"no reply came over the bus in time ({why}): retry with the same key") from error
        finally:
            del self._waiting[correlation_id]
            reply.cancel()
        body = record.value or b""
        if headers_of(record).get("outcome") != b"answer":
            raise error_in(body)
        return body

    async def _run(self) -> None:
        while True:
            try:
                consumer = await self._connect()
                self._tried.set()
                await self._receive(consumer)
            except _TROUBLE as error:
                _log.warning("the bus cannot be reached: %r", error)
            except Exception:  # a mistake of ours; to begin anew is better than to answer nothing for ever
                _log.exception("replies cannot be read")
            finally:
                self._tried.set()
                await self._disconnect()
            await asyncio.sleep(_PAUSE)

    async def _connect(self) -> AIOKafkaConsumer:
        servers, patience = list(self._address.servers), int(CONNECT_TIMEOUT * 1000)
        async with asyncio.timeout(2 * CONNECT_TIMEOUT):
            await create_missing_command_topics(self._address, CONNECT_TIMEOUT)
            # Not idempotent: one that failed once would have to be made anew, and a command that arrives twice is done
            # once. One batch at a time is on its way to a partition, so the order is kept all the same.
            producer = AIOKafkaProducer(
                bootstrap_servers=servers,
                acks="all",
                request_timeout_ms=int(REPLY_TIMEOUT * 1000),
                max_request_size=LARGEST_MESSAGE,
            )
            self._connections.append(producer)
            await producer.start()
            consumer = AIOKafkaConsumer(
                bootstrap_servers=servers,
                auto_offset_reset="latest",
                request_timeout_ms=patience,
                max_partition_fetch_bytes=LARGEST_MESSAGE,
            )
            self._connections.append(consumer)
            await consumer.start()
            partitions = await producer.partitions_for(self._address.replies)
            self._partition = random.choice(sorted(partitions))  # noqa: S311 - to share the load, not a secret
            mine = TopicPartition(self._address.replies, self._partition)
            consumer.assign([mine])
            await consumer.seek_to_end(mine)
            await consumer.position(mine)  # from now on; the reply to what is sent from now on comes after it
        self._producer, self._consumer = producer, consumer
        return consumer

    async def _receive(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            for records in (await consumer.getmany(timeout_ms=60_000)).values():
                for record in records:
                    waits = self._waiting.get(headers_of(record).get("correlation-id", b""))
                    if waits is not None and not waits.done():  # others share the partition
                        waits.set_result(record)

    async def _disconnect(self) -> None:
        self._producer = self._consumer = None
        while self._connections:
            await self._connections.pop().stop()


def _fail_if_lost(sent: asyncio.Future[object], reply: asyncio.Future[ConsumerRecord]) -> None:
    error = None if sent.cancelled() else sent.exception()
    if error is not None and not reply.done():
        reply.set_exception(error)
