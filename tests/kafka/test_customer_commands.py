"""Commands about customers from a gateway to a service over a real broker."""

from __future__ import annotations

import pytest

import tekana
from tekana.testing import builders
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
