"""Takes queries off the bus, and answers them, many at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from tekana.application import Webhooks
from tekana.application.engine.engine import Engine
from tekana.application.engine.envelope import Envelope
from tekana.domain.book import Answer
from tekana.domain.caller import Caller
from tekana.domain.errors import InvalidRequest, TekanaError
from tekana.domain.events import Aggregate
from tekana.ports.store import Readers
from tekana_kafka.command_messages import AnyCommand, is_late
from tekana_kafka.query_messages import Query, read_query
from tekana_kafka.reply_producer import ReplyProducer

_log = logging.getLogger("tekana.bus")

_MOST_AT_ONCE: Final = 100
_POLL: Final = 200  # milliseconds that a poll waits


class QueryConsumer:
    """Answers queries in any order. One that gets lost with its service is asked again by whoever needs the answer."""

    def __init__(
        self,
        aggregate: Aggregate,
        engine: Engine,
        readers: Readers,
        webhooks: Callable[[], Webhooks],
        replier: ReplyProducer,
        stopping: asyncio.Event,
    ) -> None:
        self._aggregate = aggregate
        self._readers = readers
        self._webhooks = webhooks
        self._previews = _Previews(engine)
        self._replier = replier
        self._stopping = stopping
        self._room = asyncio.Semaphore(_MOST_AT_ONCE)

    async def take_all(self, consumer: AIOKafkaConsumer, topic: str) -> None:
        """Take queries off the topic until the service stops."""
        consumer.subscribe([topic])
        async with asyncio.TaskGroup() as answering:
            while not self._stopping.is_set():
                for records in (await consumer.getmany(timeout_ms=_POLL)).values():
                    for record in records:
                        await self._room.acquire()
                        answering.create_task(self._answer(record))
        await self._replier.flush()

    async def _answer(self, record: ConsumerRecord) -> None:
        try:
            if not is_late(record):
                await self._look_up(record, *read_query(record, self._aggregate))
        except InvalidRequest as error:
            await self._replier.reject(record, error)
        finally:
            self._room.release()

    async def _look_up(self, record: ConsumerRecord, query: Query, caller: Caller, arguments: list[Any]) -> None:
        try:
            answer = query.answer.encode(await query.call(self._port(query.port, caller), arguments))
        except TekanaError as error:
            await self._replier.fail(record, error)
        except Exception as error:
            _log.exception("a query failed: %s", query.name)
            await self._replier.fail(record, error)
        else:
            await self._replier.answer(record, answer)

    def _port(self, name: str, caller: Caller) -> Any:
        match name:
            case "previews":
                return self._previews
            case "webhooks":
                return self._webhooks()
            case _:
                return getattr(self._readers, name)(caller)


class _Previews:
    """Implements tekana_kafka.query_messages.Previews with an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def preview(self, command: AnyCommand, caller: Caller) -> Answer:
        """What the command would lead to now."""
        return await self._engine.preview(Envelope(command, caller))
