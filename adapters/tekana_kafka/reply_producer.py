"""What a service sends: replies to those who wait, and dead letters."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError

from tekana.domain.errors import InvalidRequest
from tekana_kafka.address import Address
from tekana_kafka.command_messages import reply_to
from tekana_kafka.reply_codec import failure

_log = logging.getLogger("tekana.bus")

_ANSWER: Final = ("outcome", b"answer")
_ERROR: Final = ("outcome", b"error")


class ReplyProducer:
    """Sends replies, each to the partition that its asker reads.

    A reply that gets lost is no harm: whoever waited in vain asks again with the same key. A dead letter must not get
    lost, so that one is waited for.
    """

    def __init__(self, address: Address, producer: AIOKafkaProducer) -> None:
        self._address = address
        self._producer = producer
        self._unconfirmed: set[asyncio.Future[object]] = set()

    async def answer(self, record: ConsumerRecord, body: bytes) -> None:
        """Answer a message, if anybody waits for that."""
        await self._reply(record, body, _ANSWER)

    async def fail(self, record: ConsumerRecord, error: Exception) -> None:
        """Answer a message with the error that it led to, if anybody waits for that."""
        await self._reply(record, failure(error), _ERROR)

    async def reject(self, record: ConsumerRecord, error: InvalidRequest) -> None:
        """Keep a message that makes no sense among the dead letters, and tell its sender.

        Raises:
            KafkaError: it could not be kept.
        """
        await self.fail(record, error)
        await self.dead_letter(record, str(error))

    async def dead_letter(self, record: ConsumerRecord, reason: str) -> None:
        """Keep a message among the dead letters: as it came, with the reason and the place that it came from.

        Raises:
            KafkaError: it could not be kept.
        """
        place = f"{record.topic}/{record.partition}/{record.offset}"
        _log.warning("a dead letter, from %s: %s", place, reason)
        headers = [*record.headers, ("dead-reason", reason.encode(errors="replace")), ("dead-from", place.encode())]
        await self._producer.send_and_wait(self._address.dead_commands, record.value, record.key, headers=headers)

    async def flush(self) -> None:
        """Wait until the bus has what was sent, or has failed to take it."""
        if self._unconfirmed:
            await asyncio.wait(self._unconfirmed)

    async def _reply(self, record: ConsumerRecord, body: bytes, outcome: tuple[str, bytes]) -> None:
        to = reply_to(record)
        if to is None or to.partition not in await self._producer.partitions_for(self._address.replies):
            return
        headers = [outcome, ("content-type", b"application/json"), ("correlation-id", to.correlation_id)]
        try:
            sent = await self._producer.send(self._address.replies, body, partition=to.partition, headers=headers)
        except KafkaError as error:
            _log.warning("a reply was not sent: %r", error)
        else:
            self._unconfirmed.add(sent)
            sent.add_done_callback(self._confirmed)

    def _confirmed(self, sent: asyncio.Future[object]) -> None:
        self._unconfirmed.discard(sent)
        if not sent.cancelled() and sent.exception() is not None:
            _log.warning("a reply was lost: %r", sent.exception())
