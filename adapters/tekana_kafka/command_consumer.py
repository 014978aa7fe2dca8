"""The consumer of one topic of commands: those of one poll are executed together, then committed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError

from tekana.application import Session
from tekana.domain.caller import AUTHENTICATION, Caller
from tekana.domain.errors import InvalidRequest, TekanaError, Unavailable
from tekana_kafka.command_handlers import HANDLERS, CommandHandler
from tekana_kafka.command_messages import ReceivedCommand, read_command, reply_to
from tekana_kafka.deadlines import is_late
from tekana_kafka.log_limit import limited_logger
from tekana_kafka.message_cipher import MessageCipher, UnverifiedPrincipal
from tekana_kafka.reply_producer import ReplyProducer

_log = limited_logger("tekana.bus")

_POLL_RECORDS_MAX: Final = 500  # the size of a group of the posting engine
_POLL_MS: Final = 200  # the duration of a poll, and the delay of a stop
_RETRY_SECONDS: Final = 0.5  # between two attempts at a command whose sender does not wait


class _Task(NamedTuple):
    """A command to execute, with its message, when that was sealed, and the session of its caller."""

    record: ConsumerRecord
    sealed_seconds: float
    session: Session
    command: ReceivedCommand
    handler: CommandHandler


class CommandConsumer(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Polls, executes, replies and commits, in that order, so every command is executed at least once.

    A command that is delivered again, after a crash or a rebalance, is recognised by its idempotency key.
    """

    def __init__(
        self,
        name: str,
        as_caller: Callable[[Caller, str | None], Session],
        cipher: MessageCipher,
        replies: ReplyProducer,
        stopping: asyncio.Event,
    ) -> None:
        self._name = name
        self._as_caller = as_caller
        self._cipher = cipher
        self._replies = replies
        self._stopping = stopping
        self._busy = asyncio.Lock()  # held while polled messages are not committed
        self._revoked: frozenset[TopicPartition] = frozenset()

    async def run(self, consumer: AIOKafkaConsumer, topic: str) -> None:
        """Consume the topic until the service stops."""
        consumer.subscribe([topic], listener=self)
        while not self._stopping.is_set():
            polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_POLL_RECORDS_MAX)
            async with self._busy:
                mine = {partition: records for partition, records in polled.items() if partition not in self._revoked}
                if not mine:
                    continue
                try:
                    await self._execute_all([record for records in mine.values() for record in records])
                except _Interrupted:
                    return
                try:
                    await consumer.commit({partition: records[-1].offset + 1 for partition, records in mine.items()})
                except (CommitFailedError, IllegalStateError) as error:  # another process gets it, and finds the keys
                    _log.info("a partition was reassigned before its offset was committed: %r", error)

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Finish polled messages before other processes get these partitions."""
        async with self._busy:
            self._revoked = frozenset(revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:  # noqa: ARG002 - the signature of the listener
        """Start to consume newly assigned partitions."""
        self._revoked = frozenset()

    async def _execute_all(self, records: Sequence[ConsumerRecord]) -> None:
        """Execute the commands of these messages: in their order where they have the same key.

        Those for the engine are submitted in the same pass of the event loop, so that they form one group.
        """
        sequences: list[list[_Task]] = []
        by_key: dict[bytes | None, list[_Task]] = defaultdict(list)
        for record in records:
            task = await self._read(record)
            if task is None:
                continue
            if task.handler.queued:
                sequences.append([task])
            else:
                by_key[record.key].append(task)
        sequences += by_key.values()
        outcomes = await asyncio.gather(*map(self._execute_in_order, sequences), return_exceptions=True)
        await self._replies.flush()
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _read(self, record: ConsumerRecord) -> _Task | None:
        """Read the command of a message. If it cannot be executed, send it to the dead letters and return None."""
        try:
            request = self._cipher.open_request(record)
            session = self._as_caller(request.caller, request.address)
            command = read_command(record, request.value, self._name)
        except UnverifiedPrincipal as error:
            self._as_caller(AUTHENTICATION, None).note_failed_authentication(error.code)
            await self._replies.refuse(record, error)
            return None
        except InvalidRequest as error:
            await self._replies.fail(record, error)
            await self._replies.dead_letter(record, error)
            return None
        return _Task(record, request.sealed_seconds, session, command, HANDLERS[type(command.command)])

    async def _execute_in_order(self, tasks: Sequence[_Task]) -> None:
        for task in tasks:
            await self._execute(task)

    async def _execute(self, task: _Task) -> None:
        record = task.record
        try:
            answer = task.handler.answer.encode(await self._answer(task))
        except TekanaError as error:
            await self._replies.fail(record, error)
            if reply_to(record) is None:
                await self._replies.dead_letter(record, error)
        except _Interrupted:
            raise
        except Exception as error:
            _log.exception("a command failed: %s/%s/%s", record.topic, record.partition, record.offset)
            await self._replies.fail(record, error)
            await self._replies.dead_letter(record, error)
        else:
            await self._replies.answer(record, answer)

    async def _answer(self, task: _Task) -> object:
        """Execute a command. One whose sender does not wait is retried until it has an outcome.

        Raises:
            Unavailable: the sender's deadline has passed, so the command is not begun. A retry with the same key
                executes it, unless it was executed before.
            TekanaError: as the handler raises it.
        """
        if is_late(task.record, self._replies.clock, task.sealed_seconds):
            raise Unavailable("the command came too late to be begun, or the clock of its sender is wrong")
        while True:
            try:
                return await task.handler.execute(task.session, task.command)
            except Unavailable:
                if reply_to(task.record) is not None:
                    raise
            if self._stopping.is_set():
                raise _Interrupted
            await asyncio.sleep(_RETRY_SECONDS)


class _Interrupted(Exception):
    """The service stops before a command has an outcome. It is not committed, so another process executes it."""
