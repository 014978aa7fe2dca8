"""Readers of customers and wallets: every filter, the order, and pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from tekana.application import CloseCustomer, Session, SuspendCustomer, UpdateCustomer
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import CustomerNotFound, InvalidRequest, WalletNotFound
from tekana.domain.identifiers import HOUSE_ROLES, CustomerId, WalletId, house_wallet_id
from tekana.domain.money import Currency
from tekana.ports.customers import CustomerFilter
from tekana.ports.page import Page, PageRequest
from tekana.ports.store import Store
from tekana.ports.transactions import TransactionFilter
from tekana.ports.wallets import WalletFilter
from tekana.testing import builders
from tekana.testing.builders import RWF
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, a_wallet
from tekana.testing.contracts.ledger_checks import customers, every, wallets

BAD_CURSORS = ("", "nonsense", "0", "-1", "\x00", "💥", "'; --", "9" * 400, "AAAA", "a=b", "1.2.3", "None")


class ReadCustomersContract(Contract):
    """The contract of `tekana.ports.customers`, and of lists in `tekana.ports.wallets`."""

    async def test_who_is_not_there_is_not_found(self, store: Store, app: Session) -> None:
        await a_customer(app)
        with pytest.raises(CustomerNotFound):
            await store.customers(LOCAL_OPERATOR).get(CustomerId(uuid4()))
        with pytest.raises(WalletNotFound):
            await store.wallets(LOCAL_OPERATOR).get(WalletId(uuid4()))
        with pytest.raises(WalletNotFound):
            await store.wallets(LOCAL_OPERATOR).get(house_wallet_id("settlement", Currency("KWD")))

    async def test_customers_come_with_their_wallets(self, store: Store, app: Session) -> None:
        aline, bosco = (await a_customer(app)).customer, (await a_customer(app)).customer
        for customer, currency in ((aline, "USD"), (bosco, "KWD"), (aline, "RWF")):
            await app.execute(builders.open_wallet(customer.id, currency))
        shown = await every(lambda page: store.customers(LOCAL_OPERATOR).list(CustomerFilter(), page))
        assert [[wallet.currency for wallet in one.wallets] for one in shown] == [["RWF", "USD", "RWF"], ["RWF", "KWD"]]
        assert shown == [
            await store.customers(LOCAL_OPERATOR).get(aline.id),
            await store.customers(LOCAL_OPERATOR).get(bosco.id),
        ]
        for one in shown:
            assert list(one.wallets) == [await store.wallets(LOCAL_OPERATOR).get(wallet.id) for wallet in one.wallets]

    async def test_customers_by_every_filter(self, store: Store, app: Session) -> None:
        aline = (await a_customer(app, external_id="crm-1")).customer
        bosco = (await a_customer(app)).customer
        chantal = (await a_customer(app, external_id="crm-3")).customer
        await app.execute(SuspendCustomer(customer_id=bosco.id, reason="a court order"))
        await app.execute(CloseCustomer(customer_id=chantal.id))
        cases = {
            CustomerFilter(): [aline, bosco, chantal],
            CustomerFilter(email=aline.email): [aline],
            CustomerFilter(email="unknown@example.com"): [],
            CustomerFilter(phone_number=bosco.phone_number): [bosco],
            CustomerFilter(phone_number="+250"): [],
            CustomerFilter(external_id="crm-3"): [chantal],
            CustomerFilter(external_id="crm"): [],
            CustomerFilter(status="active"): [aline],
            CustomerFilter(status="suspended"): [bosco],
            CustomerFilter(status="closed"): [chantal],
            CustomerFilter(email=aline.email, phone_number=aline.phone_number): [aline],
            CustomerFilter(email=aline.email, phone_number=bosco.phone_number): [],
            CustomerFilter(aline.email, aline.phone_number, "crm-1", "active"): [aline],
            CustomerFilter(aline.email, aline.phone_number, "crm-1", "closed"): [],
        }
        for which, expected in cases.items():
            found = await every(lambda page, which=which: store.customers(LOCAL_OPERATOR).list(which, page))  # type: ignore[misc]
            assert [one.customer.id for one in found] == [one.id for one in expected], which

    @pytest.mark.parametrize(("field", "value"), [("email", "a@example.com"), ("external_id", "crm-1")])
    async def test_by_a_contact_the_open_one_comes_first(self, app: Session, field: str, value: str) -> None:
        eldest = (await a_customer(app)).customer
        closed = []
        for _ in range(3):
            closed.append((await a_customer(app, **{field: value})).customer.id)
            await app.execute(CloseCustomer(customer_id=closed[-1]))
        await app.execute(UpdateCustomer(customer_id=eldest.id, **{field: value}))  # type: ignore[arg-type]
        younger = (await a_customer(app)).customer
        await app.execute(CloseCustomer(customer_id=eldest.id))
        await app.execute(UpdateCustomer(customer_id=younger.id, **{field: value}))  # type: ignore[arg-type]
        which = CustomerFilter(**{field: value})  # type: ignore[arg-type]
        for limit in (1, 2, 3, 10):
            found = await every(lambda page: app.customers.list(which, page), limit)
            assert [one.customer.id for one in found] == [younger.id, eldest.id, *closed], limit

    async def test_an_id_may_be_text(self, app: Session) -> None:
        aline = await a_customer(app, "500")
        customer, [wallet] = aline.customer.id, aline.wallets
        [paid] = (await app.transactions.list(TransactionFilter(wallet_id=wallet.id), PageRequest())).items
        page = PageRequest()
        reads: list[tuple[str, UUID, Callable[[Any], Awaitable[Any]]]] = [
            ("customer_id", customer, app.customers.get),
            ("wallet_id", wallet.id, app.wallets.get),
            ("transaction_id", paid.id, app.transactions.get),
            ("wallet_id", wallet.id, lambda given: app.wallets.entries(given, page)),
            ("wallet_id", wallet.id, lambda given: app.wallets.balance_at(given, aline.customer.created_at)),
            ("customer_id", customer, lambda given: app.wallets.list(WalletFilter(customer_id=given), page)),
            ("wallet_id", wallet.id, lambda given: app.transactions.list(TransactionFilter(wallet_id=given), page)),
            ("customer_id", customer, lambda given: app.transactions.list(TransactionFilter(customer_id=given), page)),
        ]
        for field, one, read in reads:
            assert await read(str(one).upper()) == await read(one)
            for wrong in ("", "x", str(one)[:-1], 5, b"x", [one]):
                with pytest.raises(InvalidRequest) as refused:
                    await read(wrong)
                assert [error.field for error in refused.value.errors] == [field]

    async def test_wallets_by_every_filter(self, store: Store, app: Session) -> None:
        aline, bosco = (await a_customer(app)).customer, (await a_customer(app, currency="USD")).customer
        await app.execute(builders.open_wallet(aline.id, "USD"))
        [first, second] = (await store.customers(LOCAL_OPERATOR).get(aline.id)).wallets
        [third] = (await store.customers(LOCAL_OPERATOR).get(bosco.id)).wallets
        cases = {
            WalletFilter(customer_id=aline.id): [first, second],
            WalletFilter(customer_id=bosco.id): [third],
            WalletFilter(customer_id=CustomerId(uuid4())): [],
            WalletFilter(customer_id=aline.id, currency=Currency("USD")): [second],
            WalletFilter(customer_id=aline.id, currency=Currency("KWD")): [],
        }
        for which, expected in cases.items():
            found = await every(lambda page, which=which: store.wallets(LOCAL_OPERATOR).list(which, page))  # type: ignore[misc]
            assert found == expected, which
        dollars = await every(
            lambda page: store.wallets(LOCAL_OPERATOR).list(WalletFilter(currency=Currency("USD")), page)
        )
        assert [one for one in dollars if one.house is None] == sorted([second, third], key=lambda one: one.id)
        assert len(dollars) == 2 + len(HOUSE_ROLES)
        everything = await wallets(store)
        assert everything == sorted(everything, key=lambda one: one.id)
        assert len(everything) == 3 + 2 * len(HOUSE_ROLES)

    async def test_pages_of_every_size(self, store: Store, app: Session) -> None:
        for _ in range(7):
            await a_customer(app)
        people = await every(lambda page: store.customers(LOCAL_OPERATOR).list(CustomerFilter(), page))
        assert [one.customer.id for one in people] == sorted(one.customer.id for one in people)
        assert len(people) == 7
        all_wallets = await wallets(store)
        assert len(all_wallets) == 7 + len(HOUSE_ROLES)
        for limit in range(1, 13):
            assert (
                await every(lambda page: store.customers(LOCAL_OPERATOR).list(CustomerFilter(), page), limit) == people
            )
            assert (
                await every(lambda page: store.wallets(LOCAL_OPERATOR).list(WalletFilter(), page), limit) == all_wallets
            )

    async def test_pages_stay_right_while_things_change(self, store: Store, app: Session) -> None:
        """Change records between pages: those that still match are returned exactly once."""
        before = [(await a_customer(app)).customer for _ in range(9)]
        seen: list[CustomerId] = []
        cursor = None
        while True:
            page = await store.customers(LOCAL_OPERATOR).list(CustomerFilter(status="active"), PageRequest(3, cursor))
            seen += [one.customer.id for one in page.items]
            if page.next_cursor is None:
                break
            cursor = page.next_cursor
            await app.execute(SuspendCustomer(customer_id=seen[-1], reason="a court order"))
            await app.execute(UpdateCustomer(customer_id=seen[0], full_name=f"Was seen {len(seen)}"))
            await a_customer(app)
        assert seen[:9] == [one.id for one in before]
        assert len(seen) == len(set(seen))
        assert set(seen) <= {one.id for one in await customers(store)}

    @pytest.mark.parametrize("cursor", BAD_CURSORS)
    async def test_cursors_that_were_never_given_out(self, store: Store, app: Session, cursor: str) -> None:
        wallet = await a_wallet(app, "500")
        lists: list[Callable[[PageRequest], Awaitable[Page[Any]]]] = [
            lambda page: store.customers(LOCAL_OPERATOR).list(CustomerFilter(), page),
            lambda page: store.wallets(LOCAL_OPERATOR).list(WalletFilter(), page),
            lambda page: store.wallets(LOCAL_OPERATOR).list(WalletFilter(currency=RWF), page),
            lambda page: store.wallets(LOCAL_OPERATOR).entries(wallet.id, page),
            lambda page: store.transactions(LOCAL_OPERATOR).list(TransactionFilter(), page),
            lambda page: store.transactions(LOCAL_OPERATOR).list(TransactionFilter(wallet_id=wallet.id), page),
            store.events(LOCAL_OPERATOR).list,
        ]
        for read in lists:
            with pytest.raises(InvalidRequest) as refused:
                await read(PageRequest(10, cursor))
            assert [error.field for error in refused.value.errors] == ["cursor"]
