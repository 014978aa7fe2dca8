"""Email, phone number and external id are unique among open customers, also under concurrency."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tekana.application import CloseCustomer, Session, UpdateCustomer
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import CustomerExists, InvalidRequest
from tekana.ports.customers import CustomerFilter
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, all_at_once, all_outcomes, kinds
from tekana.testing.contracts.ledger_checks import customers, every

FIELDS = pytest.mark.parametrize(
    ("field", "value"),
    [("email", "aline@example.com"), ("phone_number", "+250788123456"), ("external_id", "crm-1")],
)


class ContactsContract(Contract):
    """The contract of unique contacts, tested through the engine."""

    @FIELDS
    async def test_one_of_many_registrations_wins(
        self, crew: Sequence[Session], store: Store, field: str, value: str
    ) -> None:
        outcomes = await all_outcomes(crew[n % len(crew)].execute(builders.person(**{field: value})) for n in range(16))
        assert kinds(outcomes) == ["CustomerExists"] * 15 + ["CustomerWithWallets"]
        [winner] = await customers(store)
        assert getattr(winner, field) == value

    @FIELDS
    async def test_one_of_many_updates_wins(
        self, crew: Sequence[Session], store: Store, field: str, value: str
    ) -> None:
        people = [(await a_customer(crew[0])).customer for _ in range(8)]
        outcomes = await all_outcomes(
            crew[n % len(crew)].execute(UpdateCustomer(customer_id=one.id, **{field: value}))  # type: ignore[arg-type]
            for n, one in enumerate(people)
        )
        assert kinds(outcomes) == ["CustomerExists"] * 7 + ["CustomerWithWallets"]
        which = CustomerFilter(**{field: value})  # type: ignore[arg-type]
        [found] = await every(lambda page: store.customers(LOCAL_OPERATOR).list(which, page))
        assert sorted(one.version for one in await customers(store)) == [1] * 7 + [2]
        assert found.customer.version == 2

    async def test_a_national_number_is_one_of_the_stored_country(self, app: Session, store: Store) -> None:
        aline = (await a_customer(app, country="RW")).customer
        bosco = (await a_customer(app, phone_number="+250788000904")).customer
        update = UpdateCustomer(customer_id=aline.id, phone_number="0788 000 904")
        with pytest.raises(CustomerExists):
            await app.preview(update)
        with pytest.raises(CustomerExists):
            await app.execute(update, key="taken")
        await app.execute(CloseCustomer(customer_id=bosco.id))
        with pytest.raises(CustomerExists):
            await app.execute(update, key="taken")
        assert (await app.preview(update)).customer.phone_number == "+250788000904"
        assert (await app.execute(update, key="free")).customer.phone_number == "+250788000904"
        await app.execute(UpdateCustomer(customer_id=aline.id, country="GB"))
        assert (await app.execute(update, key="free")).customer.phone_number == "+250788000904"
        with pytest.raises(InvalidRequest) as invalid:
            await app.execute(UpdateCustomer(customer_id=aline.id, phone_number="0788"))
        assert [error.field for error in invalid.value.errors] == ["phone_number"]
        [kept] = [one for one in await customers(store) if one.id == aline.id]
        assert (kept.phone_number, kept.country, kept.version) == ("+250788000904", "GB", 3)

    @FIELDS
    async def test_an_update_and_a_registration_race(
        self, crew: Sequence[Session], store: Store, field: str, value: str
    ) -> None:
        aline = (await a_customer(crew[0])).customer
        outcomes = await all_outcomes(
            [
                crew[1].execute(UpdateCustomer(customer_id=aline.id, **{field: value})),  # type: ignore[arg-type]
                crew[2].execute(builders.person(**{field: value})),
            ]
        )
        assert kinds(outcomes) == ["CustomerExists", "CustomerWithWallets"]
        assert [getattr(one, field) for one in await customers(store)].count(value) == 1

    @FIELDS
    async def test_a_closed_customer_gives_them_back(self, app: Session, field: str, value: str) -> None:
        first = (await a_customer(app, **{field: value})).customer
        with pytest.raises(CustomerExists):
            await app.execute(builders.person(**{field: value}))
        await app.execute(CloseCustomer(customer_id=first.id))
        second = (await a_customer(app, **{field: value})).customer
        which = CustomerFilter(**{field: value})  # type: ignore[arg-type]
        found = await every(lambda page: app.customers.list(which, page))
        assert [one.customer.id for one in found] == [second.id, first.id]
        assert [one.customer.status for one in found] == ["active", "closed"]

    @FIELDS
    async def test_a_change_gives_the_old_one_back(self, app: Session, field: str, value: str) -> None:
        new = {"email": "new@example.com", "phone_number": "+250788999999", "external_id": None}[field]
        first = (await a_customer(app, **{field: value})).customer
        await app.execute(UpdateCustomer(customer_id=first.id, **{field: new}))  # type: ignore[arg-type]
        second = (await a_customer(app, **{field: value})).customer
        with pytest.raises(CustomerExists):
            await app.execute(UpdateCustomer(customer_id=first.id, **{field: value}))  # type: ignore[arg-type]
        assert getattr((await app.customers.get(second.id)).customer, field) == value

    async def test_contacts_can_be_swapped_in_one_group(self, app: Session) -> None:
        """Release a contact and reserve it for another customer in one unit of work, in both directions."""
        one, two = (await a_customer(app)).customer, (await a_customer(app)).customer
        for first, second, free in ((one, two, "free@example.com"), (two, one, "freed@example.com")):
            old = (await app.customers.get(first.id)).customer.email
            await all_at_once(
                [
                    app.execute(UpdateCustomer(customer_id=second.id, full_name=f"Was second to {free}")),
                    app.execute(UpdateCustomer(customer_id=first.id, email=free)),
                    app.execute(UpdateCustomer(customer_id=second.id, email=old)),
                ]
            )
            assert (await app.customers.get(second.id)).customer.email == old
        with pytest.raises(CustomerExists):
            await app.execute(builders.person(email=(await app.customers.get(one.id)).customer.email))
        with pytest.raises(CustomerExists):
            await app.execute(builders.person(email=(await app.customers.get(two.id)).customer.email))

    async def test_a_refused_registration_takes_nothing(self, app: Session) -> None:
        aline = (await a_customer(app)).customer
        refused = builders.person(email=aline.email)
        with pytest.raises(CustomerExists):
            await app.execute(refused)
        await app.execute(builders.person(phone_number=refused.phone_number))
        assert len(await every(lambda page: app.customers.list(CustomerFilter(), page))) == 2
