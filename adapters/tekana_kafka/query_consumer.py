"""The consumer of the queries of one service, which answers many of them concurrently."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from tekana.application.engine.engine import Engine
from tekana.application.engine.envelope import Envelope
from tekana.application.readers import checked
from tekana.application.webhooks.webhooks import Webhooks
from tekana.domain.answers import Answer
from tekana.domain.caller import Caller
from tekana.domain.errors import InvalidRequest, TekanaError, Unavailable
from tekana.ports.readers import READERS, Reader, Readers, ServiceName
from tekana_kafka.deadlines import is_late
from tekana_kafka.log_limit import limited_logger
from tekana_kafka.query_messages import Query, read_query
from tekana_kafka.reply_producer import ReplyProducer
from tekana_kafka.service_table import CoreCommand

_log = limited_logger("tekana.bus")

_READERS: Final[Mapping[str, Reader[Any]]] = {one.name: one for one in READERS}

_CONCURRENT_MAX: Final = 100
_POLL_MS: Final = 200


class QueryConsumer:
    """Answers queries in any order. A query that is lost in a crash is repeated by the client."""

    def __init__(
        self,
        service: ServiceName,
        engine: Engine,
        readers: Readers,
        webhooks: Callable[[Caller], Webhooks],
        replies: ReplyProducer,
        stopping: asyncio.Event,
    ) -> None:
        self._service = service
        self._engine = engine
        self._readers = readers
        self._webhooks = webhooks
        self._replies = replies
        self._stopping = stopping
        self._free = asyncio.Semaphore(_CONCURRENT_MAX)

    async def run(self, consumer: AIOKafkaConsumer, topic: str) -> None:
        """Consume the topic until the service stops."""
        consumer.subscribe([topic])
        async with asyncio.TaskGroup() as answering:
            while not self._stopping.is_set():
                for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                    for record in records:
                        await self._free.acquire()
                        answering.create_task(self._process(record))
        await self._replies.flush()

    async def _process(self, record: ConsumerRecord) -> None:
        try:
            if not is_late(record, self._replies.clock):
                await self._answer(record, *read_query(record, self._service))
        except (InvalidRequest, Unavailable) as error:
            await self._replies.fail(record, error)
            await self._replies.dead_letter(record, str(error))
        finally:
            self._free.release()

    async def _answer(self, record: ConsumerRecord, query: Query, caller: Caller, arguments: dict[str, Any]) -> None:
        port, _, method = query.name.partition(".")
        try:
            answer = query.answer.encode(await getattr(self._port(port, caller), method)(**arguments))
        except TekanaError as error:
            await self._replies.fail(record, error)
        except Exception as error:
            _log.exception("a query failed: %s", query.name)
            await self._replies.fail(record, error)
        else:
            await self._replies.answer(record, answer)

    def _port(self, name: str, caller: Caller) -> Any:
        match name:
            case "previews":
                return _Previews(self._engine)
            case "webhooks":
                return self._webhooks(caller)
            case _:
                reader = _READERS[name]
                return checked(reader, reader.of(self._readers, caller))


class _Previews:
    """Implements tekana_kafka.query_messages.Previews with an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def preview(self, command: CoreCommand, caller: Caller) -> Answer:
        """Return the answer that the command would have now."""
        return await self._engine.preview(Envelope(command, caller))
