"""The Book: transactions are posted completely or not at all."""

import copy
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tekana import (
    Currency,
    CurrencyMismatch,
    CustomerNotActive,
    InsufficientFunds,
    LimitExceeded,
    Money,
    Refused,
    SameWallet,
    TransferFunds,
    WalletNotActive,
    WalletNotFound,
    house_wallet_id,
)
from tekana.application import MoneyCommand
from tekana.domain.book import Book
from tekana.domain.changes import Changes
from tekana.domain.identifiers import first_transaction_id
from tekana.domain.lock_set import merge
from tekana.domain.money import AMOUNT_MAX_MINOR, BALANCE_MAX_MINOR
from tekana.domain.transaction import Leg
from tekana.domain.wallet import Wallet
from tekana.testing import builders
from tekana.testing.builders import RWF

SETTLEMENT = house_wallet_id("settlement", RWF)


def state(book: Book) -> object:
    """Return everything in a Book that a decision may change."""
    parts = ("outbox", "wallets_with_entries", "changes", "house_wallets")
    return copy.deepcopy((book.locked, *(getattr(book, part) for part in parts)))


def test_a_transfer_posts_both_entries() -> None:
    one, two = builders.wallet(ledger_balance=500, version=3, sequence=7), builders.wallet()
    book = builders.book(one, two)
    posted = builders.transfer(one.id, two.id, "300", description="tea", reference="r").decide(book)
    assert (one.ledger_balance, one.version, one.sequence) == (200, 4, 8)
    assert (two.ledger_balance, two.version, two.sequence) == (300, 1, 2)
    assert [tuple(entry) for entry in posted.entries] == [
        (one.id, 4, 8, -300, "RWF", 200),
        (two.id, 1, 2, 300, "RWF", 300),
    ]
    assert [entry.direction for entry in posted.entries] == ["debit", "credit"]
    assert (posted.status, posted.created_by, posted.posted_at) == ("posted", "a test", book.now)
    assert posted.effective_at == book.now
    assert (posted.request.amount, posted.request.description) == (Money(300, RWF), "tea")
    assert book.outbox == book.transactions == [posted]
    assert book.wallets_with_entries == {one.id: one, two.id: two}


def test_a_deposit_debits_the_settlement_wallet() -> None:
    wallet = builders.wallet()
    book = builders.book(wallet)
    builders.deposit(wallet.id, "300").decide(book)
    builders.withdrawal(wallet.id, "100").decide(book)
    assert (wallet.ledger_balance, book.locked.wallets[SETTLEMENT].ledger_balance) == (200, -200)


ACTIVE = {"ledger_balance": 500}
REFUSALS = {
    "more than the balance": (ACTIVE, {}, "501", RWF, InsufficientFunds),
    "held": (ACTIVE | {"held": 1}, {}, "500", RWF, InsufficientFunds),
    "empty wallet": ({}, {}, "1", RWF, InsufficientFunds),
    "another currency": (ACTIVE, {}, "1", "USD", CurrencyMismatch),
    "to another currency": (ACTIVE, {"currency": Currency("USD")}, "1", RWF, CurrencyMismatch),
    "from a wallet frozen for debits": (
        ACTIVE | {"status": "frozen", "freeze_scope": "debits"},
        {},
        "1",
        RWF,
        WalletNotActive,
    ),
    "from a frozen wallet": (ACTIVE | {"status": "frozen", "freeze_scope": "all"}, {}, "1", RWF, WalletNotActive),
    "to a frozen wallet": (ACTIVE, {"status": "frozen", "freeze_scope": "all"}, "1", RWF, WalletNotActive),
    "from a closed wallet": (ACTIVE | {"status": "closed"}, {}, "1", RWF, WalletNotActive),
    "to a closed wallet": (ACTIVE, {"status": "closed"}, "1", RWF, WalletNotActive),
    "from a suspended customer": (ACTIVE | {"customer_active": False}, {}, "1", RWF, CustomerNotActive),
    "to a suspended customer": (ACTIVE, {"customer_active": False}, "1", RWF, CustomerNotActive),
    "above the maximal balance": (ACTIVE, {"ledger_balance": BALANCE_MAX_MINOR}, "1", RWF, LimitExceeded),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_a_refused_decision_changes_nothing(why: str) -> None:
    one, two, amount, currency, refusal = REFUSALS[why]
    source, target = builders.wallet(**one), builders.wallet(**two)
    book = builders.book(source, target)
    before = state(book)
    with pytest.raises(refusal) as refused:
        builders.transfer(source.id, target.id, amount, currency).decide(book)
    assert type(refused.value) is refusal
    assert refusal in TransferFunds.REFUSALS
    assert str(refused.value)
    assert state(book) == before


def test_a_wallet_frozen_for_debits_accepts_credits() -> None:
    source = builders.wallet(**ACTIVE)
    target = builders.wallet(status="frozen", freeze_scope="debits", freeze_reason="x")
    builders.transfer(source.id, target.id, "1").decide(builders.book(source, target))
    assert target.ledger_balance == 1


@pytest.mark.parametrize("place", ["one", "other", "both"])
def test_an_unknown_wallet_is_not_found(place: str) -> None:
    here, nowhere = builders.wallet(**ACTIVE), builders.wallet()
    pair = {"one": (nowhere, here), "other": (here, nowhere), "both": (nowhere, nowhere)}[place]
    book = builders.book(here)
    before = state(book)
    with pytest.raises(WalletNotFound):
        builders.transfer(pair[0].id, pair[1].id, "1").decide(book)
    assert state(book) == before


@pytest.mark.parametrize("make", ["deposit", "withdrawal", "to", "from"])
def test_commands_on_house_wallets_are_refused(make: str) -> None:
    wallet = builders.wallet(**ACTIVE)
    fees = house_wallet_id("fees", RWF)
    command = {
        "deposit": builders.deposit(fees, "1"),
        "withdrawal": builders.withdrawal(fees, "1"),
        "to": builders.transfer(wallet.id, fees, "1"),
        "from": builders.transfer(fees, wallet.id, "1"),
    }[make]
    with pytest.raises(WalletNotFound, match=f"wallet {fees} is a house wallet \\(fees\\)"):
        command.decide(builders.book(wallet))


def test_a_house_wallet_that_is_not_open_is_not_found() -> None:
    dollars = house_wallet_id("fees", USD)
    with pytest.raises(WalletNotFound, match=f"no wallet has the id {dollars}"):
        builders.deposit(dollars, "1", "USD").decide(builders.book(builders.wallet(**ACTIVE)))


def test_a_transfer_to_the_same_wallet_is_refused() -> None:
    wallet = builders.wallet(**ACTIVE)
    with pytest.raises(SameWallet):
        TransferFunds(from_wallet_id=wallet.id, to_wallet_id=wallet.id, amount="1", currency="RWF").decide(
            builders.book(wallet)
        )


USD = Currency("USD")
UNBALANCED = {
    "credits less than debits": ((-2, RWF), (1, RWF)),
    "no leg": (),
    "one leg": ((-2, RWF),),
    "one leg of zero": ((0, RWF),),
    "two legs of zero": ((0, RWF), (0, RWF)),
    "a leg of zero among others": ((-2, RWF), (0, RWF), (2, RWF)),
    "zero only across two currencies": ((-2, RWF), (2, USD)),
    "zero in one of two currencies": ((-2, RWF), (2, RWF), (-1, USD), (2, USD)),
}


@pytest.mark.parametrize("why", UNBALANCED)
def test_legs_have_to_sum_to_zero_in_each_currency(why: str) -> None:
    wallets = [builders.wallet(ledger_balance=500, currency=currency) for _, currency in UNBALANCED[why]]
    book = builders.book(*wallets)
    before = state(book)
    legs = [Leg(wallet, *amount) for wallet, amount in zip(wallets, UNBALANCED[why], strict=True)]
    with pytest.raises(ValueError, match="sum to zero in each currency"):
        book.post(builders.transfer(builders.wallet().id, builders.wallet().id, "2").to_request(book), legs)
    assert state(book) == before


def test_a_transaction_may_have_many_legs_and_currencies() -> None:
    francs, dollars = builders.wallet(**ACTIVE), builders.wallet(currency=USD)
    book = builders.book(francs, dollars)
    exchange, fees = book.house_wallet("exchange", RWF), book.house_wallet("fees", RWF)
    exchange_usd = book.house_wallet("exchange", USD)
    request = builders.transfer(francs.id, dollars.id, "300").to_request(book)
    legs = [Leg(francs, -310, RWF), Leg(exchange, 300, RWF), Leg(fees, 10, RWF)]
    legs += [Leg(exchange_usd, -23, USD), Leg(dollars, 23, USD)]
    posted = book.post(request, legs)
    assert [(one.wallet_id, one.amount_minor, one.currency) for one in posted.entries] == [
        (leg.wallet.id, leg.amount_minor, leg.currency) for leg in legs
    ]
    balances = [one.ledger_balance for one in (francs, exchange, fees, exchange_usd, dollars)]
    assert balances == [190, 300, 10, -23, 23]


def test_a_refused_leg_rolls_back_the_earlier_legs() -> None:
    """The second debit of a wallet is refused, as the first one reduced the balance."""
    one, two = builders.wallet(**ACTIVE), builders.wallet()
    book = builders.book(one, two)
    before = state(book)
    request = builders.transfer(one.id, two.id, "600").to_request(book)
    with pytest.raises(InsufficientFunds):
        book.post(request, [Leg(one, -300, RWF), Leg(one, -300, RWF), Leg(two, 600, RWF)])
    assert state(book) == before
    posted = book.post(request, [Leg(one, -300, RWF), Leg(one, -200, RWF), Leg(two, 500, RWF)])
    assert [(entry.version, entry.ledger_balance_after) for entry in posted.entries] == [(1, 200), (2, 0), (1, 500)]


def test_the_settlement_balance_has_a_lower_limit() -> None:
    wallet = builders.wallet()
    book = builders.book(wallet)
    book.locked.wallets[SETTLEMENT].ledger_balance = -BALANCE_MAX_MINOR
    with pytest.raises(LimitExceeded):
        builders.deposit(wallet.id, "1").decide(book)


def test_times_never_run_backwards() -> None:
    late_at = builders.book().now + timedelta(hours=1)
    late = builders.wallet(ledger_balance=5, updated_at=late_at)
    other = builders.wallet()
    book = builders.book(late, other)
    for _ in range(2):  # the second one at the same time
        posted = builders.transfer(late.id, other.id, "1").decide(book)
        assert posted.posted_at == posted.created_at == late.updated_at == other.updated_at
        assert posted.created_at == late_at + timedelta(microseconds=1)


def test_a_wallets_transactions_have_ids_in_the_order_of_its_entries() -> None:
    """Also across Books of other processes, and while the clock is set back."""
    wallet = builders.wallet(ledger_balance=100)
    ids = []
    for minutes, numbers in ((0, 5000), (-5, 7), (-5, 3), (-4, 1), (1, 0)):
        other = builders.wallet(updated_at=wallet.updated_at)
        book = builders.book(wallet, other)
        book.numbers = count(numbers)
        book.locked.now += timedelta(minutes=minutes)
        for _ in range(3):
            posted = builders.transfer(wallet.id, other.id, "1").decide(book)
            ids.append(posted.id)
            assert first_transaction_id(posted.created_at) <= posted.id
            assert posted.id < first_transaction_id(posted.created_at + timedelta(microseconds=1))
    assert ids == sorted(set(ids))


def test_a_rejected_transaction_is_recorded_with_its_reason() -> None:
    wallet = builders.wallet()
    book = builders.book(wallet)
    movement = builders.withdrawal(wallet.id, "1").to_request(book)
    rejected = book.reject(movement, InsufficientFunds("not that much"))
    assert (rejected.status, rejected.entries, rejected.posted_at) == ("rejected", (), None)
    assert rejected.rejection == (
        "InsufficientFunds",
        "insufficient_funds",
        "not that much",
        "a request",
        None,
        None,
    )
    assert book.outbox == [rejected]
    assert (book.wallets_with_entries, book.changes) == ({}, Changes())


AMOUNT = st.integers(1, 1000).map(str)
PLACE = st.integers(0, 2)
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("deposit"), PLACE, PLACE, AMOUNT),
        st.tuples(st.just("withdrawal"), PLACE, PLACE, AMOUNT),
        st.tuples(st.just("transfer"), PLACE, PLACE, AMOUNT),
    ),
    max_size=40,
)


Moves = list[tuple[str, int, int, str]]


def commands_of(moves: Moves, wallets: list[Wallet]) -> list[MoneyCommand]:
    kinds: dict[str, Callable[..., MoneyCommand]] = {
        "deposit": lambda one, _, much: builders.deposit(one, much),
        "withdrawal": lambda one, _, much: builders.withdrawal(one, much),
        "transfer": builders.transfer,
    }
    return [kinds[kind](wallets[one].id, wallets[other].id, amount) for kind, one, other, amount in moves]


def decide_ignoring_refusals(book: Book, commands: list[MoneyCommand]) -> None:
    for command in commands:
        with suppress(Refused):
            command.decide(book)


@settings(deadline=None)
@given(MOVES, MOVES, MOVES, st.sampled_from([0, 5]))
def test_rollback_restores_the_state_of_the_savepoint(before: Moves, undone: Moves, after: Moves, stripe: int) -> None:
    wallets = [builders.wallet(ledger_balance=50, version=1, sequence=2) for _ in range(3)]
    book, twin = builders.book(*wallets), builders.book(*copy.deepcopy(wallets))
    book.stripe = twin.stripe = stripe
    decide_ignoring_refusals(book, commands_of(before, wallets))
    commands = commands_of(undone, wallets)
    as_it_was, objects = state(book), {id(one) for one in book.locked.wallets.values()}
    savepoint = book.savepoint(merge((command.locks() for command in commands), stripe).wallets)
    decide_ignoring_refusals(book, commands)
    book.rollback_to(savepoint)
    assert state(book) == as_it_was
    assert (
        {id(one) for one in book.locked.wallets.values()} == objects >= set(map(id, book.wallets_with_entries.values()))
    )
    decide_ignoring_refusals(book, commands_of(after, wallets))
    decide_ignoring_refusals(twin, commands_of(before, wallets) + commands_of(after, wallets))
    assert book.locked == twin.locked
    assert [one.entries for one in book.transactions] == [one.entries for one in twin.transactions]
    assert list(book.wallets_with_entries.items()) == list(twin.wallets_with_entries.items())


def test_a_savepoint_of_unlocked_wallets_restores_nothing() -> None:
    wallet = builders.wallet()
    book = builders.book()
    book.rollback_to(book.savepoint([wallet.id]))
    assert wallet.id not in book.locked.wallets


@settings(deadline=None)
@given(MOVES)
def test_the_sum_of_balances_is_zero_and_no_customer_is_negative(moves: Moves) -> None:
    wallets: list[Wallet] = [builders.wallet() for _ in range(3)]
    book = builders.book(*wallets)
    posted = 0
    for command in commands_of(moves, wallets):
        before = state(book)
        try:
            command.decide(book)
            posted += 1
        except Refused:
            assert state(book) == before
        assert sum(wallet.ledger_balance for wallet in book.locked.wallets.values()) == 0
        assert all(wallet.ledger_balance >= 0 for wallet in wallets)
    assert len(book.outbox) == posted
    assert sum(wallet.version for wallet in book.locked.wallets.values()) == 2 * posted
    for wallet in wallets:
        mine = [entry for one in book.transactions for entry in one.entries if entry.wallet_id == wallet.id]
        assert [entry.version for entry in mine] == list(range(1, wallet.version + 1))
        assert sum(entry.amount_minor for entry in mine) == wallet.ledger_balance


def test_the_largest_amount_is_accepted() -> None:
    wallet = builders.wallet()
    builders.deposit(wallet.id, str(AMOUNT_MAX_MINOR)).decide(builders.book(wallet))
    assert wallet.ledger_balance == AMOUNT_MAX_MINOR
