"""Access: what tenants and customers find, and what is not found for them, as if it did not exist."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from tekana.application import CloseCustomer, FreezeWallet, Session, UpdateCustomer, VerifyCustomer
from tekana.application.commands.batch import Batch
from tekana.application.executed import refusal_of
from tekana.domain.answers import CustomerWithWallets
from tekana.domain.caller import customer_caller
from tekana.domain.errors import NotFound, TenantMismatch, WalletNotFound
from tekana.domain.identifiers import CustomerId, TransactionId, WalletId, house_wallet_id
from tekana.domain.transaction import Transaction
from tekana.domain.wallet import Wallet
from tekana.ports.customers import CustomerFilter
from tekana.ports.events import EventFilter
from tekana.ports.page import PageRequest
from tekana.ports.transactions import TransactionFilter
from tekana.ports.wallets import WalletFilter
from tekana.testing import builders
from tekana.testing.builders import RWF
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer

PAGE = PageRequest(200)
SAME = {"email": "aline@example.com", "phone_number": "+250788000111", "external_id": "number 1"}
"""The contacts of the first customer of each tenant."""


@dataclass
class Tenant:
    """A tenant with two customers, one of whom has paid the other.

    Attributes:
        partner: the session of the tenant's own service.
        aline, bosco: the customers.
        as_aline, as_bosco: their sessions.
        payment: the transaction from Aline to Bosco.
    """

    partner: Session
    aline: CustomerWithWallets
    bosco: CustomerWithWallets
    as_aline: Session
    as_bosco: Session
    payment: Transaction

    @property
    def wallets(self) -> tuple[Wallet, Wallet]:
        """Return the wallets of Aline and Bosco."""
        return self.aline.wallets[0], self.bosco.wallets[0]


async def a_tenant(app: Session, name: str) -> Tenant:
    """Create a tenant: Aline has 1,000 less 300, Bosco 300."""
    partner = app.as_caller(builders.partner(name))
    aline, bosco = await a_customer(partner, "1000", **SAME), await a_customer(partner)
    of_aline, of_bosco = (app.as_caller(customer_caller(name, one.customer.id)) for one in (aline, bosco))
    payment = await of_aline.execute(builders.transfer(aline.wallets[0].id, bosco.wallets[0].id, "300"), key="rent")
    aline, bosco = [await partner.customers.get(one.customer.id) for one in (aline, bosco)]
    return Tenant(partner, aline, bosco, of_aline, of_bosco, payment)


async def error_of(work: Awaitable[object]) -> str:
    """Return the class and the text of the error, without identifiers."""
    with pytest.raises(NotFound) as caught:
        await work
    words = str(caught.value).split()
    return f"{type(caught.value).__name__}: {' '.join(word for word in words if word.count('-') != 4)}"


class AccessContract(Contract):
    """The contract of `tekana.domain.policy`, for commands and readers."""

    async def test_each_tenant_has_contacts_of_its_own(self, app: Session) -> None:
        north, south = await a_tenant(app, "north"), await a_tenant(app, "south")
        for tenant in (north, south):
            for name, value in SAME.items():
                which = CustomerFilter(**{name: value})  # type: ignore[arg-type]
                found = (await tenant.partner.customers.list(which, PAGE)).items
                assert found == (tenant.aline,)
            changes = UpdateCustomer(customer_id=tenant.bosco.customer.id, email=SAME["email"])
            with pytest.raises(Exception, match="another customer"):
                await tenant.partner.execute(changes)
        await north.partner.execute(UpdateCustomer(customer_id=north.aline.customer.id, email="new@example.com"))
        freed = UpdateCustomer(customer_id=north.bosco.customer.id, email=SAME["email"])
        assert (await north.partner.execute(freed)).customer.email == SAME["email"]
        both = (await app.customers.list(CustomerFilter(email=SAME["email"]), PAGE)).items
        assert {one.customer.id for one in both} == {north.bosco.customer.id, south.aline.customer.id}

    async def test_what_is_foreign_is_read_like_what_does_not_exist(self, app: Session) -> None:
        north, south = await a_tenant(app, "north"), await a_tenant(app, "south")
        house = house_wallet_id("settlement", RWF)
        foreign: list[tuple[Session, CustomerWithWallets, WalletId, Transaction | None]] = [
            (south.partner, north.aline, house, north.payment),
            (south.as_aline, north.aline, house, north.payment),
            (north.as_bosco, north.aline, house, None),
        ]
        for session, customer, house_wallet, payment in foreign:
            absent = await errors_of_reads(session, uuid7(), uuid7(), uuid7())
            for wallet_id in (customer.wallets[0].id, house_wallet):
                payment_id = None if payment is None else payment.id
                found = await errors_of_reads(session, customer.customer.id, wallet_id, payment_id)
                assert found == absent[: len(found)]

    async def test_what_is_foreign_is_changed_like_what_does_not_exist(self, app: Session) -> None:
        north, south = await a_tenant(app, "north"), await a_tenant(app, "south")
        mine, _ = south.wallets
        theirs, _ = north.wallets
        for wallet_id in (theirs.id, WalletId(uuid7())):
            errors = [
                await error_of(south.partner.execute(command))
                for command in (
                    builders.transfer(wallet_id, mine.id),
                    builders.transfer(mine.id, wallet_id),
                    builders.deposit(wallet_id),
                    builders.withdrawal(wallet_id),
                    FreezeWallet(wallet_id=wallet_id, scope="all", reason="mine now"),
                )
            ]
            assert errors == ["WalletNotFound: no wallet has the id"] * 5
        for customer_id in (north.aline.customer.id, uuid7()):
            commands = VerifyCustomer(customer_id=customer_id, tier="1"), CloseCustomer(customer_id=customer_id)  # type: ignore[arg-type]
            errors = [await error_of(south.partner.execute(command)) for command in commands]
            errors.append(await error_of(south.partner.execute(builders.open_wallet(customer_id))))  # type: ignore[arg-type]
            assert errors == ["CustomerNotFound: no customer has the id"] * 3
        assert await north.partner.wallets.get(theirs.id) == theirs

    async def test_customers_spend_from_their_own_wallets_only(self, app: Session) -> None:
        north, south = await a_tenant(app, "north"), await a_tenant(app, "south")
        of_aline, of_bosco = north.wallets
        theft = builders.transfer(of_aline.id, of_bosco.id, "1")
        with pytest.raises(WalletNotFound):
            await north.as_bosco.execute(theft)
        with pytest.raises(WalletNotFound):
            await north.as_bosco.execute(builders.withdrawal(of_aline.id, "1"))
        batch = Batch(mode="atomic", transactions=(builders.transfer(of_bosco.id, of_aline.id, "1"), theft))
        assert (await north.as_bosco.submit_batch(batch)).failed_index == 1
        with pytest.raises(WalletNotFound):  # of another tenant's customer
            await north.as_bosco.execute(builders.transfer(of_bosco.id, south.wallets[0].id, "1"))
        await north.as_bosco.execute(builders.withdrawal(of_bosco.id, "1"))
        assert (await north.partner.wallets.get(of_bosco.id)).ledger_balance == of_bosco.ledger_balance - 1
        assert await north.partner.wallets.get(of_aline.id) == of_aline

    async def test_lists_have_what_is_accessible_only(self, app: Session) -> None:
        north, south = await a_tenant(app, "north"), await a_tenant(app, "south")
        for tenant, other in ((north, south), (south, north)):
            expected: list[tuple[Session, list[CustomerWithWallets]]] = [
                (tenant.partner, [tenant.aline, tenant.bosco]),
                (tenant.as_aline, [tenant.aline]),
                (tenant.as_bosco, [tenant.bosco]),
            ]
            for session, customers in expected:
                listed = await session.customers.list(CustomerFilter(), PAGE)
                assert list(listed.items) == customers
                assert (await session.customers.list(CustomerFilter(status="active"), PAGE)) == listed
                wallets = [wallet for one in customers for wallet in one.wallets]
                for which in (WalletFilter(), WalletFilter(currency=RWF), WalletFilter(status="active")):
                    assert list((await session.wallets.list(which, PAGE)).items) == wallets
                foreign_wallets = WalletFilter(customer_id=other.aline.customer.id)
                assert (await session.wallets.list(foreign_wallets, PAGE)).items == ()
                await check_transactions(session, tenant, other, is_partner=session is tenant.partner)

    async def test_customers_see_their_own_entries_only(self, app: Session) -> None:
        north = await a_tenant(app, "north")
        whole = await north.partner.transactions.get(north.payment.id)
        assert len(whole.entries) == 2
        for session, wallet in zip((north.as_aline, north.as_bosco), north.wallets, strict=True):
            seen = await session.transactions.get(whole.id)
            assert [entry.wallet_id for entry in seen.entries] == [wallet.id]
            assert (await session.transactions.list(TransactionFilter(type="transfer"), PAGE)).items == (seen,)
        again = builders.transfer(north.wallets[0].id, north.wallets[1].id, "300")
        assert north.payment == await north.as_aline.transactions.get(whole.id)
        assert await north.as_aline.execute(again, key="rent") == north.payment
        [in_batch] = (await north.as_aline.submit_batch(Batch(mode="independent", transactions=(again,)))).transactions
        assert isinstance(in_batch, Transaction)
        assert [entry.wallet_id for entry in in_batch.entries] == [north.wallets[0].id]
        own = await north.as_aline.execute(builders.open_wallet(north.aline.customer.id))
        moved = await north.as_aline.execute(builders.transfer(north.wallets[0].id, own.id, "5"))
        assert len(moved.entries) == 2

    async def test_attempts_of_others_are_not_shown_to_customers(self, app: Session) -> None:
        north, south = await a_tenant(app, "north"), await a_tenant(app, "south")
        of_aline, of_bosco = north.wallets
        theft = builders.transfer(of_aline.id, of_bosco.id, "700", description="got you")
        attempts = [await attempt(session, theft) for session in (north.as_bosco, south.partner, south.as_aline)]
        too_much = await attempt(north.as_bosco, builders.transfer(of_bosco.id, of_aline.id, "5000"))
        by_partner = await attempt(north.partner, builders.withdrawal(of_aline.id, "5000"))
        assert await rejected(north.as_aline) == [by_partner]
        assert await rejected(north.as_bosco) == [too_much, attempts[0]]
        assert await rejected(north.partner) == [by_partner, too_much, attempts[0]]
        assert await rejected(south.partner) == attempts[:0:-1]
        for one in (attempts[0], too_much):
            assert await error_of(north.as_aline.transactions.get(one)) == await error_of(
                north.as_aline.transactions.get(TransactionId(uuid7()))
            )
            assert (await north.as_bosco.transactions.get(one)).id == one

    async def test_operators_see_all_and_keep_tenants_apart(self, app: Session) -> None:
        north, south = await a_tenant(app, "north"), await a_tenant(app, "south")
        crossing = builders.transfer(north.wallets[0].id, south.wallets[0].id, "1")
        with pytest.raises(TenantMismatch) as refused:
            await app.execute(crossing)
        assert refused.value.transaction is not None
        assert (await app.transactions.get(refused.value.transaction.id)).tenant == "north"
        deposit = await app.execute(builders.deposit(south.wallets[0].id, "5"))
        assert deposit.tenant == "south"
        assert await south.partner.transactions.get(deposit.id) == deposit
        assert {one.customer.tenant for one in (await app.customers.list(CustomerFilter(), PAGE)).items} == {
            "north",
            "south",
        }

    async def test_events_belong_to_the_tenant_of_their_object(self, app: Session) -> None:
        north, south = await a_tenant(app, "north"), await a_tenant(app, "south")
        await app.execute(FreezeWallet(wallet_id=north.wallets[0].id, scope="all", reason="asked by the police"))
        all_events = [one.event for one in (await app.events.list(PAGE)).items]
        assert {one.tenant for one in all_events} == {"north", "south"}
        for tenant, name in ((north, "north"), (south, "south")):
            feed = (await tenant.partner.events.list(PAGE)).items
            assert [one.event for one in feed] == [one for one in all_events if one.tenant == name]
            frozen = (await tenant.partner.events.list(PAGE, EventFilter(type="WalletFrozen"))).items
            assert [one.event.caller for one in frozen] == [app.caller.subject] * (name == "north")

    async def test_a_key_belongs_to_its_tenant(self, app: Session) -> None:
        sessions = [app.as_caller(builders.partner(name)) for name in ("north", "south", "main")]
        registered = [(await one.execute(builders.person(**SAME), key="a key")).customer for one in sessions]
        assert [one.tenant for one in registered] == ["north", "south", "main"]
        for session, customer in zip(sessions, registered, strict=True):
            assert (await session.outcomes.get("a key")).resource_id == customer.id


async def errors_of_reads(
    session: Session, customer_id: UUID, wallet_id: UUID, transaction_id: UUID | None
) -> list[str]:
    """Return the errors of all reads of single objects."""
    wallet, transaction = WalletId(wallet_id), transaction_id
    reads: list[Callable[[], Awaitable[object]]] = [
        lambda: session.customers.get(CustomerId(customer_id)),
        lambda: session.wallets.get(wallet),
        lambda: session.wallets.entries(wallet, PAGE),
        lambda: session.wallets.balance_at(wallet, None),
        lambda: session.wallets.balance_at(wallet, builders.book().now),
    ]
    if transaction is not None:
        reads.append(lambda: session.transactions.get(TransactionId(transaction)))
    return [await error_of(read()) for read in reads]


async def check_transactions(session: Session, tenant: Tenant, other: Tenant, *, is_partner: bool) -> None:
    """Check every kind of list of transactions."""
    deposit, *_ = (await tenant.partner.transactions.list(TransactionFilter(type="deposit"), PAGE)).items
    expected = [tenant.payment.id, deposit.id] if session is not tenant.as_bosco else [tenant.payment.id]
    assert await ids(session, TransactionFilter()) == expected
    assert await ids(session, TransactionFilter(status="posted")) == expected
    assert await ids(session, TransactionFilter(type="transfer")) == [tenant.payment.id]
    of_bosco = TransactionFilter(wallet_id=tenant.wallets[1].id)
    assert await ids(session, of_bosco) == [tenant.payment.id]
    assert await ids(session, TransactionFilter(customer_id=tenant.bosco.customer.id)) == (
        [tenant.payment.id] if is_partner or session is tenant.as_bosco else []
    )
    for wallet in other.wallets:
        assert await ids(session, TransactionFilter(wallet_id=wallet.id)) == []
    assert await ids(session, TransactionFilter(customer_id=other.aline.customer.id)) == []


async def ids(session: Session, which: TransactionFilter) -> Sequence[TransactionId]:
    """Return the ids of the transactions that the caller sees, newest first."""
    return [one.id for one in (await session.transactions.list(which, PAGE)).items]


async def rejected(session: Session) -> Sequence[TransactionId]:
    """Return the ids of the rejected transactions that the caller sees, newest first."""
    return await ids(session, TransactionFilter(status="rejected"))


async def attempt(session: Session, command: Any) -> TransactionId:
    """Execute a command that is refused, and return the id of its transaction."""
    with pytest.raises(Exception) as refused:  # noqa: PT011 - the refusal does not matter
        await session.execute(command)
    transaction: Transaction | None = getattr(refused.value, "transaction", None)
    assert transaction is not None
    assert refusal_of(transaction) is not None
    return transaction.id
