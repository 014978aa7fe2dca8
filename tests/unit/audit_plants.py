"""Bugs to plant into a sound ledger: each says which invariants have to notice."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from tekana import Money, Transaction, Wallet, WalletId
from tekana.application.audit.checks import Snapshot
from tekana.domain.caller import MAIN_TENANT
from tekana.domain.customer import Customer
from tekana.domain.events import CustomerVerified, WalletFrozen
from tekana.domain.identifiers import CustomerId, TransactionId, first_transaction_id
from tekana.domain.transaction import Entry
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord
from tekana.testing import builders
from tekana.testing.builders import RWF

Plant = Callable[[Snapshot], Snapshot]
PLANTS: dict[str, tuple[Plant, set[int]]] = {}


def fires(*numbers: int) -> Callable[[Plant], Plant]:
    """The plant makes exactly these invariants fail."""

    def plant(function: Plant) -> Plant:
        PLANTS[function.__name__] = function, set(numbers)
        return function

    return plant


def _with(ones: Sequence[Any], which: Callable[[Any], bool], changes: dict[str, Any]) -> list[Any]:
    found = next(one for one in ones if which(one))
    return [replace(one, **changes) if one.id == found.id else one for one in ones]


def with_wallet(snapshot: Snapshot, which: Callable[[Wallet], bool], **changes: Any) -> Snapshot:
    """The first such wallet is changed."""
    return snapshot._replace(wallets=_with(snapshot.wallets, which, changes))


def with_customer(snapshot: Snapshot, which: Callable[[Customer], bool], **changes: Any) -> Snapshot:
    """The first such customer is changed."""
    return snapshot._replace(customers=_with(snapshot.customers, which, changes))


def with_transaction(snapshot: Snapshot, index: int, status: str = "posted", **changes: Any) -> Snapshot:
    """The transaction of this status and place is changed, in the outbox and under its key as well."""
    old = [one for one in snapshot.transactions if one.status == status][index]
    new = replace(old, **changes)

    def swapped(one: Any) -> Any:
        return new if isinstance(one, Transaction) and one.id == old.id else one

    return snapshot._replace(
        transactions=[swapped(one) for one in snapshot.transactions],
        keys={
            key: IdempotencyRecord(claimed.fingerprint, swapped(claimed.answer))
            for key, claimed in snapshot.keys.items()
        },
        outbox=[swapped(one) for one in snapshot.outbox],
    )


def with_one_more(snapshot: Snapshot, transaction: Transaction) -> Snapshot:
    """The transaction is added, with its key and its place in the outbox."""
    return snapshot._replace(
        transactions=[*snapshot.transactions, transaction],
        keys={
            **snapshot.keys,
            IdempotencyKey(MAIN_TENANT, "x", str(transaction.id)): IdempotencyRecord(0, transaction),
        },
        outbox=[*snapshot.outbox, transaction],
    )


def another(transaction: Transaction, **changes: Any) -> Transaction:
    """One of the same moment, with the next id."""
    return replace(transaction, id=TransactionId(UUID(int=transaction.id.int + 1)), **changes)


def posted(snapshot: Snapshot, index: int) -> Transaction:
    return [one for one in snapshot.transactions if one.status == "posted"][index]


def full(wallet: Wallet) -> bool:
    return wallet.house is None and wallet.ledger_balance > 0 and wallet.status == "active"


@fires(1)
def entries_that_do_not_sum_to_zero(snapshot: Snapshot) -> Snapshot:
    debit, credit = posted(snapshot, -1).entries
    credit = credit._replace(amount_minor=credit.amount_minor + 1, ledger_balance_after=credit.ledger_balance_after + 1)
    changed = with_transaction(snapshot, -1, entries=(debit, credit))
    mine = [one for one in snapshot.wallets if one.id == credit.wallet_id]
    return with_wallet(changed, lambda one: one.id == credit.wallet_id, ledger_balance=mine[0].ledger_balance + 1)


@fires(1, 3)
def a_rejected_transaction_with_entries(snapshot: Snapshot) -> Snapshot:
    entry = posted(snapshot, 0).entries[0]._replace(wallet_id=WalletId(uuid4()))
    return with_transaction(snapshot, 0, "rejected", entries=(entry, entry._replace(amount_minor=-entry.amount_minor)))


@fires(1)
def a_posted_transaction_without_entries(snapshot: Snapshot) -> Snapshot:
    deposit = builders.deposit(WalletId(uuid4())).to_request()
    return with_one_more(snapshot, another(posted(snapshot, 0), request=deposit, entries=()))


@fires(2)
def a_balance_that_is_not_the_sum(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, ledger_balance=99999)


@fires(2)
def an_entry_that_tells_a_wrong_balance(snapshot: Snapshot) -> Snapshot:
    debit, credit = posted(snapshot, 0).entries
    return with_transaction(snapshot, 0, entries=(debit, credit._replace(ledger_balance_after=12345)))


@fires(3)
def a_version_that_is_not_the_last(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, version=9)


@fires(3)
def a_gap_in_the_versions(snapshot: Snapshot) -> Snapshot:
    debit, credit = posted(snapshot, -1).entries
    return with_transaction(snapshot, -1, entries=(debit, credit._replace(version=credit.version + 1)))


@fires(3)
def a_version_twice(snapshot: Snapshot) -> Snapshot:
    debit, credit = posted(snapshot, -1).entries
    return with_transaction(snapshot, -1, entries=(debit, credit._replace(version=credit.version - 1)))


@fires(3)
def a_history_that_runs_backwards(snapshot: Snapshot) -> Snapshot:
    earlier = posted(snapshot, 0).created_at - timedelta(microseconds=1)
    return with_transaction(snapshot, -1, id=first_transaction_id(earlier), created_at=earlier, posted_at=earlier)


@fires(11)
def a_moment_that_is_not_that_of_the_id(snapshot: Snapshot) -> Snapshot:
    later = posted(snapshot, -1).created_at + timedelta(microseconds=1)
    return with_transaction(snapshot, -1, created_at=later, posted_at=later)


@fires(11)
def an_id_that_no_version_7_has(snapshot: Snapshot) -> Snapshot:
    return with_transaction(snapshot, -1, id=TransactionId(UUID(int=posted(snapshot, -1).id.int ^ 1 << 63)))


@fires(4)
def money_held_by_nothing(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, held=1)


@fires(4, 5)
def more_held_than_there_is(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, held=100_000)


@fires(5)
def a_customer_below_zero(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, lambda one: one.ledger_balance < 0, house=None)


@fires(5)
def a_customer_once_below_zero(snapshot: Snapshot) -> Snapshot:
    """All is paid back in the end."""
    owes, pays = (next(one for one in snapshot.wallets if one.house == role) for role in ("settlement", "fees"))
    debt = -owes.ledger_balance
    entries = (
        Entry(pays.id, 1, 1, -debt, owes.currency, -debt),
        Entry(owes.id, owes.version + 1, owes.sequence + 1, debt, owes.currency, 0),
    )
    last = posted(snapshot, -1)
    movement = replace(
        last.request,
        type="transfer",
        amount=Money(debt, owes.currency),
        from_wallet_id=pays.id,
        to_wallet_id=owes.id,
    )
    changed = with_one_more(snapshot, another(last, request=movement, entries=entries))
    changed = with_wallet(changed, lambda one: one.id == pays.id, ledger_balance=-debt, version=1, sequence=1)
    after = {"ledger_balance": 0, "version": owes.version + 1, "sequence": owes.sequence + 1}
    return with_wallet(changed, lambda one: one.id == owes.id, house=None, **after)


@fires(1)
def money_in_another_wallet_than_the_transaction_says(snapshot: Snapshot) -> Snapshot:
    movement = replace(posted(snapshot, 0).request, to_wallet_id=WalletId(uuid4()))
    return with_transaction(snapshot, 0, request=movement)


@fires(12)
def a_wallet_frozen_by_nobody(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, status="frozen", freeze_scope="all")


@fires(12)
def a_wallet_given_to_another_customer(snapshot: Snapshot) -> Snapshot:
    other = next(one for one in snapshot.customers if one.status == "active" and one.id != _owner(snapshot))
    return with_wallet(snapshot, full, customer_id=other.id)


def _owner(snapshot: Snapshot) -> CustomerId | None:
    return next(one.customer_id for one in snapshot.wallets if full(one))


@fires(6, 12)
def an_entry_in_another_currency(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, currency="KWD")


@fires(1, 6)
def an_amount_below_nothing(snapshot: Snapshot) -> Snapshot:
    return with_transaction(snapshot, 0, request=replace(posted(snapshot, 0).request, amount=Money(-5, RWF)))


@fires(7)
def a_transaction_without_a_key(snapshot: Snapshot) -> Snapshot:
    [key, *_] = [key for key, claimed in snapshot.keys.items() if isinstance(claimed.answer, Transaction)]
    return snapshot._replace(keys={one: claimed for one, claimed in snapshot.keys.items() if one != key})


@fires(7)
def a_refused_transaction_without_a_key(snapshot: Snapshot) -> Snapshot:
    keys = {k: c for k, c in snapshot.keys.items() if getattr(c.answer, "status", None) != "rejected"}
    assert len(keys) == len(snapshot.keys) - 1
    return snapshot._replace(keys=keys)


@fires(7)
def two_keys_for_one_transaction(snapshot: Snapshot) -> Snapshot:
    [claimed, *_] = [one for one in snapshot.keys.values() if isinstance(one.answer, Transaction)]
    return snapshot._replace(keys={**snapshot.keys, IdempotencyKey(MAIN_TENANT, "another", "key"): claimed})


@fires(7)
def a_key_without_its_transaction(snapshot: Snapshot) -> Snapshot:
    lost = replace(posted(snapshot, 0), id=uuid4())
    return snapshot._replace(
        keys={**snapshot.keys, IdempotencyKey(MAIN_TENANT, "a", "key"): IdempotencyRecord(0, lost)}
    )


@fires(9)
def a_transaction_that_nobody_hears_of(snapshot: Snapshot) -> Snapshot:
    assert isinstance(snapshot.outbox[-1], Transaction)
    return snapshot._replace(outbox=snapshot.outbox[:-1])


@fires(9, 10)
def a_transaction_announced_twice(snapshot: Snapshot) -> Snapshot:
    return snapshot._replace(outbox=[*snapshot.outbox, snapshot.outbox[-1]])


@fires(9)
def a_transaction_announced_that_is_not_there(snapshot: Snapshot) -> Snapshot:
    [rejected] = [one for one in snapshot.transactions if one.status == "rejected"]
    return snapshot._replace(outbox=[*snapshot.outbox, replace(rejected, id=uuid4())])


@fires(9)
def a_change_of_a_customer_without_an_event(snapshot: Snapshot) -> Snapshot:
    return with_customer(snapshot, lambda one: one.status == "active", version=5)


@fires(9)
def a_change_of_a_wallet_without_an_event(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, sequence=50)


@fires(9)
def an_event_of_somebody_who_is_not_there(snapshot: Snapshot) -> Snapshot:
    event = CustomerVerified(customer_id=CustomerId(uuid4()), sequence=1, occurred_at=builders._NOW, tier="full")
    return snapshot._replace(outbox=[*snapshot.outbox, event])


@fires(10)
def events_out_of_order(snapshot: Snapshot) -> Snapshot:
    first, second, *_ = [i for i, one in enumerate(snapshot.outbox) if isinstance(one, Transaction) and one.entries]
    outbox = list(snapshot.outbox)
    outbox[first], outbox[second] = outbox[second], outbox[first]
    return snapshot._replace(outbox=outbox)


@fires(10)
def a_gap_in_the_sequence(snapshot: Snapshot) -> Snapshot:
    """The last event of a wallet has a number too high; how many there are is right."""
    debit, credit = posted(snapshot, -1).entries
    return with_transaction(snapshot, -1, entries=(debit, credit._replace(sequence=credit.sequence + 1)))


@fires(11)
def posted_and_nobody_knows_when(snapshot: Snapshot) -> Snapshot:
    return with_transaction(snapshot, 0, posted_at=None)


@fires(11)
def rejected_and_nobody_knows_why(snapshot: Snapshot) -> Snapshot:
    return with_transaction(snapshot, 0, "rejected", rejection=None)


@fires(12)
def a_closed_wallet_with_money(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, status="closed")


@fires(4, 5, 12)
def a_closed_wallet_with_money_held(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, lambda one: one.status == "closed", held=1)


@fires(12)
def a_closed_customer_with_an_open_wallet(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, lambda one: one.status == "closed" and not one.customer_active, status="active")


@fires(12)
def a_wallet_that_takes_its_customer_for_active(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, lambda one: one.status == "active" and not one.customer_active, customer_active=True)


@fires(12)
def a_wallet_of_nobody(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, customer_id=uuid4())


@fires(12)
def something_happens_to_a_closed_wallet(snapshot: Snapshot) -> Snapshot:
    [wallet, *_] = [one for one in snapshot.wallets if one.status == "closed"]
    sequence = wallet.sequence + 1
    event = WalletFrozen(wallet_id=wallet.id, sequence=sequence, occurred_at=builders._NOW, scope="all")
    changed = with_wallet(snapshot, lambda one: one.id == wallet.id, sequence=sequence)
    return changed._replace(outbox=[*snapshot.outbox, event])


@fires(12)
def something_happens_to_a_closed_customer(snapshot: Snapshot) -> Snapshot:
    [customer] = [one for one in snapshot.customers if one.status == "closed"]
    version = customer.version + 1
    event = CustomerVerified(customer_id=customer.id, sequence=version, occurred_at=builders._NOW, tier="full")
    changed = with_customer(snapshot, lambda one: one.id == customer.id, version=version)
    return changed._replace(outbox=[*snapshot.outbox, event])
