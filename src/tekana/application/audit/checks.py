"""The invariants of the ledger, checked in plain Python on a snapshot of a whole store.

A store in memory or in files implements its audit with `check`; a store with a query language has a query for each
invariant, and tests compare the two. Invariants have fixed numbers; those about features that do not exist yet are
absent.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from tekana.application.audit.fee_checks import fee_breaches
from tekana.application.audit.hold_checks import hold_breaches
from tekana.application.audit.limit_checks import limit_breaches
from tekana.application.audit.reversal_checks import reversal_breaches
from tekana.application.audit.snapshot import Snapshot
from tekana.domain.answers import ANSWERS, CustomerWithWallets
from tekana.domain.approvals import Approval
from tekana.domain.events import (
    ApprovalRequested,
    Event,
    FundsHeld,
    HoldCaptured,
    HoldReleased,
    WalletFrozen,
    WalletOpened,
    aggregate_id,
)
from tekana.domain.identifiers import (
    NUMBER_BITS,
    RANDOM_BITS,
    WalletId,
    first_stripe,
    first_transaction_id,
    house_wallet_id,
)
from tekana.domain.transaction import TRANSACTION_TYPES, Entry, Transaction
from tekana.domain.wallet import Wallet
from tekana.ports.audit import Finding, Invariant

BALANCED = Invariant(1, "every posted transaction's entries sum to zero")
BALANCES = Invariant(2, "balances are the sum of the entries")
VERSIONS = Invariant(3, "each wallet's versions run without a gap")
HELD = Invariant(4, "what is held is what open holds have left")
COVERED = Invariant(5, "no customer's balance was ever below zero")
CURRENCIES = Invariant(6, "entries are in their wallet's currency, and none is zero")
KEYS = Invariant(7, "one key, one effect")
REVERSALS = Invariant(8, "reversals give back what was moved, and never more")
EVENTS = Invariant(9, "every change has its event, every event its cause")
SEQUENCES = Invariant(10, "each aggregate's events run without a gap, in order")
APPEND_ONLY = Invariant(11, "posted history is never changed")
FINAL = Invariant(12, "statuses follow from events, and what is closed is empty")
LIMITED = Invariant(13, "what customers moved is within the limits of then")
DETAILS = Invariant(20, "each customer has their details, and an erased one has none")
STATEMENTS = Invariant(21, "statements and the trial balance equal the ledger")
FEES = Invariant(22, "fees are what was charged")

INVARIANTS = (
    *(BALANCED, BALANCES, VERSIONS, HELD, COVERED, CURRENCIES, KEYS, REVERSALS, EVENTS, SEQUENCES, APPEND_ONLY),
    *(FINAL, LIMITED, DETAILS, STATEMENTS, FEES),
)

BREACHES_SHOWN_MAX = 20


Breaches = Iterator[str]


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Check every invariant, and yield one finding for each, in order of their numbers."""
    for invariant, (count, find) in _CHECKS.items():
        begin = time.perf_counter()
        breaches = list(find(snapshot))
        yield Finding(
            invariant,
            checked=count(snapshot),
            seconds=time.perf_counter() - begin,
            breach_count=len(breaches),
            breaches=tuple(breaches[:BREACHES_SHOWN_MAX]),
        )


def _balanced(snapshot: Snapshot) -> Breaches:
    for transaction in snapshot.transactions:
        if transaction.status == "rejected" or transaction.hold is not None:
            if transaction.entries:
                yield f"transaction {transaction.id}: {transaction.status}, yet it has entries"
            continue
        sums: Counter[str] = Counter()
        for entry in transaction.entries:
            sums[entry.currency] += entry.amount_minor
        if len(transaction.entries) < 2 or any(sums.values()):
            yield f"transaction {transaction.id}: {len(transaction.entries)} entries, sums {dict(sums)}"
        yield from _misplaced(transaction)


def _misplaced(transaction: Transaction) -> Breaches:
    """Yield entries that neither take money from the payer, nor give it to the payee, nor are in a further house wallet
    of the type; and amounts that are not between what left the payer and what entered the payee."""
    request, amount = transaction.request, transaction.request.amount
    rules = TRANSACTION_TYPES.get(request.type)
    if rules is None:
        yield f"transaction {transaction.id}: {request.type} is no type of transaction"
        return
    if rules.is_hold:
        yield f"transaction {transaction.id}: a {request.type} that was posted"
    for role, wallet_id in ((rules.payer, request.from_wallet_id), (rules.payee, request.to_wallet_id)):
        if role is not None and wallet_id != house_wallet_id(role, amount.currency):
            yield f"transaction {transaction.id}: a {request.type} that does not go through the {role} wallet"
    if rules.either is not None:
        house = house_wallet_id(rules.either, amount.currency)
        if (request.from_wallet_id == house) == (request.to_wallet_id == house):
            yield f"transaction {transaction.id}: a {request.type} that does not go through the {rules.either} wallet"
    if request.charge is not None:
        return  # all its entries are compared with its amount and its charge: see `fee_breaches`
    debited = credited = 0
    for entry in transaction.entries:
        wallet_id, is_debit = first_stripe(entry.wallet_id), entry.amount_minor < 0
        if any(wallet_id == house_wallet_id(role, entry.currency) for role in rules.further):
            continue
        expected = request.from_wallet_id if is_debit else request.to_wallet_id
        if wallet_id != expected or (is_debit and entry.currency != amount.currency):
            yield f"transaction {transaction.id}: an entry is in wallet {entry.wallet_id}, or in another currency"
        elif entry.currency == amount.currency:
            debited, credited = debited - min(entry.amount_minor, 0), credited + max(entry.amount_minor, 0)
    if not min(debited, credited) <= amount.minor <= max(debited, credited):
        yield f"transaction {transaction.id}: debits of {debited} and credits of {credited}, for {amount.minor}"


def _balances(snapshot: Snapshot) -> Breaches:
    history = snapshot.history()
    for wallet in snapshot.wallets:
        balance = 0
        for entry in history.get(wallet.id, ()):
            balance += entry.amount_minor
            if entry.ledger_balance_after != balance:
                yield f"wallet {wallet.id}: version {entry.version} says {entry.ledger_balance_after}, not {balance}"
                balance = entry.ledger_balance_after
        if wallet.ledger_balance != balance:
            yield f"wallet {wallet.id}: ledger balance is {wallet.ledger_balance}, its entries sum to {balance}"


def _versions(snapshot: Snapshot) -> Breaches:
    history = snapshot.history()
    known = {wallet.id for wallet in snapshot.wallets}
    yield from (f"wallet {wallet_id}: has entries, but is not there" for wallet_id in history.keys() - known)
    for wallet in snapshot.wallets:
        versions = [entry.version for entry in history.get(wallet.id, ())]
        if versions != list(range(1, wallet.version + 1)):
            yield f"wallet {wallet.id}: at version {wallet.version}, its entries are {_abbreviated(versions)}"
    for wallet_id, moments in snapshot.moments().items():
        if moments != sorted(moments):
            yield f"wallet {wallet_id}: its history runs backwards"


def _covered(snapshot: Snapshot) -> Breaches:
    history, holding = snapshot.history(), _holding(snapshot)
    for wallet in snapshot.wallets:
        if wallet.house is not None:
            continue
        if wallet.available_balance < 0:
            yield f"wallet {wallet.id}: available balance is {wallet.available_balance}"
        for entry in history.get(wallet.id, ()):
            if entry.ledger_balance_after < 0:
                yield f"wallet {wallet.id}: {entry.ledger_balance_after} after version {entry.version}"
        if wallet.id in holding:
            balances = [(entry.sequence, entry.ledger_balance_after, None) for entry in history.get(wallet.id, ())]
            balance = held = 0
            for sequence, balance_after, held_after in sorted([*balances, *holding[wallet.id]], key=itemgetter(0)):
                balance = balance if balance_after is None else balance_after
                held = held if held_after is None else held_after
                if balance < held and balance >= 0:
                    yield f"wallet {wallet.id}: {balance} with {held} held after event {sequence}"


def _holding(snapshot: Snapshot) -> dict[WalletId, list[tuple[int, None, int]]]:
    """Return what was held after each event that changed it, with the event's number, by wallet."""
    found: dict[WalletId, list[tuple[int, None, int]]] = defaultdict(list)
    for event in snapshot.events():
        if isinstance(event, FundsHeld | HoldReleased):
            found[event.wallet_id].append((event.sequence, None, event.held_after))
    return found


def _currencies(snapshot: Snapshot) -> Breaches:
    currencies = {wallet.id: wallet.currency for wallet in snapshot.wallets}
    for transaction in snapshot.transactions:
        if transaction.request.amount.minor <= 0:
            yield f"transaction {transaction.id}: amount is {transaction.request.amount}"
        for entry in transaction.entries:
            if entry.amount_minor == 0 or entry.currency != currencies.get(entry.wallet_id, entry.currency):
                yield f"wallet {entry.wallet_id}: version {entry.version} is {entry.amount_minor} {entry.currency}"


def _keys(snapshot: Snapshot) -> Breaches:
    done = Counter(claimed.answer.id for claimed in snapshot.keys.values() if isinstance(claimed.answer, Transaction))
    stored = {transaction.id for transaction in snapshot.transactions}
    yield from (f"transaction {one}: {done[one]} keys led to it, not one" for one in stored if done[one] != 1)
    yield from (f"transaction {one}: its key is kept, the transaction is not" for one in done.keys() - stored)


def _events(snapshot: Snapshot) -> Breaches:
    stored = Counter(one.id for one in snapshot.transactions)
    announced = Counter(one.id for one in snapshot.outbox if isinstance(one, Transaction))
    yield from (f"transaction {one}: in the outbox {announced[one]} times" for one in stored if announced[one] != 1)
    yield from (f"transaction {one}: in the outbox, but not there" for one in announced.keys() - stored.keys())
    counts = Counter(aggregate_id(event) for event in snapshot.events())
    expected = snapshot.event_counts()
    for one, count in expected.items():
        if counts[one] != count:
            yield f"aggregate {one}: has {counts[one]} events, not {count}"
    known = expected.keys() | stored.keys()
    yield from (f"aggregate {one}: has events, but is not there" for one in counts.keys() - known)


def _sequences(snapshot: Snapshot) -> Breaches:
    last: Counter[object] = Counter()
    for event in snapshot.events():
        aggregate = aggregate_id(event)
        last[aggregate] += 1
        if event.sequence != last[aggregate]:
            yield f"{event.aggregate} {aggregate}: event {event.sequence} comes where {last[aggregate]} should"
            last[aggregate] = event.sequence


def _append_only(snapshot: Snapshot) -> Breaches:
    for transaction in snapshot.transactions:
        if (transaction.status == "posted") != (transaction.posted_at is not None):
            yield f"transaction {transaction.id}: {transaction.status}, posted at {transaction.posted_at}"
        if (transaction.status == "rejected") != (transaction.rejection is not None):
            yield f"transaction {transaction.id}: {transaction.status}, rejection {transaction.rejection}"
        first = first_transaction_id(transaction.created_at)
        if transaction.id.int >> NUMBER_BITS + RANDOM_BITS != first.int >> NUMBER_BITS + RANDOM_BITS:
            yield f"transaction {transaction.id}: created at {transaction.created_at}, its id says another time"


def _final(snapshot: Snapshot) -> Breaches:
    active = {customer.id: customer.active for customer in snapshot.customers}
    closed = {customer.id for customer in snapshot.customers if customer.status == "closed"}
    for wallet in snapshot.wallets:
        if wallet.status == "closed" and (wallet.ledger_balance or wallet.held):
            yield f"wallet {wallet.id}: closed with {wallet.ledger_balance} in it, {wallet.held} held"
        if wallet.customer_id in closed and wallet.status != "closed":
            yield f"wallet {wallet.id}: {wallet.status}, though its customer is closed"
        if wallet.customer_id is not None and wallet.customer_active != active.get(wallet.customer_id):
            yield f"wallet {wallet.id}: does not agree with its customer on whether they are active"
    yield from _statuses(snapshot)
    ended: set[object] = set()
    for event in snapshot.events():
        if aggregate_id(event) in ended and event.NAME != "CustomerErased":
            yield f"{event.aggregate} {aggregate_id(event)}: {event.NAME} after it was closed or decided"
        if event.NAME in _LAST_EVENTS or _has_ended(event):
            ended.add(aggregate_id(event))


_STATUS_AFTER = {
    "WalletOpened": "active",
    "WalletFrozen": "frozen",
    "WalletUnfrozen": "active",
    "WalletClosed": "closed",
    "CustomerRegistered": "active",
    "CustomerReactivated": "active",
    "CustomerSuspended": "suspended",
    "CustomerClosed": "closed",
    "ApprovalRequested": "pending",
    "ApprovalApproved": "approved",
    "ApprovalRejected": "rejected",
    "ApprovalFailed": "failed",
    "HoldAuthorized": "pending",
    "HoldCaptured": "pending",  # unless nothing remains
    "HoldChanged": "pending",
    "HoldVoided": "voided",
    "HoldExpired": "expired",
}
_LAST_EVENTS = frozenset(
    {
        *("CustomerClosed", "WalletClosed", "ApprovalApproved", "ApprovalRejected", "ApprovalFailed"),
        *("HoldVoided", "HoldExpired"),
    }
)


def _has_ended(event: Event) -> bool:
    """Return whether an event is the capture that ended a hold."""
    return isinstance(event, HoldCaptured) and not event.remaining


def _statuses(snapshot: Snapshot) -> Breaches:
    last = {aggregate_id(one): one for one in snapshot.events() if one.NAME in _STATUS_AFTER}
    opened = {one.wallet_id: one for one in snapshot.events() if isinstance(one, WalletOpened)}
    for customer in snapshot.customers:
        event = last.get(customer.id)
        if event is not None and customer.status != _STATUS_AFTER[event.NAME]:
            yield f"customer {customer.id}: {customer.status}, while their last event is {event.NAME}"
    for wallet in snapshot.wallets:
        event, origin = last.get(wallet.id), opened.get(wallet.id)
        scope = event.scope if isinstance(event, WalletFrozen) else None
        if event is not None and (wallet.status, wallet.freeze_scope) != (_STATUS_AFTER[event.NAME], scope):
            yield f"wallet {wallet.id}: {wallet.status}, while its last event is {event.NAME}"
        if origin is not None and (wallet.customer_id, wallet.currency) != (origin.customer_id, origin.currency):
            yield f"wallet {wallet.id}: of customer {wallet.customer_id} in {wallet.currency}, opened as another"
    for hold in snapshot.holds().values():
        event = last.get(hold.id)
        if event is not None and hold.state.status != ("captured" if _has_ended(event) else _STATUS_AFTER[event.NAME]):
            yield f"hold {hold.id}: {hold.state.status}, while its last event is {event.NAME}"
    askers = {one.approval_id: one.caller for one in snapshot.events() if isinstance(one, ApprovalRequested)}
    for approval in snapshot.others:
        if isinstance(approval, Approval):
            event = last.get(approval.id)
            if event is not None and approval.status != _STATUS_AFTER[event.NAME]:
                yield f"approval {approval.id}: {approval.status}, while its last event is {event.NAME}"
            if approval.asked_by != askers.get(approval.id, approval.asked_by):
                yield f"approval {approval.id}: asked for by {approval.asked_by}, requested by another"


def _statements(snapshot: Snapshot) -> Breaches:
    """Yield the months whose statement closes with another balance than the sum of the entries posted by then, and the
    currencies in which the balances of all wallets do not sum to zero."""
    moments = snapshot.moments()
    for wallet_id, entries in snapshot.history().items():
        total = 0
        closing: dict[str, tuple[int, int]] = {}
        for moment, entry in sorted(zip(moments[wallet_id], entries, strict=True), key=_posted):
            total += entry.amount_minor
            closing[f"{moment.astimezone(UTC):%Y-%m}"] = entry.ledger_balance_after, total
        for month, (shown, expected) in closing.items():
            if shown != expected:
                yield f"wallet {wallet_id}: its statement of {month} closes with {shown}, not {expected}"
    sums: Counter[str] = Counter()
    for wallet in snapshot.wallets:
        sums[wallet.currency] += wallet.ledger_balance
    yield from (f"the trial balance in {currency}: wallets sum to {total}" for currency, total in sums.items() if total)


def _posted(line: tuple[datetime, Entry]) -> tuple[datetime, int]:
    """Return the key by which entries are in the order of posting."""
    return line[0], line[1].version


def _abbreviated(numbers: Sequence[int]) -> str:
    return f"{len(numbers)}: {', '.join(map(str, numbers[:5]))}{' …' if len(numbers) > 5 else ''}"


def _transactions(snapshot: Snapshot) -> int:
    return len(snapshot.transactions)


def _wallets(snapshot: Snapshot) -> int:
    return len(snapshot.wallets)


def _entries(snapshot: Snapshot) -> int:
    return sum(len(transaction.entries) for transaction in snapshot.transactions)


def _details(snapshot: Snapshot) -> Breaches:
    erased = {one.id for one in snapshot.customers if one.erased_at is not None}
    for one in snapshot.customers:
        required, others = (one.full_name, one.email, one.phone_number), (one.external_id, one.metadata, one.country)
        if one.id in erased and any((*required, *others)):
            yield f"customer {one.id}: has details, and was erased"
        if one.id not in erased and not all(required):
            yield f"customer {one.id}: has no details"
    for record in snapshot.keys.values():
        customer_id = ANSWERS[type(record.answer)].customer_id
        if customer_id is not None and customer_id(record.answer) in erased and not _is_without_details(record.answer):
            yield f"customer {customer_id(record.answer)}: an answer under a key has details, and they were erased"


def _is_without_details(answer: Any) -> bool:
    """Return whether an answer about a customer was given after their erasure."""
    if isinstance(answer, CustomerWithWallets):
        return answer.customer.erased_at is not None
    return isinstance(answer, Wallet) and answer.name is None and answer.metadata is None


_CHECKS: Mapping[Invariant, tuple[Callable[[Snapshot], int], Callable[[Snapshot], Iterable[str]]]] = {
    BALANCED: (_transactions, _balanced),
    BALANCES: (_entries, _balances),
    VERSIONS: (_entries, _versions),
    HELD: (_wallets, hold_breaches),
    COVERED: (_entries, _covered),
    CURRENCIES: (_entries, _currencies),
    KEYS: (lambda snapshot: len(snapshot.keys), _keys),
    REVERSALS: (lambda snapshot: len(snapshot.originals), reversal_breaches),
    EVENTS: (lambda snapshot: sum(1 for _ in snapshot.events()), _events),
    SEQUENCES: (lambda snapshot: sum(1 for _ in snapshot.events()), _sequences),
    APPEND_ONLY: (_transactions, _append_only),
    FINAL: (_wallets, _final),
    LIMITED: (_transactions, limit_breaches),
    DETAILS: (lambda snapshot: len(snapshot.customers), _details),
    STATEMENTS: (_entries, _statements),
    FEES: (_transactions, fee_breaches),
}
