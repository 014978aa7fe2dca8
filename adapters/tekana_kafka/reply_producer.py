"""The producer of a service: replies and dead letters."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from tekana.domain.errors import InvalidRequest, TekanaError
from tekana_kafka.address import Address
from tekana_kafka.cloud_events import Header
from tekana_kafka.command_messages import reply_to
from tekana_kafka.deadlines import BrokerClock, now_seconds
from tekana_kafka.log_limit import limited_logger
from tekana_kafka.message_cipher import MessageCipher, UnverifiedPrincipal
from tekana_kafka.reply_codec import encode_error, public_error

_log = limited_logger("tekana.bus")

_ANSWER: Final = ("outcome", b"answer")
_ERROR: Final = ("outcome", b"error")
_CLOCK: Final = ("outcome", b"clock")


class ReplyProducer:
    """Sends sealed replies, each to the partition of its reply address.

    It also updates `clock` with the broker's timestamps.
    Replies may be lost: the client repeats its request with the same key. Dead letters must not be lost, so each waits
    for its confirmation.
    """

    def __init__(self, address: Address, producer: AIOKafkaProducer, cipher: MessageCipher) -> None:
        self.clock = BrokerClock()
        self._address = address
        self._producer = producer
        self._cipher = cipher
        self._unconfirmed: set[asyncio.Future[object]] = set()

    async def read_clock(self) -> None:
        """Read the broker's time before the first command, with a message that no gateway waits for.

        Raises:
            KafkaError: the broker does not accept it.
        """
        sent_seconds = now_seconds()
        metadata = await self._producer.send_and_wait(self._address.replies, b"", partition=0, headers=[_CLOCK])
        self.clock.observe(metadata, sent_seconds)

    async def answer(self, record: ConsumerRecord, body: bytes) -> None:
        """Reply to a message, if its sender requests a reply."""
        await self._reply(record, body, _ANSWER)

    async def fail(self, record: ConsumerRecord, error: Exception) -> None:
        """Answer a message with an error, if its sender asks for a reply; log what the reply does not say."""
        if public_error(error) is not error:
            name = dict(record.headers).get("request-id", b"").decode(errors="replace")
            _log.warning("request %s: %s: %s", name or "without an id", type(error).__name__, error)
        await self._reply(record, encode_error(error), _ERROR)

    async def refuse(self, record: ConsumerRecord, error: UnverifiedPrincipal) -> None:
        """Send a message without a valid principal to the dead letters, and say so in the log.

        The reply is not sealed: the message may have the correlation id of another one, and a gateway must not take the
        reply for the outcome of that one.
        """
        _log.error(
            "refused a message without a valid principal, see that TEKANA_BUS_SECRET is the same everywhere: "
            "%s/%s/%s: %s",
            record.topic,
            record.partition,
            record.offset,
            error.reason,
        )
        await self._reply(record, encode_error(error), _ERROR, sealed=False)
        await self.dead_letter(record, error)

    async def dead_letter(self, record: ConsumerRecord, error: Exception) -> None:
        """Send the sealed value and headers of a message to the dead letters, with the reason, partition and offset.

        The key is left out: it may be anything, and dead letters are not ordered by it. If the two headers make the
        message larger than one may be, they are all that is sent: the message itself is at that offset.

        Args:
            record: the message.
            error: what is wrong with it. The reason has none of its text, which may quote the sealed value: headers
                are not encrypted.

        Raises:
            KafkaError: the broker does not accept it.
        """
        origin, reason = f"{record.topic}/{record.partition}/{record.offset}", _reason_of(error)
        _log.warning("a dead letter, from %s: %s", origin, reason)
        about = [("dead-reason", reason.encode(errors="replace")), ("dead-from", origin.encode())]
        try:
            await self._send_letter(record.value, [*record.headers, *about])
        except MessageSizeTooLargeError:
            await self._send_letter(None, about)

    async def _send_letter(self, value: bytes | None, headers: list[Header]) -> None:
        key = b"" if value is None else None  # the client library requires one of them
        await self._producer.send_and_wait(self._address.dead_commands, value, key, headers=headers)

    async def flush(self) -> None:
        """Wait until each reply is confirmed or has failed."""
        if self._unconfirmed:
            await asyncio.wait(self._unconfirmed)

    async def _reply(
        self, record: ConsumerRecord, body: bytes, outcome: tuple[str, bytes], *, sealed: bool = True
    ) -> None:
        to = reply_to(record)
        if to is None or to.partition not in await self._producer.partitions_for(self._address.replies):
            return
        headers = [outcome, ("correlation-id", to.correlation_id)]
        if sealed:
            body = self._cipher.seal(self._address.replies, headers, body)
        sent_seconds = now_seconds()
        try:
            sent = await self._producer.send(self._address.replies, body, partition=to.partition, headers=headers)
        except KafkaError as error:
            _log.warning("a reply was not sent: %r", error)
        else:
            self._unconfirmed.add(sent)
            sent.add_done_callback(partial(self._confirmed, sent_seconds))

    def _confirmed(self, sent_seconds: float, sent: asyncio.Future[object]) -> None:
        self._unconfirmed.discard(sent)
        if sent.cancelled():
            return
        if sent.exception() is not None:
            _log.warning("a reply was lost: %r", sent.exception())
        else:
            self.clock.observe(sent.result(), sent_seconds)


def _reason_of(error: Exception) -> str:
    """Return the code of an error and the names of wrong fields, or the class of an unexpected one."""
    if isinstance(error, UnverifiedPrincipal):
        return error.reason
    if isinstance(error, InvalidRequest):
        return f"{error.code}: {', '.join(one.field for one in error.errors)}"
    return error.code if isinstance(error, TekanaError) else f"it fails: {type(error).__name__}"
