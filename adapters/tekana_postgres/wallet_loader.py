"""Reading wallets by id, many at once.

Whoever asks while a query is under way is answered by the next one: alone, nobody waits; in a crowd, the cost of a
query is shared. What is read is never older than the question.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from tekana.domain.errors import Unavailable, WalletNotFound
from tekana.domain.identifiers import WalletId
from tekana.domain.wallet import Wallet
from tekana_postgres.connections import PinnedConnections
from tekana_postgres.rows import WALLET_COLUMNS, wallet_from

_WALLETS = f"SELECT {', '.join(WALLET_COLUMNS)} FROM wallets WHERE id = ANY($1)"


class _Asked(NamedTuple):
    wallet_id: WalletId
    answer: asyncio.Future[Wallet]


class WalletLoader:
    """Answers each question with a Wallet of its own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._connections = PinnedConnections(engine, 1)
        self._asked: list[_Asked] = []
        self._work: asyncio.Task[None] | None = None

    async def get(self, wallet_id: WalletId) -> Wallet:
        """Raises WalletNotFound if there is none; Unavailable if the database cannot be reached."""
        answer: asyncio.Future[Wallet] = asyncio.get_running_loop().create_future()
        self._asked.append(_Asked(wallet_id, answer))
        if self._work is None:
            self._work = asyncio.create_task(self._answer_all(), name="wallet lookups")
        return await answer

    async def stop(self) -> None:
        """Let go of the connection."""
        await self._connections.dispose()

    async def _answer_all(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, []
                await self._answer(asked)
        finally:
            self._work = None
            for one in self._asked:  # there are some only if this task was cancelled
                one.answer.cancel()

    async def _answer(self, asked: list[_Asked]) -> None:
        try:
            async with self._connections.use() as connection:
                rows = await connection.fetch(_WALLETS, {one.wallet_id for one in asked})
        except Exception as error:
            for one in asked:
                if not one.answer.done():
                    one.answer.set_exception(_like(error))
            return
        except BaseException:
            for one in asked:
                one.answer.cancel()
            raise
        found = {row["id"]: row for row in rows}
        for wallet_id, answer in asked:
            if answer.done():  # whoever asked has left
                continue
            row = found.get(wallet_id)
            if row is None:
                answer.set_exception(WalletNotFound(f"no wallet has the id {wallet_id}"))
            else:
                answer.set_result(wallet_from(row))


def _like(error: Exception) -> Exception:
    """An exception for each who gets it: to raise one is to change it."""
    return type(error)(*error.args) if isinstance(error, Unavailable) else error
