"""The handlers of the commands on the bus, and the codecs of their answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple, cast

from tekana.application import Batch, Session
from tekana.application.commands import webhooks
from tekana.application.engine.envelope import Outcome
from tekana_kafka.codec import Codec
from tekana_kafka.command_messages import ReceivedCommand
from tekana_kafka.reply_codec import OUTCOME, OUTCOMES
from tekana_kafka.service_table import TOPIC_OF, CoreCommand


class CommandHandler(NamedTuple):
    """The handler of one class of commands, which executes them in the session of their caller.

    `queued`: whether many commands are submitted at once, as the engine keeps their order. Other commands are executed
    one at a time for each message key.
    """

    answer: Codec
    execute: Callable[[Session, ReceivedCommand], Awaitable[Any]]
    queued: bool = True


async def _execute(session: Session, received: ReceivedCommand) -> Outcome:
    command = cast("CoreCommand", received.command)
    return await session.enqueue(command, key=received.key, request_id=received.request_id)


async def _execute_batch(session: Session, received: ReceivedCommand) -> list[Outcome]:
    batch = cast("Batch", received.command)
    return await session.execute_batch(batch, key=received.key, request_id=received.request_id)


HANDLERS: Final[Mapping[type, CommandHandler]] = {
    **dict.fromkeys(TOPIC_OF, CommandHandler(OUTCOME, _execute)),
    # Before they are decided URLs are checked, which may take longer for one than for the next.
    **dict.fromkeys(webhooks.GROUP.commands, CommandHandler(OUTCOME, _execute, queued=False)),
    Batch: CommandHandler(OUTCOMES, _execute_batch),
}
"""The handler of each command."""
