"""The suite for the reader of what is held about a customer beside their profile and their money."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from tekana.application import (
    CloseCustomer,
    EraseCustomer,
    OpenWallet,
    ReactivateCustomer,
    Session,
    SuspendCustomer,
    UpdateWallet,
    VerifyCustomer,
)
from tekana.domain.audit_log import AuditEntry
from tekana.domain.caller import MAIN_TENANT, customer_caller
from tekana.domain.errors import CustomerNotFound, InvalidRequest
from tekana.domain.identifiers import CustomerId
from tekana.domain.money import Currency
from tekana.ports.page import Page, PageRequest
from tekana.ports.personal_data import NO_SIGN_IN
from tekana.ports.store import Store
from tekana.testing.builders import deposit, freeze, partner, person, withdrawal
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.approval_helpers import adjustment, approve, ask, office, reject
from tekana.testing.contracts.fixtures import Contract


async def _every(read: Callable[[PageRequest], Awaitable[Page[Any]]], size: int) -> Sequence[Any]:
    """Return the items of all pages of this size."""
    page = await read(PageRequest(size))
    found = [*page.items]
    while page.next_cursor is not None:
        page = await read(PageRequest(size, page.next_cursor))
        found += page.items
    return found


async def _entries(app: Session, customer_id: CustomerId, size: int = 200) -> Sequence[AuditEntry]:
    return await _every(partial(app.personal_data.audit_entries, customer_id), size)


class PersonalDataContract(Contract):
    """A customer gets what is held about them, and about no other person."""

    async def test_entries_about_a_customer_and_of_their_own_acts(self, app: Session) -> None:
        customer, [wallet] = await app.execute(person(), request_id="a request")
        other, [others] = await app.execute(person())
        own = app.as_caller(customer_caller(MAIN_TENANT, customer.id))
        await app.execute(freeze(wallet.id, "debits"))
        await app.execute(freeze(others.id, "debits"))
        opened = await own.execute(OpenWallet(customer_id=customer.id, currency=Currency("USD")), request_id="mine")
        await app.execute(VerifyCustomer(customer_id=other.id, tier="2"))
        await app.execute(VerifyCustomer(customer_id=customer.id, tier="2"))
        expected = [
            ("RegisterCustomer", customer.id, "", None),
            ("FreezeWallet", wallet.id, "", None),
            ("OpenWallet", opened.id, own.caller.subject, "mine"),
            ("VerifyCustomer", customer.id, "", None),
        ]
        for asked in (app, own):
            for size in (1, 2, 200):
                found = await _entries(asked, customer.id, size)
                assert [(one.action, one.resource_id, one.subject, one.request_id) for one in found] == expected
        assert {one.kind for one in found if not one.subject} == {"operator"}
        assert found[-1].after == {"tier": "2"}

    async def test_approvals_about_a_customer(self, store: Store, app: Session, clock: FrozenClock) -> None:
        customer, [wallet] = await app.execute(person())
        other, [others] = await app.execute(person())
        own = app.as_caller(customer_caller(MAIN_TENANT, customer.id))
        async with office(store) as people:
            approved = await ask(people.asker, adjustment(wallet.id))
            await ask(people.asker, adjustment(others.id))
            await people.approver.execute(approve(approved))
            await app.execute(SuspendCustomer(customer_id=customer.id, reason="a review"))
            rejected = await ask(people.asker, ReactivateCustomer(customer_id=customer.id))
            at = clock.advance()
            await people.approver.execute(reject(rejected))
            expired = await ask(people.asker, ReactivateCustomer(customer_id=customer.id))
        for asked in (app, own):
            for size in (1, 2, 200):
                found = await _every(partial(asked.personal_data.approvals, customer.id), size)
                assert [(one.id, one.command, one.status) for one in found] == [
                    (approved.id, "AdjustBalance", "approved"),
                    (rejected.id, "ReactivateCustomer", "rejected"),
                    (expired.id, "ReactivateCustomer", "pending"),
                ]
        assert (found[1].asked_at, found[1].expires_at, found[1].decided_at) == (
            rejected.asked_at,
            rejected.expires_at,
            at,
        )
        clock.advance(expired.expires_at - clock())
        assert (await own.personal_data.approvals(customer.id, PageRequest())).items[-1].status == "expired"
        assert len((await app.personal_data.approvals(other.id, PageRequest())).items) == 1

    async def test_stored_answers_with_data_of_a_customer(self, app: Session) -> None:
        registered = await app.execute(person(), key="registration")
        customer, [wallet] = registered
        await app.execute(person(), key="another registration")
        renamed = await app.execute(UpdateWallet(wallet_id=wallet.id, name="Savings"), key="name")
        own = app.as_caller(customer_caller(MAIN_TENANT, customer.id))
        opened = await own.execute(OpenWallet(customer_id=customer.id, currency=Currency("USD")), key="registration")
        await app.execute(deposit(wallet.id, "5"), key="deposit")
        expected = [opened, registered, renamed]
        for asked in (app, own):
            for size in (1, 2, 200):
                found = await _every(partial(asked.personal_data.answers, customer.id), size)
                assert len(found) == len(expected)
                assert [one for one in expected if one not in found] == []
        await app.execute(withdrawal(wallet.id, "5"))
        await app.execute(CloseCustomer(customer_id=customer.id), key="closing")
        assert len((await app.personal_data.answers(customer.id, PageRequest())).items) == 4
        await app.execute(EraseCustomer(customer_id=customer.id), key="erasure")
        assert (await app.personal_data.answers(customer.id, PageRequest())).items == ()

    async def test_cursors_of_personal_data(self, app: Session) -> None:
        customer = (await app.execute(person())).customer
        reader = app.personal_data
        for read in (reader.audit_entries, reader.approvals, reader.answers):
            with pytest.raises(InvalidRequest):
                await read(customer.id, PageRequest(10, "not a cursor"))

    async def test_personal_data_of_others_are_not_found(self, app: Session) -> None:
        customer, other = [(await app.execute(person())).customer for _ in range(2)]
        north = (await app.as_caller(partner("north")).execute(person())).customer
        assert await app.personal_data.sign_in(customer.id) == NO_SIGN_IN
        for caller, foreign in (
            (customer_caller(MAIN_TENANT, customer.id), other.id),
            (customer_caller(MAIN_TENANT, customer.id), north.id),
            (partner("north"), customer.id),
            (app.caller, CustomerId(uuid7())),
        ):
            session = app.as_caller(caller)
            with pytest.raises(CustomerNotFound):
                await session.personal_data.sign_in(foreign)
            reader = session.personal_data
            for read in (reader.audit_entries, reader.approvals, reader.answers):
                with pytest.raises(CustomerNotFound):
                    await read(foreign, PageRequest())
        assert await app.as_caller(partner("north")).personal_data.sign_in(north.id) == NO_SIGN_IN
        own = app.as_caller(customer_caller(MAIN_TENANT, customer.id))
        assert await own.personal_data.sign_in(customer.id) == NO_SIGN_IN
