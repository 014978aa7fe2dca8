"""The suite for the reader of what is held about a customer beside their profile and their money."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from uuid_utils.compat import uuid7

from tekana.application import OpenWallet, Session, VerifyCustomer
from tekana.domain.audit_log import AuditEntry
from tekana.domain.caller import MAIN_TENANT, customer_caller
from tekana.domain.errors import CustomerNotFound, InvalidRequest
from tekana.domain.identifiers import CustomerId
from tekana.domain.money import Currency
from tekana.ports.page import PageRequest
from tekana.ports.personal_data import NO_SIGN_IN
from tekana.testing.builders import freeze, partner, person
from tekana.testing.contracts.fixtures import Contract


async def _entries(app: Session, customer_id: CustomerId, size: int = 200) -> Sequence[AuditEntry]:
    found: list[AuditEntry] = []
    page = await app.personal_data.audit_entries(customer_id, PageRequest(size))
    found += page.items
    while page.next_cursor is not None:
        page = await app.personal_data.audit_entries(customer_id, PageRequest(size, page.next_cursor))
        found += page.items
    return found


class PersonalDataContract(Contract):
    """A customer gets what is held about them, and about no other person."""

    async def test_entries_about_a_customer_and_of_their_own_acts(self, app: Session) -> None:
        customer, [wallet] = await app.execute(person(), request_id="a request")
        other, [others] = await app.execute(person())
        own = app.as_caller(customer_caller(MAIN_TENANT, customer.id))
        await app.execute(freeze(wallet.id, "debits"))
        await app.execute(freeze(others.id, "debits"))
        opened = await own.execute(OpenWallet(customer_id=customer.id, currency=Currency("USD")), request_id="mine")
        await app.execute(VerifyCustomer(customer_id=other.id, tier="full"))
        await app.execute(VerifyCustomer(customer_id=customer.id, tier="full"))
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
        assert found[-1].after == {"tier": "full"}

    async def test_cursors_of_personal_data(self, app: Session) -> None:
        customer = (await app.execute(person())).customer
        with pytest.raises(InvalidRequest):
            await app.personal_data.audit_entries(customer.id, PageRequest(10, "not a cursor"))

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
            with pytest.raises(CustomerNotFound):
                await session.personal_data.audit_entries(foreign, PageRequest())
        assert await app.as_caller(partner("north")).personal_data.sign_in(north.id) == NO_SIGN_IN
        own = app.as_caller(customer_caller(MAIN_TENANT, customer.id))
        assert await own.personal_data.sign_in(customer.id) == NO_SIGN_IN
