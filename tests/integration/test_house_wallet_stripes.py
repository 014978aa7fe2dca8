"""Processes with house wallets of their own post deposits and withdrawals without waiting for each other."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

import tekana
from tekana.domain.identifiers import STRIPES_MAX, house_wallet_id
from tekana.domain.money import Currency
from tekana.testing import builders
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.session import session
from tests.integration.postgres_support import superuser

RWF = Currency("RWF")
SETTLEMENT = [house_wallet_id("settlement", RWF, stripe) for stripe in range(3)]


async def test_each_process_posts_to_its_own_house_wallet(postgres_url: str) -> None:
    async with AsyncExitStack() as stack:
        apps = [await stack.enter_async_context(session(postgres_url, stripe=stripe)) for stripe in range(3)]
        wallet = await a_wallet(apps[0])
        first = (await apps[0].wallets.get(SETTLEMENT[0])).ledger_balance
        for number, app in enumerate(apps):
            deposit = await app.submit(builders.deposit(wallet.id, str(10 + number)), key=f"deposit {number}")
            assert {one.wallet_id for one in deposit.answer.entries} == {wallet.id, SETTLEMENT[number]}
            assert deposit.answer.request.from_wallet_id == SETTLEMENT[0]  # the request names the role, not the stripe
            again = await apps[0].submit(builders.deposit(wallet.id, str(10 + number)), key=f"deposit {number}")
            assert (again.replayed, again.answer) == (True, deposit.answer)
        await apps[2].execute(builders.withdrawal(wallet.id, "5"))
        balances = [(await apps[0].wallets.get(one)).ledger_balance for one in SETTLEMENT]
        assert balances == [first - 10, -11, -12 + 5]
        assert (await apps[0].wallets.get(wallet.id)).ledger_balance == 28
        assert [finding async for finding in apps[0].audit() if not finding.ok] == []


async def test_a_locked_house_wallet_delays_no_process_with_another(postgres_url: str) -> None:
    async with session(postgres_url) as one, session(postgres_url, stripe=1) as other:
        wallets = [await a_wallet(one), await a_wallet(one)]
        async with superuser(postgres_url) as connection, connection.transaction():
            await connection.execute("SELECT FROM wallets WHERE id = $1 FOR UPDATE", SETTLEMENT[0])
            waiting = asyncio.create_task(one.execute(builders.deposit(wallets[0].id, "1")))
            async with asyncio.timeout(2):
                await other.execute(builders.deposit(wallets[1].id, "1"))
            assert not waiting.done()
        await waiting
        assert [finding async for finding in one.audit() if not finding.ok] == []


@pytest.mark.parametrize("stripe", [-1, STRIPES_MAX])
async def test_a_stripe_out_of_range_is_refused(stripe: int) -> None:
    with pytest.raises(tekana.InvalidRequest, match="stripe"):
        async with tekana.connect("memory://", stripe=stripe):
            pass
