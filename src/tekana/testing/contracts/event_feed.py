"""The feed of events: each once, in order, and none missed by readers that follow the cursors."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tekana.application import (
    ChangeHold,
    CloseCustomer,
    CloseWallet,
    EraseCustomer,
    ExchangeFunds,
    OverrideLimits,
    ReactivateCustomer,
    ReverseTransaction,
    Session,
    SetRate,
    SuspendCustomer,
    UnfreezeWallet,
    UpdateCustomer,
    UpdateWallet,
    VerifyCustomer,
    VoidHold,
)
from tekana.application.commands import MONEY_COMMANDS
from tekana.application.workers.hold_expiry import expire_holds
from tekana.domain.answers import CustomerWithWallets
from tekana.domain.caller import HOLD_EXPIRY, LOCAL_OPERATOR
from tekana.domain.errors import InsufficientFunds, Refused
from tekana.domain.events import EVENT_TYPES, Event, aggregate_id, event_id
from tekana.domain.wallet import Wallet
from tekana.ports.page import PageRequest
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.approval_helpers import adjustment, approve, ask, office, refused, reject
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import PATIENCE, a_customer, a_wallet, all_outcomes
from tekana.testing.contracts.holds import held_money
from tekana.testing.contracts.ledger_checks import every, feed


class EventFeedContract(Contract):
    """`tekana.ports.events`."""

    async def test_every_event_there_is(self, store: Store, app: Session, clock: FrozenClock) -> None:
        await _execute_all_commands(app, store, clock)
        events = await feed(store)
        assert {type(event).__name__ for event in events} == set(EVENT_TYPES)
        by_aggregate: dict[UUID, list[Event]] = defaultdict(list)
        for event in events:
            by_aggregate[aggregate_id(event)].append(event)
        for mine in by_aggregate.values():
            assert [event.sequence for event in mine] == list(range(1, len(mine) + 1))

    async def test_pages_of_the_feed_of_every_size(self, store: Store, app: Session, clock: FrozenClock) -> None:
        await _execute_all_commands(app, store, clock)
        whole = await every(store.events(LOCAL_OPERATOR).list)
        assert len({one.cursor for one in whole}) == len(whole)
        for limit in range(1, 12):
            assert await every(store.events(LOCAL_OPERATOR).list, limit) == whole

    async def test_each_event_leads_to_the_next(self, store: Store, app: Session, clock: FrozenClock) -> None:
        await _execute_all_commands(app, store, clock)
        whole = await every(store.events(LOCAL_OPERATOR).list)
        for index, one in enumerate(whole):
            page = await store.events(LOCAL_OPERATOR).list(PageRequest(2, one.cursor))
            assert list(page.items) == whole[index + 1 : index + 3]

    async def test_the_end_leads_on_when_more_happens(self, store: Store, app: Session) -> None:
        wallet = await a_wallet(app)
        last = (await every(store.events(LOCAL_OPERATOR).list))[-1]
        assert await store.events(LOCAL_OPERATOR).list(PageRequest(10, last.cursor)) == ((), None)
        done = await app.execute(builders.deposit(wallet.id))
        page = await store.events(LOCAL_OPERATOR).list(PageRequest(10, last.cursor))
        assert [type(one.event).__name__ for one in page.items] == ["FundsDeposited", "WalletDebited", "WalletCredited"]
        assert aggregate_id(page.items[0].event) == done.id

    async def test_followers_miss_nothing(self, crew: Sequence[Session], stores: Sequence[Store], store: Store) -> None:
        wallets = [await a_wallet(crew[0], "100") for _ in range(4)]
        over = asyncio.Event()
        limits = (1, 7, 200)
        followers = [
            asyncio.create_task(_follow(stores[index % len(stores)], limit, over)) for index, limit in enumerate(limits)
        ]
        await all_outcomes(_work(app, wallets, number) for number, app in enumerate(crew))
        over.set()
        async with asyncio.timeout(PATIENCE):
            seen = await asyncio.gather(*followers)
        whole = [event_id(event) for event in await feed(store)]
        assert len(set(whole)) == len(whole)
        for limit, mine in zip(limits, seen, strict=True):
            missed = [one for one in whole if one not in mine]
            assert not missed, f"a follower with pages of {limit} missed {len(missed)} of {len(whole)}: {missed[:5]}"
            assert mine == whole


async def _follow(store: Store, limit: int, over: asyncio.Event) -> list[str]:
    """Read the feed until `over` is set and there are no more events."""
    seen: list[str] = []
    cursor = None
    while True:
        last_round = over.is_set()
        page = await store.events(LOCAL_OPERATOR).list(PageRequest(limit, cursor))
        seen += [event_id(one.event) for one in page.items]
        if page.items:
            cursor = page.items[-1].cursor
        elif last_round:
            return seen
        await asyncio.sleep(0)


async def _work(app: Session, wallets: Sequence[Wallet], number: int) -> None:
    """Execute transfers, some of them refused, and registrations, one after the other."""
    for turn in range(12):
        one, two = wallets[(number + turn) % 4], wallets[(number + turn + 1 + turn % 3) % 4]
        try:
            await app.execute(builders.transfer(one.id, two.id, str(10 + 20 * (turn % 4))))
        except Refused as refusal:
            assert refusal.code == "insufficient_funds"
        if turn % 4 == 0:
            await app.execute(builders.person())


async def _execute_all_commands(app: Session, store: Store, clock: FrozenClock) -> None:
    """Execute every command."""
    aline, bosco = await a_customer(app, "700"), await a_customer(app)
    customer, wallet = aline.customer, aline.wallets[0]
    await app.execute(UpdateCustomer(customer_id=customer.id, full_name="Aline Uwase"))
    await app.execute(VerifyCustomer(customer_id=customer.id, tier="2"))
    until = datetime(2099, 1, 1, tzinfo=UTC)
    await app.execute(
        OverrideLimits(customer_id=customer.id, currency="RWF", reason="a house", until=until, largest_balance="9000")
    )
    await app.execute(SuspendCustomer(customer_id=customer.id, reason="a court order"))
    await app.execute(ReactivateCustomer(customer_id=customer.id))
    await app.execute(UpdateWallet(wallet_id=wallet.id, name="Everyday", kind="merchant"))
    await app.execute(builders.freeze(wallet.id, "all"))
    await app.execute(UnfreezeWallet(wallet_id=wallet.id))
    await app.execute(builders.transfer(wallet.id, bosco.wallets[0].id, "300"))
    [outcome] = await all_outcomes([app.execute(builders.withdrawal(wallet.id, "401"))])
    assert isinstance(outcome, Refused)
    for type_ in MONEY_COMMANDS.keys() - {ExchangeFunds.EXAMPLE["type"]}:
        await app.execute(builders.movement(type_, bosco.wallets[0].id, wallet.id, "1"))
    await _exchange_and_reverse(app, bosco)
    await _end_holds(app, store, clock)
    await _decide_on_requests(store, wallet)
    await app.execute(builders.withdrawal(wallet.id, str((await app.wallets.get(wallet.id)).ledger_balance)))
    savings = await app.execute(builders.open_wallet(customer.id, "USD", name="Savings"))
    await app.execute(CloseWallet(wallet_id=savings.id))
    await app.execute(CloseCustomer(customer_id=customer.id))
    await app.execute(EraseCustomer(customer_id=customer.id))


async def _exchange_and_reverse(app: Session, customer: CustomerWithWallets) -> None:
    """Exchange money of a customer, and reverse that."""
    await app.execute(SetRate(base="USD", quote="RWF", bid="1310", ask="1320"))
    dollars = await app.execute(builders.open_wallet(customer.customer.id, "USD"))
    command = builders.movement("exchange", customer.wallets[0].id, dollars.id, "14")
    await app.execute(ReverseTransaction(transaction_id=(await app.execute(command)).id))


async def _end_holds(app: Session, store: Store, clock: FrozenClock) -> None:
    """Change a hold, capture a part of it, void it; and have one expire."""
    money = await held_money(app, expires_in=60)
    await app.execute(ChangeHold(transaction_id=money.hold.id, amount="800"))
    await app.execute(money.capture("300", final=False))
    await app.execute(VoidHold(transaction_id=money.hold.id))
    await held_money(app, expires_in=60)
    clock.advance(timedelta(seconds=60))
    assert await expire_holds(store.due_holds, app.as_caller(HOLD_EXPIRY)) == 1


async def _decide_on_requests(store: Store, wallet: Wallet) -> None:
    """Have an approval approved, one rejected, and one fail."""
    async with office(store) as people:
        approval = await ask(people.asker, adjustment(wallet.id))
        await people.approver.execute(approve(approval))
        approval = await ask(people.asker, adjustment(wallet.id))
        await people.approver.execute(reject(approval))
        approval = await ask(people.asker, adjustment(wallet.id, "1", "debit"))
        rest = (await people.app.wallets.get(wallet.id)).ledger_balance
        await people.app.execute(builders.withdrawal(wallet.id, str(rest)))
        await refused(InsufficientFunds, people.approver.execute(approve(approval)))
        await people.app.execute(builders.deposit(wallet.id, "1"))
