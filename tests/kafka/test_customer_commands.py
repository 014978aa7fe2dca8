"""Commands about customers from a gateway to a service over a real broker."""

from __future__ import annotations

import pytest

import tekana
from tekana.domain.audit_log import EXPORT_CUSTOMER
from tekana.domain.caller import customer_caller
from tekana.ports.audit_log import AuditFilter
from tekana.ports.page import PageRequest
from tekana.ports.personal_data import NO_SIGN_IN
from tekana.testing import builders
from tekana.testing.contracts.erasure import CANARY, close_canary
from tekana.testing.contracts.ledger_checks import assert_whole
from tekana_memory import MemoryStore
from tests.kafka.topology import gateway, services, until_it_answers

pytestmark = pytest.mark.kafka


async def test_a_national_number_is_one_of_the_stored_country(kafka_address: str, topic_prefix: str) -> None:
    bus_url = f"kafka://{kafka_address}?topic_prefix={topic_prefix}&partitions=2"
    store = MemoryStore()
    async with services(bus_url, "memory://", store=store), gateway(bus_url) as app:
        await until_it_answers(app)
        aline = (await app.execute(builders.person(country="RW"))).customer
        await app.execute(builders.person(phone_number="+250788000905"))
        update = tekana.UpdateCustomer(customer_id=aline.id, phone_number="0788 000 906")
        assert (await app.execute(update)).customer.phone_number == "+250788000906"
        with pytest.raises(tekana.CustomerExists):
            await app.execute(tekana.UpdateCustomer(customer_id=aline.id, phone_number="0788 000 905"))
        with pytest.raises(tekana.InvalidRequest, match="phone_number"):
            await app.execute(tekana.UpdateCustomer(customer_id=aline.id, phone_number="0788"))
    await assert_whole(store)


async def test_export_and_erasure_over_the_bus(kafka_address: str, topic_prefix: str, postgres_url: str) -> None:
    bus_url = f"kafka://{kafka_address}?topic_prefix={topic_prefix}&partitions=2"
    async with services(bus_url, postgres_url, keep_customers=0) as inside, gateway(bus_url) as app:
        await until_it_answers(app)
        closed, [wallet] = await close_canary(app)
        own = app.as_caller(customer_caller(closed.tenant, closed.id))
        for asked in (app, own):
            export = asked.export_customer(closed.id)
            profile = await export.profile()
            assert (profile.customer.customer, profile.sign_in) == (closed, NO_SIGN_IN)
            page = await export.transactions(profile, PageRequest())
            assert {entry.wallet_id for one in page.items for entry in one.entries} == {wallet.id}
            acts = [one.action for one in (await export.audit_entries(PageRequest())).items]
            assert acts[:2] == ["RegisterCustomer", "UpdateWallet"]
            assert (await export.approvals(PageRequest())).items == ()
            answers = (await export.answers(PageRequest())).items
            assert {type(one) for one in answers} == {tekana.CustomerWithWallets, tekana.Wallet}
            assert tekana.CustomerWithWallets(closed, (wallet,)) in answers
        elsewhere = app.as_caller(builders.partner("north")).export_customer(closed.id)
        with pytest.raises(tekana.CustomerNotFound):
            await elsewhere.profile()
        with pytest.raises(tekana.CustomerNotFound):
            await elsewhere.audit_entries(PageRequest())
        recorded = (await inside.audit_log.list(PageRequest(), AuditFilter(action=EXPORT_CUSTOMER))).items
        assert [(one.subject, one.resource_id) for one in recorded] == [
            (app.caller.subject, closed.id),
            (own.caller.subject, closed.id),
        ]

        erase = tekana.EraseCustomer(customer_id=closed.id)
        done = await app.submit(erase, key="erasure")
        assert done.answer.id == closed.id
        assert await app.submit(erase, key="erasure") == (done.answer, True)
        with pytest.raises(tekana.CustomerNotFound, match="erased"):
            await app.execute(CANARY, key="registration")
        assert (await app.customers.get(closed.id)).customer.full_name == ""
        assert (await app.execute(CANARY)).customer.id != closed.id
        active = (await app.execute(builders.person())).customer
        with pytest.raises(tekana.CustomerNotErasable):
            await app.execute(tekana.EraseCustomer(customer_id=active.id))
        assert [one async for one in inside.audit() if not one.ok] == []
