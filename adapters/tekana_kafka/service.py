"""The service: consumes its commands and queries of `service_table`, and replies."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from tekana.application import Session
from tekana.domain.caller import Caller
from tekana.domain.errors import Unavailable
from tekana.ports.readers import ServiceName
from tekana_kafka.address import Address, parse_address
from tekana_kafka.command_consumer import CommandConsumer
from tekana_kafka.log_limit import limited_logger
from tekana_kafka.message_cipher import MessageCipher
from tekana_kafka.query_consumer import QueryConsumer
from tekana_kafka.reply_producer import ReplyProducer
from tekana_kafka.service_table import SERVICES
from tekana_kafka.topics import MESSAGE_BYTES_MAX, METADATA_AGE_SECONDS, create_missing_command_topics

_log = limited_logger("tekana.bus")

CONNECT_TIMEOUT: Final = 5.0
"""The timeout of the broker, in seconds."""

_RECONNECT_SECONDS: Final = 1.0
_SESSION_TIMEOUT_SECONDS: Final = 6.0  # until a killed process is replaced: the minimum of brokers

_BUS_ERRORS: Final = (KafkaError, OSError, TimeoutError)


class KafkaService:
    """Implements tekana.application.bus.Service. Any number of processes share the work of one service.

    Queries and each topic of commands have consumers of their own, so that none waits for another.
    """

    def __init__(
        self, url: str, service: ServiceName, secrets: Sequence[str], as_caller: Callable[[Caller, str | None], Session]
    ) -> None:
        self._address = parse_address(url)
        self._service = service
        self._cipher = MessageCipher(secrets)
        self._as_caller = as_caller
        self._stopping = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._connected: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """Begin to consume commands and queries."""
        self._stopping.clear()
        self._work = asyncio.create_task(self._run(), name=f"{self._service} service")

    async def stop(self) -> None:
        """Finish polled messages, reply, and disconnect. May be called twice, or without `start`."""
        self._stopping.set()
        work, self._work = self._work, None
        if work is not None:
            await work

    async def check_ready(self) -> None:
        """Raise Unavailable if the bus cannot be reached."""
        if self._connected is not None:
            with contextlib.suppress(*_BUS_ERRORS):
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    await self._connected.topics()
                    return
        raise Unavailable(f"Kafka at {', '.join(self._address.servers)} does not answer")

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._serve()
            except* _BUS_ERRORS as errors:
                causes = [await self._address.explain(one) for one in errors.exceptions]
                _log.warning("the %s service cannot work: %s", self._service, "; ".join(causes))
            except* Exception as errors:  # a defect: reconnect instead of staying idle
                _log.error("the %s service failed", self._service, exc_info=errors)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _RECONNECT_SECONDS)

    async def _serve(self) -> None:
        async with asyncio.timeout(4 * CONNECT_TIMEOUT):
            await create_missing_command_topics(self._address, CONNECT_TIMEOUT, align=True)
        address, stopping = self._address, self._stopping
        async with AsyncExitStack() as connections:
            producer = await connections.enter_async_context(_producer(address))
            replies = ReplyProducer(address, producer, self._cipher)
            await replies.read_clock()
            works = []
            for name in SERVICES[self._service].commands:
                consumer = await connections.enter_async_context(_consumer(address, name, auto_commit=False))
                commands = CommandConsumer(name, self._as_caller, self._cipher, replies, stopping)
                works.append((commands.run, consumer, address.commands(name)))
            consumer = await connections.enter_async_context(
                _consumer(address, f"{self._service}.queries", auto_commit=True)
            )
            queries = QueryConsumer(self._service, self._as_caller, self._cipher, replies, stopping)
            works.append((queries.run, consumer, address.queries(self._service)))
            self._connected = consumer
            try:
                async with asyncio.TaskGroup() as consuming:
                    for run, consumer, topic in works:
                        consuming.create_task(run(consumer, topic))
            finally:
                self._connected = None


@asynccontextmanager
async def _producer(address: Address) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        **address.client_options(),
        acks="all",
        request_timeout_ms=int(CONNECT_TIMEOUT * 1000),
        max_request_size=MESSAGE_BYTES_MAX,
    )
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def _consumer(address: Address, group: str, *, auto_commit: bool) -> AsyncIterator[AIOKafkaConsumer]:
    """Run a consumer of the group, which begins at the group's offsets, or else at the first message.

    With `auto_commit`, polled messages are committed in the background; otherwise the caller commits.
    """
    consumer = AIOKafkaConsumer(
        **address.client_options(),
        group_id=f"{address.topic_prefix}.{group}",
        auto_offset_reset="earliest",
        enable_auto_commit=auto_commit,
        session_timeout_ms=int(_SESSION_TIMEOUT_SECONDS * 1000),
        heartbeat_interval_ms=int(_SESSION_TIMEOUT_SECONDS * 1000) // 3,
        max_partition_fetch_bytes=MESSAGE_BYTES_MAX,
        metadata_max_age_ms=int(METADATA_AGE_SECONDS * 1000),
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()
