"""The consumer of the queries of one service, which answers many of them concurrently."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from tekana.application import Session
from tekana.domain.caller import AUTHENTICATION, Caller
from tekana.domain.errors import InvalidRequest, Overloaded, TekanaError, Unavailable
from tekana.ports.readers import ServiceName
from tekana_kafka.command_messages import headers_of
from tekana_kafka.deadlines import CLOCKS_SECONDS_MAX, is_late
from tekana_kafka.log_limit import limited_logger
from tekana_kafka.message_cipher import AGE_SECONDS_MAX, MessageCipher, UnverifiedPrincipal
from tekana_kafka.query_messages import Query, read_query
from tekana_kafka.reply_producer import ReplyProducer
from tekana_kafka.rpc_client import REPLY_TIMEOUT
from tekana_kafka.service_table import SIGN_IN_PORTS

_log = limited_logger("tekana.bus")

SIGN_INS_MAX: Final = 100
"""The number of requests about passwords and codes at once: they take long, and must not delay other queries."""

SIGN_IN_AGE_SECONDS_MAX: Final = int(REPLY_TIMEOUT + CLOCKS_SECONDS_MAX)
"""The age of a principal from which on a query of sign-in is refused.

These queries change data without an idempotency key, so an attacker must not be able to send one again later.
"""

_CONCURRENT_MAX: Final = 100  # of other queries
_SLOW_PORTS: Final = ("sign_in", "passwords")
_POLL_MS: Final = 200


class QueryConsumer:
    """Answers queries in any order. A query that is lost in a crash is repeated by the client."""

    def __init__(
        self,
        service: ServiceName,
        as_caller: Callable[[Caller, str | None], Session],
        cipher: MessageCipher,
        replies: ReplyProducer,
        stopping: asyncio.Event,
    ) -> None:
        self._service = service
        self._as_caller = as_caller
        self._cipher = cipher
        self._replies = replies
        self._stopping = stopping
        self._free = asyncio.Semaphore(_CONCURRENT_MAX + SIGN_INS_MAX)
        self._sign_ins = 0

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
                name = headers_of(record).get("query", b"").decode(errors="replace").partition(".")[0]
                age_max = SIGN_IN_AGE_SECONDS_MAX if name in SIGN_IN_PORTS else AGE_SECONDS_MAX
                request = self._cipher.open_request(record, age_max)
                session = self._as_caller(request.caller, request.address)
                await self._answer(record, session, *read_query(record, request.value, self._service))
        except UnverifiedPrincipal as error:
            self._as_caller(AUTHENTICATION, None).note_failed_authentication(error.code)
            await self._replies.refuse(record, error)
        except (InvalidRequest, Unavailable) as error:
            await self._replies.fail(record, error)
            await self._replies.dead_letter(record, error)
        finally:
            self._free.release()

    async def _answer(self, record: ConsumerRecord, session: Session, query: Query, arguments: dict[str, Any]) -> None:
        name, _, method = query.name.partition(".")
        try:
            execute = partial(getattr(_port(session, name), method), **query.with_caller(arguments, session.caller))
            answer = query.answer.encode(await (self._sign_in(execute) if name in _SLOW_PORTS else execute()))
        except TekanaError as error:
            await self._replies.fail(record, error)
        except Exception as error:
            _log.exception("a query failed: %s", query.name)
            await self._replies.fail(record, error)
        else:
            await self._replies.answer(record, answer)

    async def _sign_in(self, execute: Callable[[], Awaitable[Any]]) -> Any:
        if self._sign_ins >= SIGN_INS_MAX:
            raise Overloaded("too many sign-ins at once: nothing was begun, try again")
        self._sign_ins += 1
        try:
            return await execute()
        finally:
            self._sign_ins -= 1


def _port(session: Session, name: str) -> object:
    """Return the port of a session with this name in PORTS."""
    if name == "previews":
        return session
    return getattr(session.sign_in if name in SIGN_IN_PORTS else session, name)
