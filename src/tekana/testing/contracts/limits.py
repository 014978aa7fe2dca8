"""The limits of customers: copies, usage, time zones, races; the rules are in features/transactions/limits.feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tekana.application import CloseWallet, OverrideLimits, Session, SetLimits, VerifyCustomer
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import HouseForbidden, InvalidRequest, LimitExceeded
from tekana.domain.identifiers import CustomerId, WalletId
from tekana.domain.limits import LimitSet
from tekana.domain.wallet import Wallet
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, a_wallet, all_at_once


def tier_0(**limits: Any) -> SetLimits:
    """Build the setting of limits of tier 0 in RWF."""
    return SetLimits(tier="0", currency="RWF", **limits)


def override(customer_id: CustomerId, until: datetime, **limits: Any) -> OverrideLimits:
    """Build an override of limits in RWF."""
    return OverrideLimits(customer_id=customer_id, currency="RWF", reason="sells a house", until=until, **limits)


async def left(app: Session, customer_id: CustomerId, name: str) -> int | None:
    """Return what is left of a limit in RWF."""
    [found] = [one for one in (await app.limits.of_customer(customer_id)).currencies if one.currency == "RWF"]
    return next(one.left for one in found.limits if one.name == name)


class LimitsContract(Contract):
    """Limits."""

    async def test_the_limits_of_a_new_store(self, store: Store, app: Session) -> None:
        found = await app.limits.list()
        assert [(one.tier, one.currency, one.version) for one in found] == [(str(n), "RWF", 1) for n in range(4)]
        assert found == await store.limits(builders.partner("south")).list()
        assert all(one.limits.largest_transaction for one in found)

    async def test_each_setting_is_a_version(self, stores: Sequence[Store], app: Session, clock: FrozenClock) -> None:
        first = await app.execute(tier_0(daily_outgoing_amount="700", weekly_incoming_count=3))
        again = await app.execute(tier_0(daily_outgoing_amount="700", weekly_incoming_count=3))
        clock.advance()
        second = await app.as_caller(builders.caller("grace")).execute(tier_0())
        dollars = await app.execute(SetLimits(tier="3", currency="USD", largest_balance="0.01"))
        assert first == again
        assert first.limits == LimitSet(daily_outgoing_amount=700, weekly_incoming_count=3)
        assert (second.version, second.valid_from, second.set_by) == (first.version + 1, clock(), "grace")
        assert (dollars.version, dollars.limits.largest_balance) == (1, 1)
        for store in stores:
            found = await store.limits(LOCAL_OPERATOR).list()
            assert (found[0], found[-1]) == (second, dollars)

    async def test_settings_at_once_have_a_version_each(self, crew: Sequence[Session]) -> None:
        commands = [tier_0(largest_transaction=str(number)) for number in range(1, 13)]
        answers = await all_at_once(crew[n % len(crew)].execute(one) for n, one in enumerate(commands))
        assert len({one.limits for one in answers}) == len(commands)
        [now, *_] = await crew[0].limits.list()
        assert now in answers
        assert now.version == max(one.version for one in answers)

    async def test_only_callers_of_all_tenants_set_limits(self, app: Session) -> None:
        caller = replace(builders.caller(), scopes=builders.caller().scopes - {"tenants:all"})
        with pytest.raises(HouseForbidden):
            await app.as_caller(caller).execute(tier_0())
        assert (await app.limits.list())[0].version == 1

    async def test_every_process_applies_new_limits_at_once(self, crew: Sequence[Session]) -> None:
        wallet = await a_wallet(crew[0], "500")
        for number, app in enumerate(crew):
            for other in crew:
                await other.execute(builders.withdrawal(wallet.id, "1"))
            await app.execute(tier_0(largest_transaction=str(number + 2)))
            for other in crew:
                with pytest.raises(LimitExceeded):
                    await other.execute(builders.withdrawal(wallet.id, str(number + 3)))

    async def test_an_atomic_batch_uses_all_or_nothing(self, app: Session) -> None:
        customer, [first] = await a_customer(app, "500")
        second = await app.execute(builders.open_wallet(customer.id))
        await app.execute(builders.deposit(second.id, "500"))
        await app.execute(tier_0(daily_outgoing_amount="100"))
        payee = await a_wallet(app)
        moves = [builders.transfer(one, payee.id, "40") for one in (second.id, first.id, second.id)]
        done = await app.submit_batch(builders.atomic(*moves))
        assert done.failed_index == 2
        assert await left(app, customer.id, "daily_outgoing_amount") == 100
        assert (await app.submit_batch(builders.atomic(*moves[:2]))).failed_index is None
        assert await left(app, customer.id, "daily_outgoing_amount") == 20

    async def test_a_refusal_is_kept_with_its_limit(self, stores: Sequence[Store], app: Session) -> None:
        await app.execute(tier_0(daily_incoming_amount="100"))
        wallet = await a_wallet(app, "60")
        refusals = []
        for _ in range(2):
            with pytest.raises(LimitExceeded) as refused:
                await app.execute(builders.deposit(wallet.id, "41"), key="a key")
            refusals.append(refused.value)
        limit = refusals[0].limit
        assert limit is not None
        assert (limit.name, limit.limit, limit.left) == ("daily_incoming_amount", 100, 40)
        assert refusals[1].limit == limit
        assert str(refusals[1]) == str(refusals[0])
        transaction = refusals[0].transaction
        assert transaction is not None
        for store in stores:
            kept = await store.transactions(LOCAL_OPERATOR).get(transaction.id)
            assert kept.rejection is not None
            assert kept.rejection.limit == limit

    async def test_tiers_and_overrides_reach_every_wallet(self, store: Store, app: Session, clock: FrozenClock) -> None:
        customer, [first] = await a_customer(app)
        second = await app.execute(builders.open_wallet(customer.id))
        dollars = await app.execute(builders.open_wallet(customer.id, "USD"))
        await app.execute(VerifyCustomer(customer_id=customer.id, tier="1"))
        done = await app.execute(override(customer.id, clock() + timedelta(days=1), largest_balance="5"))
        third = await app.execute(builders.open_wallet(customer.id))

        async def copies(wallet_id: WalletId) -> tuple[object, ...]:
            found: Wallet = await store.wallets(LOCAL_OPERATOR).get(wallet_id)
            return found.tier, found.limit_override, found.usage_wallet_id

        assert await copies(first.id) == ("1", done.override, None)
        assert await copies(second.id) == await copies(third.id) == ("1", done.override, first.id)
        assert await copies(dollars.id) == ("1", None, None)
        assert (await store.customers(LOCAL_OPERATOR).get(customer.id)).customer.limit_overrides == (done.override,)
        assert (await store.limits(LOCAL_OPERATOR).of_customer(customer.id)).tier == "1"

    async def test_an_override_ends(self, app: Session, clock: FrozenClock) -> None:
        customer, [wallet] = await a_customer(app)
        await app.execute(tier_0(largest_transaction="10"))
        until = clock() + timedelta(hours=1)
        await app.execute(override(customer.id, until, largest_transaction="20"))
        clock.set(until - timedelta(microseconds=1))
        await app.execute(builders.deposit(wallet.id, "20"))
        clock.set(until)
        with pytest.raises(LimitExceeded):
            await app.execute(builders.deposit(wallet.id, "11"))
        with pytest.raises(InvalidRequest):
            await app.execute(override(customer.id, until))

    async def test_a_closed_first_wallet_still_counts(self, app: Session) -> None:
        await app.execute(tier_0(daily_outgoing_amount="100"))
        customer, [first] = await a_customer(app, "60")
        second = await app.execute(builders.open_wallet(customer.id))
        await app.execute(builders.deposit(second.id, "60"))
        await app.execute(builders.withdrawal(first.id, "60"))
        await app.execute(CloseWallet(wallet_id=first.id))
        with pytest.raises(LimitExceeded):
            await app.execute(builders.withdrawal(second.id, "41"))
        await app.execute(builders.withdrawal(second.id, "40"))

    async def test_a_preview_meets_the_same_limits(self, app: Session) -> None:
        await app.execute(tier_0(daily_outgoing_amount="100"))
        customer, _ = await a_customer(app, "200")
        second = await app.execute(builders.open_wallet(customer.id))
        await app.execute(builders.deposit(second.id, "200"))
        with pytest.raises(LimitExceeded) as refused:
            await app.preview(builders.withdrawal(second.id, "101"))
        assert refused.value.limit is not None
        await app.preview(builders.withdrawal(second.id, "100"))
        assert await left(app, customer.id, "daily_outgoing_amount") == 100

    async def test_a_clock_that_is_set_back_gives_no_room(self, app: Session, clock: FrozenClock) -> None:
        clock.set(datetime(2026, 3, 1, 12, tzinfo=UTC))
        await app.execute(tier_0(daily_outgoing_amount="100"))
        wallet = await a_wallet(app, "500")
        await app.execute(builders.withdrawal(wallet.id, "60"))
        clock.set(datetime(2026, 2, 27, 12, tzinfo=UTC))
        with pytest.raises(LimitExceeded):
            await app.execute(builders.withdrawal(wallet.id, "41"))
        await app.execute(builders.withdrawal(wallet.id, "40"))
