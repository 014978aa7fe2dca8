"""The RPC client: sends commands and queries over the bus, and waits for the replies."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Final, NamedTuple
from uuid import uuid4

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from tekana.domain.errors import Overloaded, Unavailable
from tekana_kafka.address import Address
from tekana_kafka.codec import Codec
from tekana_kafka.command_messages import ReplyTo, RequestMessage, headers_of, reply_headers
from tekana_kafka.deadlines import deadline_headers
from tekana_kafka.log_limit import limited_logger
from tekana_kafka.message_cipher import MessageCipher
from tekana_kafka.reply_codec import decode_error
from tekana_kafka.topics import MESSAGE_BYTES_MAX, create_missing_command_topics

_log = limited_logger("tekana.bus")

REPLY_TIMEOUT: Final = 20.0
"""The timeout of a request, in seconds: longer than those of a store, shorter than that of HTTP."""

CONNECT_TIMEOUT: Final = 5.0
"""The timeout of the broker, in seconds."""

_RECONNECT_SECONDS: Final = 1.0
_POLL_MS: Final = 60_000
_WAITING_MAX: Final = 10_000

_BUS_ERRORS: Final = (KafkaError, OSError, TimeoutError)


class _Reply(NamedTuple):
    """An opened reply: its outcome, `answer` or `error`, and its body."""

    outcome: bytes
    body: bytes


class RpcClient:
    """The requests that wait for replies. Each process reads one partition of replies, and ignores those of others.

    It connects in the background, retrying without limit. Until then every request raises Overloaded.
    """

    def __init__(self, address: Address, cipher: MessageCipher) -> None:
        self._address = address
        self._cipher = cipher
        self._waiting: dict[bytes, asyncio.Future[_Reply]] = {}
        self._producer: AIOKafkaProducer | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._connections: list[AIOKafkaProducer | AIOKafkaConsumer] = []
        self._partition = 0
        self._work: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()

    async def start(self) -> None:
        """Begin to connect. Return after the first attempt, whether it succeeded or not."""
        self._tried.clear()
        self._work = asyncio.create_task(self._run(), name="replies")
        await self._tried.wait()

    async def stop(self) -> None:
        """Disconnect. May be called twice, or without `start`."""
        work, self._work = self._work, None
        if work is not None:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def settle(self) -> None:
        """Wait until every request has its reply, or its timeout has passed."""
        while self._waiting:
            await asyncio.wait(self._waiting.values())
            await asyncio.sleep(0)

    async def check_ready(self) -> None:
        """Raise Unavailable if the bus cannot be reached."""
        if self._consumer is not None:
            with contextlib.suppress(*_BUS_ERRORS):
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    if self._address.replies in await self._consumer.topics():
                        return
        raise Unavailable(f"Kafka at {', '.join(self._address.servers)} does not answer")

    async def call(self, message: RequestMessage, topic: str, answer: Codec) -> object:
        """Send a message to a topic, and return the answer in the reply.

        Raises:
            TekanaError: the error of the service.
            Overloaded: the bus cannot be reached, or too many requests wait; nothing was begun.
            Unavailable: the reply did not arrive in time, or cannot be read: the outcome is unknown.
        """
        reply = await self._request(message, topic)
        try:
            if reply.outcome == b"answer":
                return answer.decode(reply.body)
            error = decode_error(reply.body)
        except msgspec.DecodeError as wrong:
            _log.warning("a reply cannot be read, is the service of another version? %s", wrong)
            raise Unavailable("the reply over the bus cannot be read: retry with the same key") from wrong
        raise error

    async def _request(self, message: RequestMessage, topic: str) -> _Reply:
        if self._producer is None:
            raise Overloaded("the bus cannot be reached: nothing was begun, try again")
        if len(self._waiting) >= _WAITING_MAX:
            raise Overloaded("too many requests are waiting: nothing was done, try again")
        correlation_id = uuid4().hex.encode()
        reply: asyncio.Future[_Reply] = asyncio.get_running_loop().create_future()
        self._waiting[correlation_id] = reply
        headers = [
            *message.headers,
            *reply_headers(ReplyTo(self._partition, correlation_id)),
            *deadline_headers(REPLY_TIMEOUT),
        ]
        headers, value = self._cipher.seal_request(message.caller, topic, headers, message.value, message.address)
        try:
            async with asyncio.timeout(REPLY_TIMEOUT):
                sent = await self._producer.send(topic, value, message.key, headers=headers)
                sent.add_done_callback(lambda sent: _fail_if_lost(sent, reply))
                return await reply
        except _BUS_ERRORS as error:
            why = f"{type(error).__name__}: {error}".rstrip(": ")
            raise Unavailable(f"no reply came over the bus in time ({why}): retry with the same key") from error
        finally:
            del self._waiting[correlation_id]
            reply.cancel()

    async def _run(self) -> None:
        while True:
            try:
                consumer = await self._connect()
                self._tried.set()
                await self._receive(consumer)
            except _BUS_ERRORS as error:
                _log.warning("the bus cannot be reached: %s", await self._address.explain(error))
            except Exception:  # a defect: reconnect instead of failing for good
                _log.exception("replies cannot be read")
            finally:
                self._tried.set()
                await self._disconnect()
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _connect(self) -> AIOKafkaConsumer:
        options = self._address.client_options()
        async with asyncio.timeout(2 * CONNECT_TIMEOUT):
            await create_missing_command_topics(self._address, CONNECT_TIMEOUT)
            # Not idempotent: it would have to be replaced after each failure, and a command that arrives twice is
            # executed once. Only one batch is in flight to a partition, which keeps the order.
            producer = AIOKafkaProducer(
                **options,
                acks="all",
                request_timeout_ms=int(REPLY_TIMEOUT * 1000),
                max_request_size=MESSAGE_BYTES_MAX,
            )
            self._connections.append(producer)
            await producer.start()
            consumer = AIOKafkaConsumer(
                **options,
                auto_offset_reset="latest",
                request_timeout_ms=int(CONNECT_TIMEOUT * 1000),
                max_partition_fetch_bytes=MESSAGE_BYTES_MAX,
            )
            self._connections.append(consumer)
            await consumer.start()
            partitions = await producer.partitions_for(self._address.replies)
            self._partition = random.choice(sorted(partitions))  # noqa: S311 - to share the load, not a secret
            mine = TopicPartition(self._address.replies, self._partition)
            consumer.assign([mine])
            await consumer.seek_to_end(mine)
            await consumer.position(mine)  # replies to later requests come after this position
        self._producer, self._consumer = producer, consumer
        return consumer

    async def _receive(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                for record in records:
                    headers = headers_of(record)
                    reply = self._waiting.get(headers.get("correlation-id", b""))
                    if reply is None or reply.done():  # other gateways share the partition
                        continue
                    body = self._cipher.open(record)
                    if body is not None:
                        reply.set_result(_Reply(headers.get("outcome", b""), body))
                    else:
                        _log.error(
                            "ignored a reply that is not sealed validly, see that TEKANA_BUS_SECRET is the same "
                            "everywhere: %s/%s/%s",
                            record.topic,
                            record.partition,
                            record.offset,
                        )

    async def _disconnect(self) -> None:
        self._producer = self._consumer = None
        while self._connections:
            await self._connections.pop().stop()


def _fail_if_lost(sent: asyncio.Future[object], reply: asyncio.Future[_Reply]) -> None:
    error = None if sent.cancelled() else sent.exception()
    if error is not None and not reply.done():
        reply.set_exception(error)
