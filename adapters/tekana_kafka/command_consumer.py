"""Takes commands off the bus, and has them decided: what one poll brings is one group of the posting engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError

from tekana.application import Batch
from tekana.application.engine.engine import Engine
from tekana.application.engine.envelope import Envelope
from tekana.domain.errors import InvalidRequest, TekanaError, Unavailable
from tekana.domain.events import Aggregate
from tekana_kafka.command_messages import ReceivedCommand, is_late, read_command, reply_to
from tekana_kafka.reply_codec import OUTCOME, OUTCOMES
from tekana_kafka.reply_producer import ReplyProducer

_log = logging.getLogger("tekana.bus")

_MOST_AT_ONCE: Final = 500  # as many as the posting engine takes in one group
_POLL: Final = 200  # milliseconds that a poll waits, and with it whoever stops the service
_PAUSE: Final = 0.5  # seconds before a command for which nobody waits is tried again


class CommandConsumer(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Polls, has all of it decided, replies, commits, in that order: so every command is decided at least once.

    A command that comes again, after a crash or a rebalance, is known by its idempotency key: its effect is there once.
    """

    def __init__(self, aggregate: Aggregate, engine: Engine, replier: ReplyProducer, stopping: asyncio.Event) -> None:
        self._aggregate = aggregate
        self._engine = engine
        self._replier = replier
        self._stopping = stopping
        self._busy = asyncio.Lock()  # while what was polled is not committed
        self._revoked: frozenset[TopicPartition] = frozenset()

    async def take_all(self, consumer: AIOKafkaConsumer, topic: str) -> None:
        """Take commands off the topic until the service stops."""
        consumer.subscribe([topic], listener=self)
        while not self._stopping.is_set():
            polled = await consumer.getmany(timeout_ms=_POLL, max_records=_MOST_AT_ONCE)
            async with self._busy:
                mine = {partition: records for partition, records in polled.items() if partition not in self._revoked}
                if not mine:
                    continue
                try:
                    await self._do([record for records in mine.values() for record in records])
                except _Undone:
                    return
                try:
                    await consumer.commit({partition: records[-1].offset + 1 for partition, records in mine.items()})
                except (CommitFailedError, IllegalStateError) as error:  # others have it now, and find it done
                    _log.info("a partition went to another process meanwhile: %r", error)

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Finish what was polled, and let go then."""
        async with self._busy:
            self._revoked = frozenset(revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:  # noqa: ARG002 - for others
        """Go on with what this process has from now on."""
        self._revoked = frozenset()

    async def _do(self, records: Sequence[ConsumerRecord]) -> None:
        """Have all of these decided, as one group: they join the engine's line in the same pass of the event loop."""
        outcomes = await asyncio.gather(*(self._do_one(record) for record in records), return_exceptions=True)
        await self._replier.flush()
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _do_one(self, record: ConsumerRecord) -> None:
        try:
            asked = read_command(record, self._aggregate)
            answer = await self._decided(record, asked)
        except InvalidRequest as error:
            await self._replier.reject(record, error)
        except TekanaError as error:
            await self._replier.fail(record, error)
            if reply_to(record) is None:
                await self._replier.dead_letter(record, str(error))
        except _Undone:
            raise
        except Exception as error:
            _log.exception("a command failed: %s/%s/%s", record.topic, record.partition, record.offset)
            await self._replier.fail(record, error)
            await self._replier.dead_letter(record, f"it fails: {type(error).__name__}")
        else:
            await self._replier.answer(record, answer)

    async def _decided(self, record: ConsumerRecord, asked: ReceivedCommand) -> bytes:
        """What the command led to. One without a deadline is tried until it is decided.

        Raises:
            Unavailable: nobody waits any more, so it is not begun. Whoever asks again with the key has it done then,
                unless it was done before.
            TekanaError: as the engine does.
        """
        if is_late(record):
            raise Unavailable("the command came too late to be begun")
        while True:
            try:
                return await self._submit(asked)
            except Unavailable:
                if reply_to(record) is not None:
                    raise
            if self._stopping.is_set():
                raise _Undone
            await asyncio.sleep(_PAUSE)

    async def _submit(self, asked: ReceivedCommand) -> bytes:
        caller, key, request_id = asked.caller, asked.key, asked.request_id
        if isinstance(asked.command, Batch):
            batch = self._engine.submit_batch(asked.command, caller=caller, key=key, request_id=request_id)
            return OUTCOMES.encode(await batch)
        return OUTCOME.encode(await self._engine.submit(Envelope(asked.command, caller, key, request_id)))


class _Undone(Exception):
    """A command is to be done by whoever comes next."""
