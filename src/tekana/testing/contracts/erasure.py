"""The suite for the erasure of customers: what is personal is gone, and the ledger stays whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from tekana.application import (
    CloseCustomer,
    EraseCustomer,
    ReactivateCustomer,
    RegisterCustomer,
    Session,
    SuspendCustomer,
    UpdateWallet,
)
from tekana.domain.answers import CustomerWithWallets
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import CustomerNotErasable, CustomerNotFound, Forbidden, IdempotencyKeyReused
from tekana.domain.events import CustomerErased
from tekana.ports.customers import CustomerFilter
from tekana.ports.page import PageRequest
from tekana.testing.builders import deposit, partner, person, transfer
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.ledger_checks import every

CANARY: Final = RegisterCustomer(
    full_name="Canary Name",
    email="canary@example.com",
    phone_number="+250788999123",
    external_id="crm-canary",
    metadata={"mark": "canary metadata"},
)
"""A customer whose data are easily found."""


async def close_canary(app: Session) -> CustomerWithWallets:
    """Register CANARY, who pays 5 RWF to another customer, with free text everywhere, and close them.

    The keys are `registration`, `name`, `suspension` and `closing`.
    """
    customer, [wallet] = await app.execute(CANARY, key="registration")
    await app.execute(UpdateWallet(wallet_id=wallet.id, name="Canary wallet", metadata={"canary": "1"}), key="name")
    await app.execute(SuspendCustomer(customer_id=customer.id, reason="a canary reason"), key="suspension")
    await app.execute(ReactivateCustomer(customer_id=customer.id))
    other = (await app.execute(person())).wallets[0]
    await app.execute(deposit(wallet.id, "5"))
    await app.execute(transfer(wallet.id, other.id, "5"))
    return await app.execute(CloseCustomer(customer_id=customer.id), key="closing")


class ErasureContract(Contract):
    """A customer's personal data are erased, and everything about money stays."""

    async def test_nothing_personal_is_left_of_an_erased_customer(self, app: Session, clock: FrozenClock) -> None:
        closed, [wallet] = await close_canary(app)
        entries = (await app.wallets.entries(wallet.id, page=PageRequest())).items
        at = clock.advance()
        assert await app.execute(EraseCustomer(customer_id=closed.id)) == (closed.id, at)
        now, [kept] = await app.customers.get(closed.id)
        assert (now.full_name, now.email, now.phone_number, now.country) == ("", "", "", None)
        assert (now.external_id, now.metadata, now.suspension_reason) == (None, None, None)
        assert (now.status, now.version, now.erased_at) == ("closed", closed.version + 1, at)
        assert (kept.name, kept.metadata) == (None, None)
        assert (await app.wallets.entries(wallet.id, page=PageRequest())).items == entries
        [event] = [one.event for one in await every(app.events.list) if isinstance(one.event, CustomerErased)]
        assert (event.customer_id, event.sequence, event.occurred_at) == (closed.id, now.version, at)
        assert "canary" not in str([one.event for one in await every(app.events.list)]).lower()
        assert "canary" not in str((await app.audit_log.list(PageRequest(200))).items).lower()

    async def test_an_erased_customer_is_not_found_by_contact(self, app: Session) -> None:
        closed, _ = await close_canary(app)
        [email, phone_number, external_id] = (
            CustomerFilter(email=CANARY.email),
            CustomerFilter(phone_number=CANARY.phone_number),
            CustomerFilter(external_id=CANARY.external_id),
        )
        for which in (email, phone_number, external_id):
            assert [one.customer.id for one in (await app.customers.list(which, PageRequest())).items] == [closed.id]
        await app.execute(EraseCustomer(customer_id=closed.id))
        for which in (email, phone_number, external_id, CustomerFilter(email=""), CustomerFilter(phone_number="")):
            assert (await app.customers.list(which, PageRequest())).items == ()
        again = (await app.execute(CANARY)).customer
        assert again.id != closed.id
        for which in (email, phone_number, external_id):
            assert [one.customer.id for one in (await app.customers.list(which, PageRequest())).items] == [again.id]

    async def test_erasure_under_a_key_and_again(self, app: Session, clock: FrozenClock) -> None:
        closed, _ = await close_canary(app)
        at, erase = clock.advance(), EraseCustomer(customer_id=closed.id)
        assert await app.submit(erase, key="erasure") == ((closed.id, at), False)
        version = (await app.customers.get(closed.id)).customer.version
        clock.advance()
        assert await app.submit(erase, key="erasure") == ((closed.id, at), True)
        assert await app.submit(erase, key="another key") == ((closed.id, at), False)
        assert await app.execute(erase) == (closed.id, at)
        assert (await app.customers.get(closed.id)).customer.version == version
        # An answer about them from now on has no personal data, and is kept.
        close = CloseCustomer(customer_id=closed.id)
        answer = await app.execute(close, key="after the erasure")
        assert await app.submit(close, key="after the erasure") == (answer, True)

    async def test_answers_with_data_of_an_erased_customer_are_gone(self, app: Session) -> None:
        closed, [wallet] = await close_canary(app)
        await app.execute(EraseCustomer(customer_id=closed.id))
        for command, key in (
            (CANARY, "registration"),
            (UpdateWallet(wallet_id=wallet.id, name="Canary wallet", metadata={"canary": "1"}), "name"),
            (SuspendCustomer(customer_id=closed.id, reason="a canary reason"), "suspension"),
            (CloseCustomer(customer_id=closed.id), "closing"),
        ):
            with pytest.raises(CustomerNotFound, match="erased") as raised:
                await app.execute(command, key=key)
            assert raised.value.replayed
            assert (await app.outcomes.get(key)).resource_id is None
        with pytest.raises(IdempotencyKeyReused):
            await app.execute(replace_name(CANARY), key="registration")

    async def test_only_closed_customers_are_erased(self, app: Session) -> None:
        customer, _ = await app.execute(CANARY)
        erase = EraseCustomer(customer_id=customer.id)
        with pytest.raises(CustomerNotErasable, match="active: close them first"):
            await app.execute(erase, key="too early")
        await app.execute(SuspendCustomer(customer_id=customer.id, reason="a review"))
        with pytest.raises(CustomerNotErasable, match="suspended: close them first"):
            await app.execute(erase)
        assert (await app.customers.get(customer.id)).customer.full_name == CANARY.full_name
        await app.execute(CloseCustomer(customer_id=customer.id))
        with pytest.raises(CustomerNotErasable, match="active: close them first"):  # the answer of its key
            await app.execute(erase, key="too early")
        assert (await app.execute(erase)).id == customer.id

    async def test_who_may_erase(self, app: Session) -> None:
        closed, _ = await close_canary(app)
        erase = EraseCustomer(customer_id=closed.id)
        with pytest.raises(Forbidden):
            await app.as_caller(partner()).execute(erase)
        elsewhere = replace(partner("north"), scopes=frozenset({"customers:erase"}))
        with pytest.raises(CustomerNotFound):
            await app.as_caller(elsewhere).execute(erase)
        assert (await app.customers.get(closed.id)).customer.full_name == CANARY.full_name
        assert (await app.as_caller(LOCAL_OPERATOR).execute(erase)).id == closed.id


def replace_name(command: RegisterCustomer) -> RegisterCustomer:
    """Return the registration of another person with the same contacts."""
    values = {name: getattr(command, name) for name in command.__struct_fields__}
    return RegisterCustomer(**values | {"full_name": "Another Name"})
