"""The fingerprints of requests, which are kept for ever beside customers' ids, do not give away what was asked."""

from __future__ import annotations

import pytest

from tekana.application import SuspendCustomer, TransferFunds, UpdateCustomer
from tekana.application.engine import decide
from tekana.application.engine.decide import fingerprint
from tekana.domain.errors import IdempotencyKeyReused
from tekana.domain.identifiers import CustomerId
from tekana.testing import builders
from tekana.testing.contracts.erasure import CANARY
from tekana.testing.contracts.fixtures import at_work
from tekana.testing.contracts.helpers import a_wallet
from tests.integration.postgres_support import superuser
from tests.postgres_stores import postgres_store


async def fingerprints(url: str) -> set[int]:
    async with superuser(url) as connection:
        return {row["fingerprint"] for row in await connection.fetch("SELECT fingerprint FROM idempotency_keys")}


async def test_a_phone_number_cannot_be_guessed_from_a_fingerprint(postgres_url: str) -> None:
    """All but the phone number is in other tables, and there are few phone numbers: each could be tried."""
    store = postgres_store(postgres_url)
    async with at_work(store) as app:
        payer = await a_wallet(app, "1000")
        await app.execute(CANARY)
        by_phone_number = TransferFunds(
            from_wallet_id=payer.id, to_phone_number=CANARY.phone_number, amount="1", currency="RWF"
        )
        sent = await app.execute(by_phone_number, key="transfer")
        batch = builders.atomic(by_phone_number)
        await app.submit_batch(batch, key="batch")
        customer_id = CustomerId(payer.customer_id)  # type: ignore[arg-type]
        update = UpdateCustomer(customer_id=customer_id, phone_number="+250788999124")
        updated = await app.execute(update, key="update")
        suspension = SuspendCustomer(customer_id=customer_id, reason="a canary reason")
        await app.execute(suspension, key="suspension")
        found = await fingerprints(postgres_url)
        asked = (by_phone_number, batch, update, suspension, CANARY)
        assert [one.NAME for one in asked if fingerprint(one.NAME, one) in found] == []
        # And repetitions have the same answer.
        assert await app.execute(by_phone_number, key="transfer") == sent
        assert await app.execute(update, key="update") == updated
        assert (await app.submit_batch(batch, key="batch")).replayed
        with pytest.raises(IdempotencyKeyReused):
            await app.execute(UpdateCustomer(customer_id=customer_id, phone_number="+250788999125"), key="update")
    await store.stop()


async def test_keys_of_release_0_1_are_still_repeated(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = postgres_store(postgres_url)
    async with at_work(store) as app:
        with monkeypatch.context() as patch:
            patch.setattr(decide, "has_personal_data", lambda _: False)
            registered = await app.execute(CANARY, key="registration")
            assert fingerprint(CANARY.NAME, CANARY) in await fingerprints(postgres_url)
        assert await app.execute(CANARY, key="registration") == registered
        with pytest.raises(IdempotencyKeyReused):
            await app.execute(builders.person(), key="registration")
    await store.stop()
