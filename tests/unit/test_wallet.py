"""The life cycle of a wallet, decided on a Book."""

import copy
from dataclasses import replace
from uuid import uuid4

import pytest

from tekana import (
    CloseWallet,
    Currency,
    CustomerNotActive,
    InvalidRequest,
    LimitExceeded,
    OpenWallet,
    UnfreezeWallet,
    UpdateWallet,
    WalletId,
    WalletNotActive,
    WalletNotEmpty,
    WalletNotFound,
    house_wallet_id,
)
from tekana.domain.identifiers import HOUSE_ROLES
from tekana.domain.wallet import WALLETS, Wallet, house_wallets
from tekana.testing import builders
from tekana.testing.clock import FrozenClock

COMMANDS = {
    "rename": lambda wallet_id: UpdateWallet(wallet_id=wallet_id, name="Savings"),
    "keep the name": lambda wallet_id: UpdateWallet(wallet_id=wallet_id, name=None, metadata=None),
    "freeze debits": lambda wallet_id: builders.freeze(wallet_id, "debits"),
    "freeze all": lambda wallet_id: builders.freeze(wallet_id, "all"),
    "unfreeze": lambda wallet_id: UnfreezeWallet(wallet_id=wallet_id),
    "close": lambda wallet_id: CloseWallet(wallet_id=wallet_id),
}

STATES = {
    "active": {},
    "frozen debits": {"status": "frozen", "freeze_scope": "debits", "freeze_reason": "a lost phone"},
    "frozen all": {"status": "frozen", "freeze_scope": "all", "freeze_reason": "a lost phone"},
    "closed": {"status": "closed"},
}

LIFE = {
    ("active", "rename"): ("active", "WalletUpdated"),
    ("frozen debits", "rename"): ("frozen debits", "WalletUpdated"),
    ("frozen all", "rename"): ("frozen all", "WalletUpdated"),
    ("active", "keep the name"): ("active", None),
    ("closed", "rename"): WalletNotActive,
    ("closed", "keep the name"): WalletNotActive,
    ("active", "freeze debits"): ("frozen debits", "WalletFrozen"),
    ("active", "freeze all"): ("frozen all", "WalletFrozen"),
    ("active", "unfreeze"): ("active", None),
    ("active", "close"): ("closed", "WalletClosed"),
    ("frozen debits", "freeze debits"): ("frozen debits", None),
    ("frozen debits", "freeze all"): ("frozen all", "WalletFrozen"),
    ("frozen debits", "unfreeze"): ("active", "WalletUnfrozen"),
    ("frozen debits", "close"): ("closed", "WalletClosed"),
    ("frozen all", "freeze debits"): ("frozen debits", "WalletFrozen"),
    ("frozen all", "freeze all"): ("frozen all", None),
    ("frozen all", "unfreeze"): ("active", "WalletUnfrozen"),
    ("frozen all", "close"): ("closed", "WalletClosed"),
    ("closed", "freeze debits"): WalletNotActive,
    ("closed", "freeze all"): WalletNotActive,
    ("closed", "unfreeze"): WalletNotActive,
    ("closed", "close"): ("closed", None),
}


def state_of(wallet: Wallet) -> str:
    return f"{wallet.status} {wallet.freeze_scope}" if wallet.freeze_scope else wallet.status


@pytest.mark.parametrize(("state", "verb"), LIFE)
def test_each_command_in_each_status(state: str, verb: str) -> None:
    wallet = builders.wallet(**STATES[state])
    before = replace(wallet)
    book = builders.book(wallet)
    expected = LIFE[state, verb]
    command = COMMANDS[verb](wallet.id)
    if isinstance(expected, type):
        assert expected in command.REFUSALS
        with pytest.raises(expected):
            command.decide(book)
        assert (wallet, book.outbox) == (before, [])
        return
    after, event = expected
    answer = command.decide(book)
    assert answer == wallet
    assert answer is not wallet
    assert state_of(wallet) == after
    assert [type(one).__name__ for one in book.outbox] == ([event] if event else [])
    assert wallet.sequence == before.sequence + (event is not None)
    assert (wallet.freeze_reason is None) == (wallet.status != "frozen")


MOVES = {
    "active": (True, True),
    "frozen debits": (False, True),
    "frozen all": (False, False),
    "closed": (False, False),
}


@pytest.mark.parametrize("state", MOVES)
@pytest.mark.parametrize("debit", [True, False])
def test_debits_and_credits_in_each_status(state: str, debit: bool) -> None:
    wallet = builders.wallet(**STATES[state])
    if MOVES[state][0 if debit else 1]:
        wallet.require_moves(debit=debit)
    else:
        with pytest.raises(WalletNotActive):
            wallet.require_moves(debit=debit)


@pytest.mark.parametrize("what", [{"ledger_balance": 1}, {"held": 1}, {"ledger_balance": 5, "held": 5}])
def test_a_wallet_that_is_not_empty_is_not_closed(what: dict[str, int]) -> None:
    wallet = builders.wallet(**what)
    with pytest.raises(WalletNotEmpty):
        CloseWallet(wallet_id=wallet.id).decide(builders.book(wallet))
    assert wallet.status == "active"


@pytest.mark.parametrize("verb", COMMANDS)
def test_commands_on_house_wallets_are_refused(verb: str) -> None:
    for wallet_id in (WalletId(uuid4()), *(house_wallet_id(role, Currency("RWF")) for role in HOUSE_ROLES)):
        with pytest.raises(WalletNotFound):
            COMMANDS[verb](wallet_id).decide(builders.book())


def test_an_update_changes_what_is_given() -> None:
    wallet = builders.wallet(name="Travel", metadata={"a": 1})
    book = builders.book(wallet)
    UpdateWallet(wallet_id=wallet.id, name="My\u00a0savings", metadata={"a": 1}).decide(book)
    assert (wallet.name, wallet.metadata) == ("My savings", {"a": 1})
    UpdateWallet(wallet_id=wallet.id, metadata={}).decide(book)
    assert (wallet.name, wallet.metadata) == ("My savings", {})
    UpdateWallet(wallet_id=wallet.id, name=None, metadata=None).decide(book)
    assert (wallet.name, wallet.metadata) == (None, None)
    assert [getattr(one, "changed", None) for one in book.outbox] == [("name",), ("metadata",), ("name", "metadata")]
    for wrong in ({}, {"name": ""}, {"name": "x" * 101}, {"metadata": {"": 1}}, {"name": "a\nb"}):
        with pytest.raises(InvalidRequest):
            UpdateWallet(wallet_id=wallet.id, **wrong)  # type: ignore[arg-type]


def test_an_opened_wallet_is_empty_and_active() -> None:
    customer = builders.customer()
    book = builders.book(customer)
    wallet = OpenWallet(customer_id=customer.id, currency="KWD", name="Travel", metadata={"a": 1}).decide(book)
    assert (wallet.customer_id, wallet.currency, wallet.name, wallet.metadata) == (
        customer.id,
        "KWD",
        "Travel",
        {"a": 1},
    )
    assert (wallet.ledger_balance, wallet.held, wallet.version, wallet.sequence) == (0, 0, 0, 1)
    assert book.changes.added_of(WALLETS) == {wallet.id: wallet}
    with pytest.raises(CustomerNotActive):
        suspended = builders.customer(status="suspended")
        OpenWallet(customer_id=suspended.id, currency="KWD").decide(builders.book(suspended))


def test_a_customer_has_two_hundred_wallets_at_most() -> None:
    customer = builders.customer()
    wallets = [builders.wallet(customer_id=customer.id) for _ in range(199)]
    wallets[7].status = "closed"  # closed wallets are locked with the customer, and count
    book = builders.book(customer, *wallets, builders.wallet())
    OpenWallet(customer_id=customer.id, currency="KWD").decide(book)
    before = copy.deepcopy((book.locked, book.changes, book.outbox, book.house_wallets))
    with pytest.raises(LimitExceeded, match="at most 200 wallets"):
        OpenWallet(customer_id=customer.id, currency="USD").decide(book)
    assert (book.locked, book.changes, book.outbox, book.house_wallets) == before


def test_the_available_balance_excludes_held_money() -> None:
    assert builders.wallet(ledger_balance=100, held=30).available_balance == 70


def test_house_wallets_start_empty() -> None:
    houses = house_wallets(Currency("USD"), created_by="x", at=FrozenClock()())
    assert [(one.house, one.customer_id, one.ledger_balance, one.may_overdraw) for one in houses] == [
        (role, None, 0, True) for role in HOUSE_ROLES
    ]
    assert [one.id for one in houses] == sorted(house_wallet_id(role, Currency("USD")) for role in HOUSE_ROLES)
