"""An engine in front of another one: does what takes I/O before and after a decision, as a decision is pure.

Where the URL of a webhook leads takes the network to find out. The data keys that hash the secrets of API keys, and
encrypt those of webhooks, may have to be read. The secret of an answer is decrypted afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from msgspec import UNSET

from tekana.application.commands import api_keys, webhooks
from tekana.application.commands.batch import Batch
from tekana.application.commands.validation import check_key
from tekana.application.engine.engine import Engine
from tekana.application.engine.envelope import Envelope, Outcome
from tekana.application.engine.statistics import EngineStatistics
from tekana.application.webhooks.endpoint_secrets import EndpointSecrets
from tekana.domain.answers import Answer
from tekana.domain.caller import Caller
from tekana.domain.webhooks import WebhookEndpoint
from tekana.ports.unit_of_work import BeginUnit, IdempotencyKey
from tekana.ports.webhook_sender import WebhookSender
from tekana.ports.webhook_store import WebhookStore

_WEBHOOK_COMMANDS: Final[frozenset[Any]] = frozenset(webhooks.GROUP.commands)
_KEY_COMMANDS: Final[frozenset[Any]] = frozenset(api_keys.GROUP.commands)
_PREPARED: Final = _WEBHOOK_COMMANDS | _KEY_COMMANDS
_COMMANDS_WITH_SECRETS: Final[frozenset[Any]] = frozenset(
    {webhooks.CreateWebhookEndpoint, webhooks.RotateWebhookSecret}
)


async def _load_nothing() -> None:
    """Stand for an engine that has the data key."""


class PreparingEngine:
    """Implements tekana.application.engine.engine.Engine.

    Commands about neither webhooks nor API keys are only passed on.

    Args:
        engine: decides the commands.
        store: returns the store of webhooks, or raises that there is none. Called when the first command needs it.
        sender: returns what sends webhooks. Called when the first URL is checked.
        secrets: decrypts the secrets of endpoints.
        load_keys: reads the data key with which the engine hashes the secrets of API keys.
    """

    def __init__(
        self,
        engine: Engine,
        store: Callable[[], WebhookStore],
        sender: Callable[[], WebhookSender],
        secrets: EndpointSecrets,
        load_keys: Callable[[], Awaitable[None]] = _load_nothing,
    ) -> None:
        self._engine = engine
        self._store = store
        self._sender = sender
        self._secrets = secrets
        self._load_keys = load_keys

    def start(self) -> None:
        self._engine.start()

    async def stop(self) -> None:
        await self._engine.stop()

    def check_serving(self) -> None:
        self._engine.check_serving()

    def check_alive(self) -> None:
        self._engine.check_alive()

    def statistics(self) -> EngineStatistics | None:
        return self._engine.statistics()

    async def submit(self, envelope: Envelope) -> Outcome:
        """Have a command decided, once its URL is checked.

        Raises:
            InvalidRequest: the URL may not be sent to; or as the other engine says.
            MissingAdapter: the store keeps no webhooks, or what sends them is not installed.
            Unavailable: the command needs a secret, and the key provider cannot be reached; or as the other engine
                says.
        """
        if type(envelope.command) not in _PREPARED:
            return await self._engine.submit(envelope)
        self._engine.check_serving()
        await self._prepare(envelope)
        outcome = await self._engine.submit(envelope)
        return outcome._replace(answer=await self._readable(outcome.answer))

    def enqueue(self, envelope: Envelope) -> asyncio.Future[Outcome]:
        if type(envelope.command) in _PREPARED:
            return asyncio.ensure_future(self.submit(envelope))
        return self._engine.enqueue(envelope)

    async def submit_batch(
        self,
        batch: Batch,
        *,
        caller: Caller,
        key: str | None = None,
        request_id: str | None = None,
        address: str | None = None,
    ) -> list[Outcome]:
        return await self._engine.submit_batch(batch, caller=caller, key=key, request_id=request_id, address=address)

    async def preview(self, envelope: Envelope) -> Answer:
        if type(envelope.command) not in _PREPARED:
            return await self._engine.preview(envelope)
        await self._prepare(envelope)
        return await self._readable(await self._engine.preview(envelope))

    async def preview_batch(self, batch: Batch, caller: Caller) -> Sequence[Answer]:
        return await self._engine.preview_batch(batch, caller)

    async def _readable(self, answer: Answer) -> Answer:
        """Return an answer with its secret decrypted, if it has one."""
        if isinstance(answer, WebhookEndpoint) and answer.secret:
            return await self._secrets.decrypted(answer)
        return answer

    async def _prepare(self, envelope: Envelope) -> None:
        if type(envelope.command) in _KEY_COMMANDS:
            await self._load_keys()
        else:
            await self._check(envelope)

    async def _check(self, envelope: Envelope) -> None:
        begin = self._store().begin
        if type(envelope.command) in _COMMANDS_WITH_SECRETS:
            await self._secrets.load()
        url = getattr(envelope.command, "url", UNSET)
        if isinstance(url, str) and not await _is_decided(envelope, begin):
            await self._sender().check(url)


async def _is_decided(envelope: Envelope, begin: BeginUnit) -> bool:
    """Return whether the key was used: then the answer is known, wherever the URL leads by now."""
    if envelope.key is None:
        return False
    check_key(envelope.key)
    key = IdempotencyKey(envelope.caller.tenant, envelope.caller.subject, envelope.key)
    async with begin() as unit:
        return key in await unit.find_keys({key})
