"""The handlers of the commands on the bus, and the codecs of their answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple, cast

from tekana.application import Batch, Webhooks
from tekana.application.engine.engine import Engine
from tekana.application.engine.envelope import Envelope, Outcome
from tekana.application.webhooks.webhooks import Configured
from tekana.domain.webhooks import WebhookDelivery, WebhookEndpoint
from tekana_kafka.codec import Codec
from tekana_kafka.command_messages import ReceivedCommand
from tekana_kafka.reply_codec import CONFIGURED, DELIVERY, ENDPOINT, NOTHING, OUTCOME, OUTCOMES
from tekana_kafka.service_table import TOPIC_OF, CoreCommand
from tekana_kafka.webhook_commands import (
    CreateWebhookEndpoint,
    DeleteWebhookEndpoint,
    ResendWebhookDelivery,
    RotateWebhookSecret,
    SendWebhookTest,
    UpdateWebhookEndpoint,
    WebhookCommand,
)


class Executors(NamedTuple):
    """The engine and webhooks that execute the commands of a service."""

    engine: Engine
    webhooks: Callable[[], Webhooks]


class CommandHandler(NamedTuple):
    """The handler of one class of commands.

    `queued`: whether many commands are submitted at once, as the engine keeps their order. Other commands are executed
    one at a time for each message key.
    """

    answer: Codec
    execute: Callable[[Executors, ReceivedCommand], Awaitable[Any]]
    queued: bool = False


def without_secrets(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """Return the endpoint without its secret: many can read the topic of replies, which needs new secrets only."""
    return replace(endpoint, secret="", previous_secret=None)


async def _submit(executors: Executors, received: ReceivedCommand) -> Outcome:
    command = cast("CoreCommand", received.command)
    return await executors.engine.submit(Envelope(command, received.caller, received.key, received.request_id))


async def _submit_batch(executors: Executors, received: ReceivedCommand) -> list[Outcome]:
    batch = cast("Batch", received.command)
    return await executors.engine.submit_batch(
        batch, caller=received.caller, key=received.key, request_id=received.request_id
    )


async def _create(executors: Executors, received: ReceivedCommand) -> Configured:
    command = cast("CreateWebhookEndpoint", received.command)
    return await executors.webhooks().create(
        received.caller,
        url=command.url,
        description=command.description,
        event_types=command.event_types,
        key=received.key,
    )


async def _update(executors: Executors, received: ReceivedCommand) -> WebhookEndpoint:
    command = cast("UpdateWebhookEndpoint", received.command)
    return without_secrets(await executors.webhooks().update(received.caller, command.endpoint_id, command.changes))


async def _rotate_secret(executors: Executors, received: ReceivedCommand) -> Configured:
    command = cast("RotateWebhookSecret", received.command)
    done = await executors.webhooks().rotate_secret(received.caller, command.endpoint_id, key=received.key)
    return done._replace(endpoint=replace(done.endpoint, previous_secret=None))


async def _delete(executors: Executors, received: ReceivedCommand) -> None:
    command = cast("DeleteWebhookEndpoint", received.command)
    await executors.webhooks().delete(received.caller, command.endpoint_id)


async def _send_test(executors: Executors, received: ReceivedCommand) -> WebhookDelivery:
    command = cast("SendWebhookTest", received.command)
    return await executors.webhooks().send_test(received.caller, command.endpoint_id)


async def _resend(executors: Executors, received: ReceivedCommand) -> WebhookDelivery:
    command = cast("ResendWebhookDelivery", received.command)
    return await executors.webhooks().resend(received.caller, command.delivery_id)


_BY_THE_ENGINE: Final = CommandHandler(OUTCOME, _submit, queued=True)

HANDLERS: Final[Mapping[type, CommandHandler]] = {
    **{kind: _BY_THE_ENGINE for kind in TOPIC_OF if not issubclass(kind, WebhookCommand)},
    Batch: CommandHandler(OUTCOMES, _submit_batch, queued=True),
    CreateWebhookEndpoint: CommandHandler(CONFIGURED, _create),
    UpdateWebhookEndpoint: CommandHandler(ENDPOINT, _update),
    RotateWebhookSecret: CommandHandler(CONFIGURED, _rotate_secret),
    DeleteWebhookEndpoint: CommandHandler(NOTHING, _delete),
    SendWebhookTest: CommandHandler(DELIVERY, _send_test),
    ResendWebhookDelivery: CommandHandler(DELIVERY, _resend),
}
"""The handler of each command."""
