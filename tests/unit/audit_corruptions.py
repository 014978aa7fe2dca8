"""Corruptions of a whole ledger; each declares the invariants that it breaks."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from tekana import Money, Transaction, Wallet, WalletId
from tekana.application.audit.snapshot import Snapshot
from tekana.domain.approvals import Approval
from tekana.domain.caller import MAIN_TENANT
from tekana.domain.customer import Customer
from tekana.domain.events import CustomerVerified, Event, FundsHeld, HoldReleased, HoldVoided, WalletFrozen
from tekana.domain.hold_state import HoldDetails
from tekana.domain.holds import Hold
from tekana.domain.identifiers import CustomerId, TransactionId, first_transaction_id
from tekana.domain.limits import LimitSet
from tekana.domain.transaction import REVERSES, AdjustmentDetails, CaptureDetails, Entry, Relation, ReversalDetails
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord
from tekana.testing import builders
from tekana.testing.builders import RWF, partner

Corruption = Callable[[Snapshot], Snapshot]
CORRUPTIONS: dict[str, tuple[Corruption, set[int]]] = {}


def breaks(*numbers: int) -> Callable[[Corruption], Corruption]:
    """Register a corruption that breaks exactly these invariants."""

    def corruption(function: Corruption) -> Corruption:
        CORRUPTIONS[function.__name__] = function, set(numbers)
        return function

    return corruption


def _with(ones: Sequence[Any], which: Callable[[Any], bool], changes: dict[str, Any]) -> list[Any]:
    found = next(one for one in ones if which(one))
    return [replace(one, **changes) if one.id == found.id else one for one in ones]


def with_wallet(snapshot: Snapshot, which: Callable[[Wallet], bool], **changes: Any) -> Snapshot:
    """Return the snapshot with the first matching wallet changed."""
    return snapshot._replace(wallets=_with(snapshot.wallets, which, changes))


def with_customer(snapshot: Snapshot, which: Callable[[Customer], bool], **changes: Any) -> Snapshot:
    """Return the snapshot with the first matching customer changed."""
    return snapshot._replace(customers=_with(snapshot.customers, which, changes))


def with_transaction(snapshot: Snapshot, index: int, status: str = "posted", **changes: Any) -> Snapshot:
    """Return the snapshot with this transaction changed, also in the outbox and under its key."""
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
    """Return the snapshot with a transaction added, including its key and its row in the outbox."""
    return snapshot._replace(
        transactions=[*snapshot.transactions, transaction],
        keys={
            **snapshot.keys,
            IdempotencyKey(MAIN_TENANT, "x", str(transaction.id)): IdempotencyRecord(0, transaction),
        },
        outbox=[*snapshot.outbox, transaction],
    )


def another(transaction: Transaction, **changes: Any) -> Transaction:
    """Return a copy at the same time with the next id."""
    return replace(transaction, id=TransactionId(UUID(int=transaction.id.int + 1)), **changes)


def posted(snapshot: Snapshot, index: int) -> Transaction:
    return [one for one in snapshot.transactions if one.status == "posted"][index]


def full(wallet: Wallet) -> bool:
    return wallet.house is None and wallet.ledger_balance > 0 and wallet.status == "active"


@breaks(1, 13, 21)
def entries_that_do_not_sum_to_zero(snapshot: Snapshot) -> Snapshot:
    debit, credit = posted(snapshot, -1).entries
    credit = credit._replace(amount_minor=credit.amount_minor + 1, ledger_balance_after=credit.ledger_balance_after + 1)
    changed = with_transaction(snapshot, -1, entries=(debit, credit))
    mine = [one for one in snapshot.wallets if one.id == credit.wallet_id]
    return with_wallet(changed, lambda one: one.id == credit.wallet_id, ledger_balance=mine[0].ledger_balance + 1)


@breaks(1, 3, 21)
def a_rejected_transaction_with_entries(snapshot: Snapshot) -> Snapshot:
    entry = posted(snapshot, 0).entries[0]._replace(wallet_id=WalletId(uuid4()))
    return with_transaction(snapshot, 0, "rejected", entries=(entry, entry._replace(amount_minor=-entry.amount_minor)))


@breaks(1)
def a_posted_transaction_without_entries(snapshot: Snapshot) -> Snapshot:
    deposit = builders.deposit(WalletId(uuid4())).to_request(builders.book())
    return with_one_more(snapshot, another(posted(snapshot, 0), request=deposit, entries=()))


@breaks(2, 21)
def a_balance_that_is_not_the_sum(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, ledger_balance=99999)


@breaks(2, 21)
def a_statement_that_closes_with_another_balance(snapshot: Snapshot) -> Snapshot:
    debit, credit = posted(snapshot, -1).entries
    credit = credit._replace(ledger_balance_after=credit.ledger_balance_after + 1)
    return with_transaction(snapshot, -1, entries=(debit, credit))


@breaks(2)
def an_entry_with_a_wrong_balance(snapshot: Snapshot) -> Snapshot:
    debit, credit = posted(snapshot, 0).entries
    return with_transaction(snapshot, 0, entries=(debit, credit._replace(ledger_balance_after=12345)))


@breaks(3)
def a_version_that_is_not_the_last(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, version=9)


@breaks(3)
def a_gap_in_the_versions(snapshot: Snapshot) -> Snapshot:
    debit, credit = posted(snapshot, -1).entries
    return with_transaction(snapshot, -1, entries=(debit, credit._replace(version=credit.version + 1)))


@breaks(3)
def a_version_twice(snapshot: Snapshot) -> Snapshot:
    debit, credit = posted(snapshot, -1).entries
    return with_transaction(snapshot, -1, entries=(debit, credit._replace(version=credit.version - 1)))


@breaks(3, 21)
def times_that_run_backwards(snapshot: Snapshot) -> Snapshot:
    earlier = posted(snapshot, 0).created_at - timedelta(microseconds=1)
    return with_transaction(snapshot, -1, id=first_transaction_id(earlier), created_at=earlier, posted_at=earlier)


@breaks(11)
def a_time_that_differs_from_the_id(snapshot: Snapshot) -> Snapshot:
    later = posted(snapshot, -1).created_at + timedelta(microseconds=1)
    return with_transaction(snapshot, -1, created_at=later, posted_at=later)


@breaks(11)
def an_id_that_is_not_a_uuid_version_7(snapshot: Snapshot) -> Snapshot:
    return with_transaction(snapshot, -1, id=TransactionId(UUID(int=posted(snapshot, -1).id.int ^ 1 << 63)))


@breaks(4)
def money_held_without_a_hold(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, held=1)


@breaks(4, 5)
def more_held_than_there_is(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, held=100_000)


@breaks(5)
def a_customer_below_zero(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, lambda one: one.ledger_balance < 0, house=None)


@breaks(5)
def a_customer_once_below_zero(snapshot: Snapshot) -> Snapshot:
    """The balance is positive again at the end."""
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


@breaks(1)
def money_in_another_wallet_than_the_transaction_says(snapshot: Snapshot) -> Snapshot:
    movement = replace(posted(snapshot, 0).request, to_wallet_id=WalletId(uuid4()))
    return with_transaction(snapshot, 0, request=movement)


@breaks(1, 13)
def an_adjustment_that_is_not_against_the_suspense_wallet(snapshot: Snapshot) -> Snapshot:
    movement = replace(posted(snapshot, -1).request, type="adjustment", details=AdjustmentDetails("a mistake"))
    return with_transaction(snapshot, -1, request=movement)


@breaks(1)
def money_of_a_type_with_details_in_another_wallet(snapshot: Snapshot) -> Snapshot:
    movement = replace(posted(snapshot, 0).request, to_wallet_id=WalletId(uuid4()), details={"fee_minor": 1})
    return with_transaction(snapshot, 0, request=movement)


@breaks(12)
def a_wallet_frozen_without_an_event(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, status="frozen", freeze_scope="all")


@breaks(12, 13)
def a_wallet_given_to_another_customer(snapshot: Snapshot) -> Snapshot:
    other = next(one for one in snapshot.customers if one.status == "active" and one.id != _owner(snapshot))
    return with_wallet(snapshot, full, customer_id=other.id)


def _owner(snapshot: Snapshot) -> CustomerId | None:
    return next(one.customer_id for one in snapshot.wallets if full(one))


@breaks(6, 12, 21)
def an_entry_in_another_currency(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, currency="KWD")


@breaks(1, 6)
def a_negative_amount(snapshot: Snapshot) -> Snapshot:
    return with_transaction(snapshot, 0, request=replace(posted(snapshot, 0).request, amount=Money(-5, RWF)))


@breaks(7)
def a_transaction_without_a_key(snapshot: Snapshot) -> Snapshot:
    [key, *_] = [key for key, claimed in snapshot.keys.items() if isinstance(claimed.answer, Transaction)]
    return snapshot._replace(keys={one: claimed for one, claimed in snapshot.keys.items() if one != key})


@breaks(7)
def a_refused_transaction_without_a_key(snapshot: Snapshot) -> Snapshot:
    refused = {one.id for one in snapshot.transactions if one.status == "rejected"}
    keys = {
        k: c for k, c in snapshot.keys.items() if not (isinstance(c.answer, Transaction) and c.answer.id in refused)
    }
    assert len(keys) == len(snapshot.keys) - 1
    return snapshot._replace(keys=keys)


@breaks(7)
def two_keys_for_one_transaction(snapshot: Snapshot) -> Snapshot:
    [claimed, *_] = [one for one in snapshot.keys.values() if isinstance(one.answer, Transaction)]
    return snapshot._replace(keys={**snapshot.keys, IdempotencyKey(MAIN_TENANT, "another", "key"): claimed})


@breaks(7)
def a_key_without_its_transaction(snapshot: Snapshot) -> Snapshot:
    lost = replace(posted(snapshot, 0), id=uuid4())
    return snapshot._replace(
        keys={**snapshot.keys, IdempotencyKey(MAIN_TENANT, "a", "key"): IdempotencyRecord(0, lost)}
    )


@breaks(9)
def a_transaction_missing_in_the_outbox(snapshot: Snapshot) -> Snapshot:
    assert isinstance(snapshot.outbox[-1], Transaction)
    return snapshot._replace(outbox=snapshot.outbox[:-1])


@breaks(9, 10)
def a_transaction_twice_in_the_outbox(snapshot: Snapshot) -> Snapshot:
    return snapshot._replace(outbox=[*snapshot.outbox, snapshot.outbox[-1]])


@breaks(9)
def an_unknown_transaction_in_the_outbox(snapshot: Snapshot) -> Snapshot:
    [rejected] = [one for one in snapshot.transactions if one.status == "rejected"]
    return snapshot._replace(outbox=[*snapshot.outbox, replace(rejected, id=uuid4())])


@breaks(9)
def a_change_of_a_customer_without_an_event(snapshot: Snapshot) -> Snapshot:
    return with_customer(snapshot, lambda one: one.status == "active", version=5)


@breaks(9)
def a_change_of_a_wallet_without_an_event(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, sequence=50)


@breaks(9)
def an_event_of_an_unknown_customer(snapshot: Snapshot) -> Snapshot:
    event = CustomerVerified(customer_id=CustomerId(uuid4()), sequence=1, occurred_at=builders._NOW, tier="2")
    return snapshot._replace(outbox=[*snapshot.outbox, event])


@breaks(10)
def events_out_of_order(snapshot: Snapshot) -> Snapshot:
    first, second, *_ = [i for i, one in enumerate(snapshot.outbox) if isinstance(one, Transaction) and one.entries]
    outbox = list(snapshot.outbox)
    outbox[first], outbox[second] = outbox[second], outbox[first]
    return snapshot._replace(outbox=outbox)


@breaks(10)
def a_gap_in_the_sequence(snapshot: Snapshot) -> Snapshot:
    """The last event of a wallet has a sequence too high; the number of events is correct."""
    debit, credit = posted(snapshot, -1).entries
    return with_transaction(snapshot, -1, entries=(debit, credit._replace(sequence=credit.sequence + 1)))


@breaks(11)
def a_posted_transaction_without_a_time(snapshot: Snapshot) -> Snapshot:
    return with_transaction(snapshot, 0, posted_at=None)


@breaks(11)
def a_rejected_transaction_without_a_reason(snapshot: Snapshot) -> Snapshot:
    return with_transaction(snapshot, 0, "rejected", rejection=None)


@breaks(12)
def a_closed_wallet_with_money(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, status="closed")


@breaks(4, 5, 12)
def a_closed_wallet_with_money_held(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, lambda one: one.status == "closed", held=1)


@breaks(12)
def a_closed_customer_with_an_open_wallet(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, lambda one: one.status == "closed" and not one.customer_active, status="active")


@breaks(12)
def a_wallet_that_disagrees_with_its_customers_status(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, lambda one: one.status == "active" and not one.customer_active, customer_active=True)


@breaks(12)
def a_wallet_without_a_customer(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, customer_id=uuid4())


@breaks(12)
def an_event_after_a_wallet_was_closed(snapshot: Snapshot) -> Snapshot:
    [wallet, *_] = [one for one in snapshot.wallets if one.status == "closed"]
    sequence = wallet.sequence + 1
    event = WalletFrozen(wallet_id=wallet.id, sequence=sequence, occurred_at=builders._NOW, scope="all")
    changed = with_wallet(snapshot, lambda one: one.id == wallet.id, sequence=sequence)
    return changed._replace(outbox=[*snapshot.outbox, event])


@breaks(12)
def an_event_after_a_customer_was_closed(snapshot: Snapshot) -> Snapshot:
    [customer] = [one for one in snapshot.customers if one.status == "closed"]
    version = customer.version + 1
    event = CustomerVerified(customer_id=customer.id, sequence=version, occurred_at=builders._NOW, tier="2")
    changed = with_customer(snapshot, lambda one: one.id == customer.id, version=version)
    return changed._replace(outbox=[*snapshot.outbox, event])


def with_approval(snapshot: Snapshot, before: str, **changes: Any) -> Snapshot:
    """Return the snapshot with the first approval that is in this status changed."""
    return snapshot._replace(others=_with(snapshot.others, lambda one: one.status == before, changes))


@breaks(12)
def an_approved_request_that_is_pending_again(snapshot: Snapshot) -> Snapshot:
    return with_approval(snapshot, "approved", status="pending", decided_by=None, decided_at=None)


@breaks(12)
def a_rejected_request_that_is_approved(snapshot: Snapshot) -> Snapshot:
    return with_approval(snapshot, "rejected", status="approved", reason=None)


@breaks(12)
def a_request_of_another_asker(snapshot: Snapshot) -> Snapshot:
    return with_approval(snapshot, "pending", asker=partner("main", "another"))


@breaks(12)
def a_request_that_was_decided_twice(snapshot: Snapshot) -> Snapshot:
    [approval] = [one for one in snapshot.others if isinstance(one, Approval) and one.status == "approved"]
    again, event = approval.approve("approver", approval.asked_at, rejection_code=None, resource=None, resource_id=None)
    changed = with_approval(snapshot, "approved", sequence=again.sequence)
    return changed._replace(outbox=[*snapshot.outbox, event])


@breaks(20)
def a_customer_without_a_name(snapshot: Snapshot) -> Snapshot:
    return with_customer(snapshot, lambda one: one.erased_at is None, full_name="")


@breaks(20)
def an_erased_customer_with_contacts(snapshot: Snapshot) -> Snapshot:
    values = {"full_name": "", "country": None, "external_id": None, "metadata": None}
    return with_customer(
        snapshot, lambda one: one.status == "closed", erased_at=snapshot.transactions[0].created_at, **values
    )


def hold_of(snapshot: Snapshot, status: str) -> Hold:
    """Return the hold in a status."""
    return next(one for one in snapshot.holds().values() if one.state.status == status)


def with_hold(snapshot: Snapshot, before: str, **changes: Any) -> Snapshot:
    """Return the snapshot with the state of the hold in a status changed."""
    hold = hold_of(snapshot, before)
    changed = replace(hold, state=replace(hold.state, **changes))
    return snapshot._replace(others=[changed if one.id == hold.id else one for one in snapshot.others])


def with_event(snapshot: Snapshot, kind: type[Event], **changes: Any) -> Snapshot:
    """Return the snapshot with the last event of a type changed."""
    place = max(index for index, one in enumerate(snapshot.outbox) if isinstance(one, kind))
    outbox = [*snapshot.outbox]
    outbox[place] = replace(outbox[place], **changes)  # type: ignore[type-var]
    return snapshot._replace(outbox=outbox)


@breaks(4)
def a_hold_of_more_than_is_held(snapshot: Snapshot) -> Snapshot:
    return with_hold(snapshot, "pending", amount_minor=1001)


@breaks(4)
def a_hold_without_its_capture(snapshot: Snapshot) -> Snapshot:
    hold = hold_of(snapshot, "pending")
    state = {"captured_minor": hold.state.captured_minor - 100, "amount_minor": hold.state.amount_minor - 100}
    return with_hold(snapshot, "pending", **state)


@breaks(4)
def a_hold_captured_twice(snapshot: Snapshot) -> Snapshot:
    return with_hold(snapshot, "voided", captured_minor=1001)


@breaks(4)
def a_capture_of_another_hold(snapshot: Snapshot) -> Snapshot:
    [(index, capture)] = [
        (index, one)
        for index, one in enumerate(one for one in snapshot.transactions if one.status == "posted")
        if one.request.type == "capture"
    ]
    movement = replace(capture.request, relates_to=Relation("captures", hold_of(snapshot, "voided").id))
    return with_transaction(snapshot, index, request=movement)


@breaks(4, 13)
def a_capture_that_gives_back_what_it_does_not(snapshot: Snapshot) -> Snapshot:
    [(index, capture)] = [
        (index, one)
        for index, one in enumerate(one for one in snapshot.transactions if one.status == "posted")
        if one.request.type == "capture"
    ]
    movement = replace(capture.request, details=CaptureDetails(hold_of(snapshot, "voided").id))
    return with_transaction(snapshot, index, request=movement)


@breaks(4)
def a_hold_without_its_state(snapshot: Snapshot) -> Snapshot:
    hold = hold_of(snapshot, "voided")
    return snapshot._replace(others=[one for one in snapshot.others if one.id != hold.id])


@breaks(4)
def an_event_that_says_another_amount_is_held(snapshot: Snapshot) -> Snapshot:
    return with_event(snapshot, HoldReleased, held_after=1)


@breaks(5)
def more_held_than_there_was(snapshot: Snapshot) -> Snapshot:
    """The hold came before the deposit that covers it."""
    hold = hold_of(snapshot, "voided").transaction
    wallet_id = hold.request.from_wallet_id
    place, deposit = next(
        (index, one)
        for index, one in enumerate(snapshot.outbox)
        if isinstance(one, Transaction) and wallet_id in {entry.wallet_id for entry in one.entries}
    )
    [entry] = [one for one in deposit.entries if one.wallet_id == wallet_id]
    held = next(one for one in snapshot.outbox if isinstance(one, FundsHeld) and one.wallet_id == wallet_id)
    late = replace(
        deposit,
        entries=tuple(
            one._replace(sequence=held.sequence) if one.wallet_id == wallet_id else one for one in deposit.entries
        ),
    )
    early = replace(held, sequence=entry.sequence)
    outbox = [late if one is deposit else one for one in snapshot.outbox if one is not held]
    outbox.insert(place, early)
    return snapshot._replace(
        transactions=[late if one.id == deposit.id else one for one in snapshot.transactions],
        keys={
            key: IdempotencyRecord(one.fingerprint, late if one.answer == deposit else one.answer)
            for key, one in snapshot.keys.items()
        },
        outbox=outbox,
    )


@breaks(9)
def a_change_of_a_hold_without_an_event(snapshot: Snapshot) -> Snapshot:
    return with_hold(snapshot, "voided", sequence=3)


@breaks(12)
def a_hold_that_ended_in_another_way(snapshot: Snapshot) -> Snapshot:
    return with_hold(snapshot, "voided", status="expired", reason=None)


@breaks(4, 12)
def a_voided_hold_that_is_open_again(snapshot: Snapshot) -> Snapshot:
    return with_hold(snapshot, "voided", status="pending")


@breaks(12)
def a_hold_that_ended_twice(snapshot: Snapshot) -> Snapshot:
    hold = hold_of(snapshot, "voided")
    [event] = [one for one in snapshot.outbox if isinstance(one, HoldVoided)]
    again = replace(event, sequence=3)
    changed = with_hold(snapshot, "voided", sequence=3)
    assert hold.id == again.transaction_id
    return changed._replace(outbox=[*snapshot.outbox, again])


@breaks(1, 3, 9, 10, 21)
def a_hold_with_entries(snapshot: Snapshot) -> Snapshot:
    entry = posted(snapshot, 0).entries[0]._replace(wallet_id=WalletId(uuid4()))
    return with_transaction(snapshot, 0, "pending", entries=(entry, entry._replace(amount_minor=-entry.amount_minor)))


@breaks(1, 4)
def a_hold_that_was_posted(snapshot: Snapshot) -> Snapshot:
    [(index, capture)] = [
        (index, one)
        for index, one in enumerate(one for one in snapshot.transactions if one.status == "posted")
        if one.request.type == "capture"
    ]
    movement = replace(capture.request, type="hold", details=HoldDetails(), relates_to=None)
    return with_transaction(snapshot, index, request=movement)


@breaks(13)
def a_usage_that_is_not_what_was_moved(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, usage=None)


@breaks(13)
def a_movement_above_the_limit_of_then(snapshot: Snapshot) -> Snapshot:
    lower = [replace(one, limits=LimitSet(largest_transaction=299)) for one in snapshot.limits if one.tier == "0"]
    return snapshot._replace(limits=lower)


@breaks(13)
def more_in_a_day_than_the_limit_of_then(snapshot: Snapshot) -> Snapshot:
    lower = [replace(one, limits=LimitSet(daily_incoming_amount=704)) for one in snapshot.limits if one.tier == "0"]
    return snapshot._replace(limits=lower)


@breaks(13)
def a_wallet_of_another_tier_than_its_customer(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, full, tier="3")


@breaks(13)
def a_wallet_that_counts_its_usage_apart(snapshot: Snapshot) -> Snapshot:
    return with_wallet(snapshot, lambda one: one.usage_wallet_id is not None, usage_wallet_id=None)


@breaks(13)
def a_balance_elsewhere_that_is_not_there(snapshot: Snapshot) -> Snapshot:
    usage = next(one.usage for one in snapshot.wallets if full(one))
    assert usage is not None
    return with_wallet(snapshot, full, usage=usage._replace(elsewhere=1))


def with_reversal(snapshot: Snapshot, **changes: Any) -> Snapshot:
    """Return the snapshot with the request of the reversal changed."""
    posted_ones = [one for one in snapshot.transactions if one.status == "posted"]
    place = next(index for index, one in enumerate(posted_ones) if one.request.type == "reversal")
    return with_transaction(snapshot, place, request=replace(posted_ones[place].request, **changes))


@breaks(8, 13)
def a_reversal_of_more_than_was_moved(snapshot: Snapshot) -> Snapshot:
    more = snapshot.originals[0].transaction.request.amount.minor + 1
    return with_original(with_reversal(snapshot, details=ReversalDetails(more)), reversed_minor=more)


@breaks(8)
def a_reversal_that_does_not_count(snapshot: Snapshot) -> Snapshot:
    return snapshot._replace(originals=snapshot.originals[1:])


@breaks(8, 13)
def a_reversal_of_another_transaction(snapshot: Snapshot) -> Snapshot:
    rejected = next(one for one in snapshot.transactions if one.status == "rejected")
    return with_reversal(snapshot, relates_to=Relation(REVERSES, rejected.id))


@breaks(8)
def a_reversal_that_counts_for_less(snapshot: Snapshot) -> Snapshot:
    return with_original(snapshot, reversed_minor=1)


def with_original(snapshot: Snapshot, **changes: Any) -> Snapshot:
    """Return the snapshot with the first transaction that was reversed changed."""
    first, *others = snapshot.originals
    return snapshot._replace(originals=[replace(first, **changes), *others])


def hold_for_payer(snapshot: Snapshot) -> Hold:
    """Return the hold of what a reversal has found left."""
    return next(one for one in snapshot.holds().values() if one.request.relates_to is not None)


def with_hold_for_payer(snapshot: Snapshot, **changes: Any) -> Snapshot:
    """Return the snapshot with the request of that hold changed, also in its state."""
    hold = hold_for_payer(snapshot)
    pending = [one for one in snapshot.transactions if one.status == "pending"]
    place = next(index for index, one in enumerate(pending) if one.id == hold.id)
    request = replace(hold.request, **changes)
    changed = with_transaction(snapshot, place, "pending", request=request)
    other = replace(hold, transaction=replace(hold.transaction, request=request))
    return changed._replace(others=[other if one.id == hold.id else one for one in changed.others])


@breaks(8)
def a_hold_for_the_payer_of_a_reversal(snapshot: Snapshot) -> Snapshot:
    reversal = next(one for one in snapshot.transactions if one.request.type == "reversal")
    return with_hold_for_payer(snapshot, relates_to=Relation(REVERSES, reversal.id))


@breaks(8)
def a_hold_for_the_payer_of_another_transaction(snapshot: Snapshot) -> Snapshot:
    return with_hold_for_payer(snapshot, relates_to=Relation(REVERSES, posted(snapshot, 0).id))


@breaks(4, 8)
def more_held_for_a_payer_than_they_had_paid(snapshot: Snapshot) -> Snapshot:
    hold = hold_for_payer(snapshot)
    more = replace(hold, state=replace(hold.state, amount_minor=101))
    return snapshot._replace(others=[more if one.id == hold.id else one for one in snapshot.others])


@breaks(13)
def a_usage_of_which_nothing_was_given_back(snapshot: Snapshot) -> Snapshot:
    usage = next(one.usage for one in snapshot.wallets if _has_returned(one))
    assert usage is not None
    amounts = {name: value + 2000 for name, value in usage._asdict().items() if name.endswith("incoming_amount")}
    return with_wallet(snapshot, _has_returned, usage=usage._replace(**amounts))


def _has_returned(wallet: Wallet) -> bool:
    return wallet.house is None and wallet.currency == "USD"


def charged(snapshot: Snapshot, type_: str) -> tuple[int, Transaction]:
    """Return the first posted transaction of a type that has a fee, and its place among those that are posted."""
    found = [one for one in snapshot.transactions if one.status == "posted"]
    return next(
        (place, one) for place, one in enumerate(found) if one.request.type == type_ and one.request.charge is not None
    )


def with_charge(snapshot: Snapshot, type_: str, **changes: Any) -> Snapshot:
    """Return the snapshot with the charge of a transaction changed."""
    place, one = charged(snapshot, type_)
    assert one.request.charge is not None
    charge = replace(one.request.charge, **changes)
    return with_transaction(snapshot, place, request=replace(one.request, charge=charge))


@breaks(22)
def a_fee_that_is_not_what_was_charged(snapshot: Snapshot) -> Snapshot:
    return with_charge(snapshot, "deposit", fee=101)


@breaks(22)
def a_tax_that_is_not_what_was_charged(snapshot: Snapshot) -> Snapshot:
    return with_charge(snapshot, "deposit", tax=17)


@breaks(22)
def a_fee_that_another_one_was_to_pay(snapshot: Snapshot) -> Snapshot:
    return with_charge(snapshot, "deposit", paid_by="payer")


@breaks(22)
def a_share_that_was_not_paid(snapshot: Snapshot) -> Snapshot:
    _, one = charged(snapshot, "deposit")
    return with_charge(snapshot, "deposit", shares=((one.request.to_wallet_id, 5),))


@breaks(22)
def a_reversal_that_says_it_gave_back_more_of_the_fee(snapshot: Snapshot) -> Snapshot:
    return with_charge(snapshot, "reversal", fee=51)


@breaks(1)
def a_fee_that_is_not_said(snapshot: Snapshot) -> Snapshot:
    place, one = charged(snapshot, "deposit")
    return with_transaction(snapshot, place, request=replace(one.request, charge=None))
