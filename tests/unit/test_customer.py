"""The life cycle of a customer, decided on a Book."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from tekana import (
    CloseCustomer,
    Command,
    ConcurrentUpdate,
    CustomerExists,
    CustomerNotActive,
    CustomerNotFound,
    InvalidRequest,
    ReactivateCustomer,
    Refused,
    SuspendCustomer,
    UpdateCustomer,
    VerifyCustomer,
    WalletNotEmpty,
)
from tekana.domain.customer import CONTACTS, CUSTOMERS, Contact, Customer
from tekana.domain.lock_set import LockSet
from tekana.testing import builders

COMMANDS = {
    "update": lambda one: UpdateCustomer(customer_id=one.id, full_name="Another"),
    "verify": lambda one: VerifyCustomer(customer_id=one.id, tier="2"),
    "suspend": lambda one: SuspendCustomer(customer_id=one.id, reason="a court order"),
    "reactivate": lambda one: ReactivateCustomer(customer_id=one.id),
    "close": lambda one: CloseCustomer(customer_id=one.id),
    "open a wallet": lambda one: builders.open_wallet(one.id, "USD"),
}

LIFE = {
    ("active", "update"): ("active", "CustomerUpdated"),
    ("active", "verify"): ("active", "CustomerVerified"),
    ("active", "suspend"): ("suspended", "CustomerSuspended"),
    ("active", "reactivate"): ("active", None),
    ("active", "close"): ("closed", "CustomerClosed"),
    ("active", "open a wallet"): ("active", "WalletOpened"),
    ("suspended", "update"): ("suspended", "CustomerUpdated"),
    ("suspended", "verify"): CustomerNotActive,
    ("suspended", "suspend"): ("suspended", None),
    ("suspended", "reactivate"): ("active", "CustomerReactivated"),
    ("suspended", "close"): ("closed", "CustomerClosed"),
    ("suspended", "open a wallet"): CustomerNotActive,
    ("closed", "update"): CustomerNotActive,
    ("closed", "verify"): CustomerNotActive,
    ("closed", "suspend"): CustomerNotActive,
    ("closed", "reactivate"): CustomerNotActive,
    ("closed", "close"): ("closed", None),
    ("closed", "open a wallet"): CustomerNotActive,
}


@pytest.mark.parametrize(("status", "verb"), LIFE)
def test_each_command_in_each_status(status: str, verb: str) -> None:
    customer = builders.customer(status=status, suspension_reason="x" if status == "suspended" else None)
    book = builders.book(customer)
    before = replace(customer)
    expected = LIFE[status, verb]
    command = COMMANDS[verb](customer)
    if isinstance(expected, type):
        assert expected in command.REFUSALS
        with pytest.raises(expected):
            command.decide(book)
        assert (customer, book.outbox, book.changes.changed_of(CUSTOMERS)) == (before, [], {})
        return
    after, event = expected
    command.decide(book)
    assert customer.status == after
    assert [type(one).__name__ for one in book.outbox] == ([event] if event else [])
    counted = event is not None and event.startswith("Customer")
    assert customer.version == before.version + counted
    assert (customer.suspension_reason is not None) == (after == "suspended" and verb != "close") or after == "closed"


@pytest.mark.parametrize("verb", COMMANDS)
def test_an_unknown_customer_is_not_found(verb: str) -> None:
    with pytest.raises(CustomerNotFound):
        COMMANDS[verb](builders.customer()).decide(builders.book())


def test_a_registration_opens_a_wallet_in_the_default_currency() -> None:
    book = builders.book()
    answer = builders.person().decide(book)
    [wallet] = answer.wallets
    assert (wallet.currency, wallet.customer_id, wallet.ledger_balance) == ("RWF", answer.customer.id, 0)
    assert [type(one).__name__ for one in book.outbox] == ["CustomerRegistered", "WalletOpened"]
    assert answer.customer.created_by == "a test"


@pytest.mark.parametrize("field", ["email", "phone_number", "external_id"])
def test_a_contact_of_another_customer_is_refused(field: str) -> None:
    aline, bosco = builders.customer(external_id="crm-1"), builders.customer()
    book = builders.book(aline, bosco)
    taken = {field: getattr(aline, field)}
    commands: list[Command] = [builders.person(**taken), UpdateCustomer(customer_id=bosco.id, **taken)]
    for command in commands:
        with pytest.raises(CustomerExists, match=field.replace("_", " ")):
            command.decide(book)
    UpdateCustomer(customer_id=aline.id, **taken).decide(book)  # their own contacts are accepted
    assert book.outbox == []
    CloseCustomer(customer_id=aline.id).decide(book)
    builders.person(**taken).decide(book)


def test_a_national_number_is_one_of_the_stored_country() -> None:
    customer = builders.customer(country="RW")
    update = UpdateCustomer(customer_id=customer.id, phone_number="0788\u00a0000 901")
    locked = builders.book(customer).locked
    assert update.further_locks(locked).of(CONTACTS) == [Contact("phone_number", "+250788000901")]
    assert update.decide(builders.book(customer)).customer.phone_number == "+250788000901"
    assert msgspec.json.decode(msgspec.json.encode(update), type=UpdateCustomer) == update
    for country, number in (("RW", "0788"), (None, "0788000901")):
        other = builders.customer(country=country)
        wrong = UpdateCustomer(customer_id=other.id, phone_number=number)
        assert wrong.further_locks(builders.book(other).locked) == LockSet()
        with pytest.raises(InvalidRequest, match="phone_number"):
            wrong.decide(builders.book(other))
    with pytest.raises(CustomerNotFound):
        update.decide(builders.book())


def test_an_update_records_only_the_changed_fields() -> None:
    customer = builders.customer()
    book = builders.book(customer)
    UpdateCustomer(customer_id=customer.id, full_name=customer.full_name, country="RW", metadata={}).decide(book)
    [event] = book.outbox
    assert event.changed == ("country", "metadata")
    assert customer.version == 2


def test_an_update_of_an_old_version_is_refused() -> None:
    customer = builders.customer(version=3)
    book = builders.book(customer)
    for version in (2, 4):
        with pytest.raises(ConcurrentUpdate):
            UpdateCustomer(customer_id=customer.id, expected_version=version, full_name="X").decide(book)
    UpdateCustomer(customer_id=customer.id, expected_version=3, full_name="X").decide(book)
    with pytest.raises(ConcurrentUpdate):
        UpdateCustomer(customer_id=customer.id, expected_version=3, full_name="Y").decide(book)


def test_wallets_copy_the_status_of_their_customer() -> None:
    customer = builders.customer()
    mine, other = builders.wallet(customer_id=customer.id), builders.wallet()
    book = builders.book(customer, mine, other)
    for command, active in (
        (SuspendCustomer(customer_id=customer.id, reason="x"), False),
        (COMMANDS["reactivate"](customer), True),
    ):
        command.decide(book)
        assert (mine.customer_active, other.customer_active) == (active, True)
    CloseCustomer(customer_id=customer.id).decide(book)
    assert (mine.status, mine.customer_active, other.status) == ("closed", False, "active")


def test_a_refused_closing_closes_no_wallet() -> None:
    customer = builders.customer()
    empty, full = builders.wallet(customer_id=customer.id), builders.wallet(customer_id=customer.id, ledger_balance=1)
    book = builders.book(customer, empty, full)
    with pytest.raises(WalletNotEmpty):
        CloseCustomer(customer_id=customer.id).decide(book)
    assert (customer.status, empty.status, book.outbox) == ("active", "active", [])


def test_a_customers_history_never_runs_backwards() -> None:
    """Also while the clock is put back: each event and the row have one moment."""
    late = builders.book().now + timedelta(hours=1)
    customer = builders.customer(updated_at=late)
    book = builders.book(customer, builders.wallet(customer_id=customer.id))
    for command in (
        VerifyCustomer(customer_id=customer.id, tier="1"),
        UpdateCustomer(customer_id=customer.id, full_name="Another Name"),
        SuspendCustomer(customer_id=customer.id, reason="x"),
        CloseCustomer(customer_id=customer.id),
    ):
        command.decide(book)
        assert customer.updated_at >= late
    theirs = [one for one in book.outbox if getattr(one, "customer_id", None) == customer.id and one.sequence > 1]
    assert len(theirs) == 4
    assert all(event.occurred_at == late for event in theirs)


def test_an_answer_is_not_changed_by_later_commands() -> None:
    customer = builders.customer()
    book = builders.book(customer, builders.wallet(customer_id=customer.id))
    first = VerifyCustomer(customer_id=customer.id, tier="1").decide(book)
    SuspendCustomer(customer_id=customer.id, reason="x").decide(book)
    assert (first.customer.status, first.wallets[0].customer_active) == ("active", True)


def test_every_refusal_of_the_life_cycle_is_a_refused() -> None:
    assert all(issubclass(one, Refused) for one in LIFE.values() if isinstance(one, type))
    assert isinstance(builders.customer(), Customer)
