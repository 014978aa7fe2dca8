"""The audit detects a corruption for each way in which an invariant can be broken."""

import pytest

from tekana import (
    CloseCustomer,
    CloseWallet,
    CreateFeeSchedule,
    NewFeeBand,
    ReactivateCustomer,
    ReverseTransaction,
    SuspendCustomer,
    VoidHold,
)
from tekana.application.audit.checks import BREACHES_SHOWN_MAX, INVARIANTS, check
from tekana.application.audit.snapshot import Snapshot
from tekana.domain.reversals import ORIGINALS, Original
from tekana.testing import builders
from tekana.testing.contracts.approval_helpers import approve, ask, office, reject
from tekana.testing.contracts.fixtures import at_work
from tekana.testing.contracts.helpers import a_customer, a_wallet, all_outcomes
from tekana.testing.contracts.holds import held_money
from tekana.testing.contracts.reversals import spent_money
from tekana_memory import MemoryStore
from tests.contracts.broken_reversals import ForgetsReversals
from tests.unit.audit_corruptions import CORRUPTIONS


@pytest.fixture
async def snapshot() -> Snapshot:
    """A whole ledger with every kind of row. Aline has the first wallet, with three entries; Chantal is closed."""
    store = MemoryStore()
    async with at_work(store) as app:
        aline, bosco = await a_customer(app, "700"), await a_customer(app)
        dollars = await a_wallet(app, currency="USD")
        paid_in = await app.execute(builders.deposit(dollars.id, "50.00", "USD"))
        one, two = aline.wallets[0].id, bosco.wallets[0].id
        async with office(store) as people:
            command = ReactivateCustomer(customer_id=aline.customer.id)
            approved, rejected, _ = [await ask(people.asker, command) for _ in range(3)]
            await people.approver.execute(approve(approved))
            await people.approver.execute(reject(rejected))
        await app.execute(builders.transfer(one, two, "300"))
        await all_outcomes([app.execute(builders.withdrawal(one, "9999"))])
        chantal = await a_customer(app)
        await app.execute(CloseCustomer(customer_id=chantal.customer.id))
        await app.execute(SuspendCustomer(customer_id=bosco.customer.id, reason="a court order"))
        await app.execute(CloseWallet(wallet_id=(await app.execute(builders.open_wallet(aline.customer.id))).id))
        await app.execute(builders.freeze(one))
        await app.execute(builders.deposit(one, "5"))
        await app.execute(ReverseTransaction(transaction_id=paid_in.id, amount="20.00"))
        bands = (NewFeeBand(flat="1.00"),)
        await app.execute(
            CreateFeeSchedule(
                transaction_type="deposit", currency="USD", paid_by="payee", bands=bands, tax_percentage="18"
            )
        )
        charged = await app.execute(builders.deposit(dollars.id, "10.00", "USD"))
        await app.execute(ReverseTransaction(transaction_id=charged.id, amount="5.00"))
        money, ended = await held_money(app), await held_money(app)
        await app.execute(money.capture("300", final=False))
        await app.execute(VoidHold(transaction_id=ended.hold.id))
        *_, moved = await spent_money(app)
        await app.execute(ReverseTransaction(transaction_id=moved.id, hold_rest=True))
        await app.execute(builders.deposit(one, "5"))
    return snapshot_of(store)


def snapshot_of(store: MemoryStore) -> Snapshot:
    """Return a snapshot of a store in memory."""
    kept = store._state
    return Snapshot(
        tuple(kept.customers.values()),
        tuple(kept.wallets.values()),
        tuple(kept.transactions.values()),
        dict(kept.keys),
        tuple(kept.outbox),
        tuple(kept.others_with_events()),
        tuple(kept.limit_history),
        kept.terms.time_zones,
        tuple(kept.items[ORIGINALS.name].values()),
    )


def broken(snapshot: Snapshot) -> set[int]:
    return {finding.invariant.number for finding in check(snapshot) if not finding.ok}


async def test_a_correct_ledger_is_whole(snapshot: Snapshot) -> None:
    findings = list(check(snapshot))
    assert [finding.invariant for finding in findings] == list(INVARIANTS)
    assert all(finding.ok and finding.breaches == () for finding in findings)
    assert all(finding.checked > 0 for finding in findings)


@pytest.mark.parametrize("corruption", CORRUPTIONS)
async def test_a_corruption_breaks_exactly_its_invariants(snapshot: Snapshot, corruption: str) -> None:
    function, expected = CORRUPTIONS[corruption]
    assert broken(snapshot) == set()
    corrupted = function(snapshot)
    assert broken(corrupted) == expected, [one.breaches for one in check(corrupted)]


async def test_what_was_reversed_twice_is_a_breach() -> None:
    """A store that forgets reversals lets it happen; what it says about them is right again afterwards."""
    store = ForgetsReversals()
    async with at_work(store) as app:
        payer, payee = await a_wallet(app, "100"), await a_wallet(app, "1000")
        moved = await app.execute(builders.transfer(payer.id, payee.id, "100"))
        for _ in range(2):
            await app.execute(ReverseTransaction(transaction_id=moved.id))
    counted = Original(transaction=moved, reversed_minor=200)
    assert broken(snapshot_of(store)._replace(originals=[counted])) >= {8}
    assert broken(snapshot_of(store)) >= {8}


def test_every_invariant_has_a_corruption() -> None:
    assert {one for _, numbers in CORRUPTIONS.values() for one in numbers} == {one.number for one in INVARIANTS}


async def test_all_breaches_are_counted_and_the_first_are_listed(snapshot: Snapshot) -> None:
    bad = [builders.wallet(customer_id=None, held=1, ledger_balance=0, sequence=0) for _ in range(25)]
    many = snapshot._replace(wallets=[*snapshot.wallets, *bad])
    [held] = [finding for finding in check(many) if finding.invariant.number == 4]
    assert (held.breach_count, len(held.breaches)) == (25, BREACHES_SHOWN_MAX)
    assert held.checked == len(many.wallets)
    assert all(str(wallet.id) in breach for wallet, breach in zip(bad, held.breaches, strict=False))
