"""Checks of the ledger: with the store's own audit, and with everything that its readers return."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar, cast

from tekana.application import Session, Tekana
from tekana.application.audit.checks import EVENTS, INVARIANTS, KEYS, REVERSALS, check
from tekana.application.audit.snapshot import Snapshot
from tekana.application.engine.engine import Engine
from tekana.application.session_reads import Parts
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.customer import Customer
from tekana.domain.events import LATER_HOLD_EVENTS, Event, TransactionEvent, WalletCredited, WalletDebited, event_id
from tekana.domain.holds import Hold
from tekana.domain.transaction import Transaction, events_of
from tekana.domain.wallet import Wallet
from tekana.ports.customers import CustomerFilter
from tekana.ports.page import PAGE_SIZE_MAX, Page, PageRequest
from tekana.ports.store import Store
from tekana.ports.transactions import TransactionFilter
from tekana.ports.wallets import WalletFilter

ItemT = TypeVar("ItemT")


Auditable = Store | Session | Tekana
"""The objects that can be audited."""


def session_of(audited: Auditable) -> Session:
    """Return the operator's session on a store or an application; a session is returned as it is."""
    if isinstance(audited, Tekana):
        return audited.as_caller(LOCAL_OPERATOR)
    return audited if isinstance(audited, Session) else Session(LOCAL_OPERATOR, Parts(audited, cast("Engine", None)))


async def assert_whole(store: Auditable, dropped: Sequence[Event] = ()) -> None:
    """Check that every invariant holds.

    Args:
        store: the store, application or session to audit.
        dropped: the first events of the feed, if they were dropped from it.
    """
    findings = [finding async for finding in session_of(store).audit()]
    missing = {one.number for one in INVARIANTS} - {finding.invariant.number for finding in findings}
    assert not missing, f"the store's audit does not check the invariants {sorted(missing)}"
    broken = [finding for finding in findings if not finding.ok]
    assert not broken, f"the store's audit found breaches: {broken}"
    await _assert_readers_agree(store, dropped)


async def every(read: Callable[[PageRequest], Awaitable[Page[ItemT]]], limit: int = PAGE_SIZE_MAX) -> list[ItemT]:
    """Return all items of a list, read in pages."""
    items: list[ItemT] = []
    cursor = None
    read_already: set[str] = set()
    while True:
        page = await read(PageRequest(limit, cursor))
        assert len(page.items) <= limit
        assert page.items or page.next_cursor is None, "an empty page leads to another"
        items += page.items
        if page.next_cursor is None:
            return items
        assert len(page.items) == limit, "a page that is not the last is full"
        assert page.next_cursor not in read_already, "the pages go round in circles"
        cursor = page.next_cursor
        read_already.add(cursor)


async def customers(store: Auditable) -> list[Customer]:
    """Every customer."""
    return [one.customer for one in await every(lambda page: session_of(store).customers.list(CustomerFilter(), page))]


async def wallets(store: Auditable) -> list[Wallet]:
    """Return all wallets, house wallets included."""
    return await every(lambda page: session_of(store).wallets.list(WalletFilter(), page))


async def transactions(store: Auditable) -> list[Transaction]:
    """Return all transactions, newest first."""
    return await every(lambda page: session_of(store).transactions.list(TransactionFilter(), page))


async def feed(store: Auditable) -> list[Event]:
    """Return all events, oldest first."""
    return [one.event for one in await every(session_of(store).events.list)]


async def _assert_readers_agree(store: Auditable, dropped: Sequence[Event]) -> None:
    """Assert that what readers return is one whole ledger. What expires while they are read is read once more."""
    try:
        await _assert_readers_agree_now(store, dropped)
    except AssertionError:
        await _assert_readers_agree_now(store, dropped)


async def _assert_readers_agree_now(store: Auditable, dropped: Sequence[Event]) -> None:
    events = [*dropped, *await feed(store)]
    found = await transactions(store)
    holds = [Hold(transaction=one, state=one.hold) for one in found if one.hold is not None]
    shown = Snapshot(await customers(store), await wallets(store), found, {}, events, holds)
    for finding in check(shown):
        if finding.invariant not in (KEYS, REVERSALS, EVENTS):  # readers lack some of it; events are checked below
            assert finding.ok, f"the data of the readers break an invariant: {finding}"
    announced = Counter(map(event_id, events))
    twice = [one for one, times in announced.items() if times > 1]
    assert not twice, f"events in the feed more than once: {twice}"
    kinds = (TransactionEvent, WalletCredited, WalletDebited)
    about_money = {
        event_id(event): event
        for event in events
        if isinstance(event, kinds) and not isinstance(event, LATER_HOLD_EVENTS)
    }
    expected = {event_id(event): event for one in shown.transactions for event in events_of(one)}
    assert about_money == expected, "the feed differs from the transactions"
    for hold in holds:
        assert announced[f"{hold.id}:{hold.event_count}"] == 1, f"{hold} has changes without an event"
    for customer in shown.customers:
        assert announced[f"{customer.id}:{customer.version}"] == 1, f"{customer} has changes without an event"
    for wallet in shown.wallets:
        last = announced[f"{wallet.id}:{wallet.sequence}"]
        assert last == (1 if wallet.sequence else 0), f"{wallet} has changes without an event"
        assert f"{wallet.id}:{wallet.sequence + 1}" not in announced, f"{wallet} has events without a change"
