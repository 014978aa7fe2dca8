"""A service's end of the bus: takes the commands and queries about one kind of aggregate, and replies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from tekana.application import Webhooks
from tekana.application.engine.engine import Engine
from tekana.domain.errors import Unavailable
from tekana.domain.events import Aggregate
from tekana.ports.store import Readers
from tekana_kafka.address import Address, parse_address
from tekana_kafka.command_consumer import CommandConsumer
from tekana_kafka.query_consumer import QueryConsumer
from tekana_kafka.reply_producer import ReplyProducer
from tekana_kafka.topics import LARGEST_MESSAGE, create_missing_command_topics

_log = logging.getLogger("tekana.bus")

CONNECT_TIMEOUT: Final = 5.0
"""Seconds that the broker may take to answer."""

_PAUSE: Final = 1.0  # seconds between two tries to connect
_SESSION_TIMEOUT: Final = 6.0  # seconds after which the others take over from one that was killed: a broker's least

_TROUBLE: Final = (KafkaError, OSError, TimeoutError)


class KafkaService:
    """Implements tekana.application.bus.Service. Any number of processes share the work of one aggregate.

    Commands and queries are taken apart from each other, so that nobody who reads waits for those who write.
    """

    def __init__(
        self, url: str, aggregate: Aggregate, engine: Engine, readers: Readers, webhooks: Callable[[], Webhooks]
    ) -> None:
        self._address = parse_address(url)
        self._aggregate = aggregate
        self._engine = engine
        self._readers = readers
        self._webhooks = webhooks
        self._stopping = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._connected: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """Begin to take commands and queries."""
        self._stopping.clear()
        self._work = asyncio.create_task(self._run(), name=f"{self._aggregate} service")

    async def stop(self) -> None:
        """Finish what was taken, reply, and let go of the bus. May be called twice, or without `start`."""
        self._stopping.set()
        work, self._work = self._work, None
        if work is not None:
            await work

    async def check_ready(self) -> None:
        """Raises Unavailable unless the bus answers."""
        if self._connected is not None:
            with contextlib.suppress(*_TROUBLE):
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    await self._connected.topics()
                    return
        raise Unavailable(f"Kafka at {', '.join(self._address.servers)} does not answer")

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._serve()
            except* _TROUBLE as errors:
                _log.warning("the %s service cannot work: %r", self._aggregate, errors.exceptions)
            except* Exception as errors:  # a mistake of ours; to begin anew is better than to be there and do nothing
                _log.error("the %s service failed", self._aggregate, exc_info=errors)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _PAUSE)

    async def _serve(self) -> None:
        async with asyncio.timeout(4 * CONNECT_TIMEOUT):
            await create_missing_command_topics(self._address, CONNECT_TIMEOUT)
        async with (
            _producer(self._address) as producer,
            _consumer(self._address, self._aggregate, commits=False) as for_commands,
            _consumer(self._address, f"{self._aggregate}.queries", commits=True) as for_queries,
        ):
            replier = ReplyProducer(self._address, producer)
            commands = CommandConsumer(self._aggregate, self._engine, replier, self._stopping)
            queries = QueryConsumer(
                self._aggregate, self._engine, self._readers, self._webhooks, replier, self._stopping
            )
            self._connected = for_queries
            try:
                async with asyncio.TaskGroup() as takers:
                    takers.create_task(commands.take_all(for_commands, self._address.commands(self._aggregate)))
                    takers.create_task(queries.take_all(for_queries, self._address.queries(self._aggregate)))
            finally:
                self._connected = None


@asynccontextmanager
async def _producer(address: Address) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=list(address.servers),
        acks="all",
        request_timeout_ms=int(CONNECT_TIMEOUT * 1000),
        max_request_size=LARGEST_MESSAGE,
    )
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def _consumer(address: Address, group: str, *, commits: bool) -> AsyncIterator[AIOKafkaConsumer]:
    """A member of the group, which reads from where the group has come to, or else from the beginning.

    `commits` tells whether what was polled counts as done by and by; otherwise its user commits.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=list(address.servers),
        group_id=f"{address.topic_prefix}.{group}",
        auto_offset_reset="earliest",
        enable_auto_commit=commits,
        session_timeout_ms=int(_SESSION_TIMEOUT * 1000),
        heartbeat_interval_ms=int(_SESSION_TIMEOUT * 1000) // 3,
        max_partition_fetch_bytes=LARGEST_MESSAGE,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()
