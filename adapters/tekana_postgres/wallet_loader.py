"""Reads wallets by id, many with one query.

What is asked while a query runs is answered by the next one: a single request waits for no other, and many share the
cost of a query. A wallet is never older than the request for it.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import asyncpg

from tekana.domain.caller import Caller
from tekana.domain.errors import Unavailable, WalletNotFound
from tekana.domain.identifiers import WalletId
from tekana.domain.policy import can_access
from tekana.domain.wallet import Wallet
from tekana_postgres.connections import ConnectionPool, raw_connection
from tekana_postgres.rows import WALLET_COLUMNS, wallet_from

_WALLETS = f"SELECT {', '.join(WALLET_COLUMNS)} FROM wallets WHERE id = ANY($1)"


class _Request(NamedTuple):
    wallet_id: WalletId
    caller: Caller
    answer: asyncio.Future[Wallet]


class WalletLoader:
    """Loads wallets; each request gets a Wallet of its own."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._requests: list[_Request] = []
        self._work: asyncio.Task[None] | None = None

    async def get(self, wallet_id: WalletId, caller: Caller) -> Wallet:
        """Load a wallet.

        Raises:
            WalletNotFound: there is none that the caller has access to.
            Unavailable: the database cannot be reached.
        """
        answer: asyncio.Future[Wallet] = asyncio.get_running_loop().create_future()
        self._requests.append(_Request(wallet_id, caller, answer))
        self._start_work()
        return await answer

    def _start_work(self) -> None:
        if self._work is None and self._requests:
            self._work = asyncio.create_task(self._answer_all(), name="wallet loader")
            self._work.add_done_callback(self._end_work)

    def _end_work(self, _: asyncio.Task[None]) -> None:
        self._work = None
        self._start_work()  # for those that were not answered, if the task was cancelled

    async def _answer_all(self) -> None:
        while self._requests:
            requests, self._requests = self._requests, []
            await self._answer(requests)

    async def _answer(self, requests: list[_Request]) -> None:
        try:
            async with raw_connection(self._pool) as connection:
                rows = await connection.fetch(_WALLETS, {one.wallet_id for one in requests})
        except BaseException as error:
            for one in requests:
                if not one.answer.done():
                    one.answer.set_exception(_copy_of(error))
            if isinstance(error, Exception):
                return
            raise
        found = {row["id"]: row for row in rows}
        for wallet_id, caller, answer in requests:
            if answer.done():  # the caller was cancelled
                continue
            row = found.get(wallet_id)
            if row is None or not _can_access(caller, row):
                answer.set_exception(WalletNotFound(f"no wallet has the id {wallet_id}"))
            else:
                answer.set_result(wallet_from(row))


def _can_access(caller: Caller, row: asyncpg.Record) -> bool:
    return can_access(caller, None if row["house"] else row["tenant"], row["customer_id"])


def _copy_of(error: BaseException) -> Exception:
    """An exception for each caller, as to raise one is to change it."""
    if isinstance(error, Unavailable):
        copy = type(error)(*error.args)
        copy.__cause__ = error.__cause__
        return copy
    return error if isinstance(error, Exception) else Unavailable("the query was cancelled: try again")
