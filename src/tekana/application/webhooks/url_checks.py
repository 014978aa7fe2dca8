"""An engine in front of another one: checks the URLs of webhooks before their commands are decided.

A decision is pure, and where a URL leads takes the network to find out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from msgspec import UNSET

from tekana.application.commands import webhooks
from tekana.application.commands.batch import Batch
from tekana.application.commands.validation import check_key
from tekana.application.engine.engine import Engine
from tekana.application.engine.envelope import Envelope, Outcome
from tekana.application.engine.statistics import EngineStatistics
from tekana.domain.answers import Answer
from tekana.domain.caller import Caller
from tekana.ports.unit_of_work import BeginUnit, IdempotencyKey
from tekana.ports.webhook_sender import WebhookSender
from tekana.ports.webhook_store import WebhookStore

_WEBHOOK_COMMANDS: Final[frozenset[Any]] = frozenset(webhooks.GROUP.commands)


class UrlCheckingEngine:
    """Implements tekana.application.engine.engine.Engine. Commands that are not about webhooks are only passed on.

    Args:
        engine: decides the commands.
        store: returns the store of webhooks, or raises that there is none. Called when the first command needs it.
        sender: returns what sends webhooks. Called when the first URL is checked.
    """

    def __init__(self, engine: Engine, store: Callable[[], WebhookStore], sender: Callable[[], WebhookSender]) -> None:
        self._engine = engine
        self._store = store
        self._sender = sender

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
        """
        if type(envelope.command) in _WEBHOOK_COMMANDS:
            self._engine.check_serving()
            await self._check(envelope)
        return await self._engine.submit(envelope)

    def enqueue(self, envelope: Envelope) -> asyncio.Future[Outcome]:
        if type(envelope.command) in _WEBHOOK_COMMANDS:
            return asyncio.ensure_future(self.submit(envelope))
        return self._engine.enqueue(envelope)

    async def submit_batch(
        self, batch: Batch, *, caller: Caller, key: str | None = None, request_id: str | None = None
    ) -> list[Outcome]:
        return await self._engine.submit_batch(batch, caller=caller, key=key, request_id=request_id)

    async def preview(self, envelope: Envelope) -> Answer:
        if type(envelope.command) in _WEBHOOK_COMMANDS:
            await self._check(envelope)
        return await self._engine.preview(envelope)

    async def _check(self, envelope: Envelope) -> None:
        begin = self._store().begin
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
