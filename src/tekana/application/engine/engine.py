"""What decides commands: here, or somewhere else on the caller's behalf."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from tekana.application.commands.batch import Batch
from tekana.application.engine.envelope import Envelope, Outcome
from tekana.application.engine.statistics import EngineStatistics
from tekana.domain.answers import Answer
from tekana.domain.caller import Caller


class Engine(Protocol):
    """Has commands decided, once for each key. `PostingEngine` is one; a gateway has one that asks over the bus."""

    def start(self) -> None:
        """Begin to serve, on the running event loop."""
        ...

    async def stop(self) -> None:
        """Decide what waits, accept nothing new, and end."""
        ...

    def check_serving(self) -> None:
        """Raises Overloaded unless commands are taken."""
        ...

    def check_alive(self) -> None:
        """Raises Unavailable if commands are not taken, or not decided any more, so that only a restart helps."""
        ...

    def statistics(self) -> EngineStatistics | None:
        """Return what the engine has counted; None if commands are decided in other processes."""
        ...

    async def submit(self, envelope: Envelope) -> Outcome:
        """Have a command decided, for good; cancelling the wait does not take it back.

        Raises:
            InvalidRequest: the key is no text of 1 to 255 characters, or has U+001F in it.
            IdempotencyKeyReused: the key was used for another command.
            Overloaded: nothing was begun.
            Unavailable: the outcome is unknown; the same key finds it.
        """
        ...

    def enqueue(self, envelope: Envelope) -> asyncio.Future[Outcome]:
        """Have a command decided, as `submit` does, for a caller without a task of its own.

        Raises InvalidRequest and Overloaded at once; the future raises the rest.
        """
        ...

    async def submit_batch(
        self,
        batch: Batch,
        *,
        caller: Caller,
        key: str | None = None,
        request_id: str | None = None,
        address: str | None = None,
    ) -> list[Outcome]:
        """Have the movements of a batch decided, for good; gives the outcome of each. Raises as `submit` does."""
        ...

    async def preview(self, envelope: Envelope) -> Answer:
        """What the command would lead to now; a refused one, its rejected transaction. Nothing is kept."""
        ...

    async def preview_batch(self, batch: Batch, caller: Caller) -> Sequence[Answer]:
        """What each command of a batch would lead to now. Nothing is kept."""
        ...
