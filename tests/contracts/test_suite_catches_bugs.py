"""A checker that was never shown a bug proves nothing: each of these broken stores has to fail the suite.

The tests are called as pytest would call them, and audited at the end as the suite does. That they pass on the sound
store is what tests/contracts/test_memory_store.py shows.
"""

import asyncio
import inspect
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tekana.domain.errors import TekanaError
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts import StoreContract
from tekana.testing.contracts.fixtures import at_work
from tekana.testing.contracts.ledger_checks import assert_whole
from tekana_memory import MemoryStore
from tests.contracts.broken_stores import (
    AlwaysLeadsOn,
    CountsFromTheStart,
    DecidesAgain,
    DropsTheLast,
    EventsOutOfOrder,
    ForgetsRefusals,
    ForgetsToFreeContacts,
    HandsOutOriginals,
    IncludesTheEnd,
    JustBefore,
    KeepsOnlyTransactionsKeys,
    KeysElsewhere,
    LateEvents,
    LosesAnEvent,
    NoHouse,
    NoLock,
    NoOutbox,
    OldestFirst,
    PleasedWithItself,
    PostedOnly,
    SavesAtTheEnd,
    SavesByHalves,
    SharesContacts,
    SharesKeys,
    SloppyKeys,
    TakesAnyCursor,
    WallClock,
    broken_reader,
)

CAUGHT: list[tuple[type[MemoryStore], Callable[..., Any]]] = [
    (NoLock, StoreContract.test_a_lock_keeps_others_out),
    (NoLock, StoreContract.test_parallel_changes_of_one_wallet_lose_nothing),
    (NoLock, StoreContract.test_units_that_race_for_a_key_have_one_effect),
    (HandsOutOriginals, StoreContract.test_a_unit_without_save_never_happened),
    (HandsOutOriginals, StoreContract.test_an_exception_takes_everything_back),
    (HandsOutOriginals, StoreContract.test_a_preview_keeps_nothing),
    (SavesByHalves, StoreContract.test_cancelling_takes_everything_back),
    (SavesAtTheEnd, StoreContract.test_what_is_saved_stays_whatever_comes_after),
    (KeysElsewhere, StoreContract.test_a_refusal_is_repeated_as_it_was),
    (KeysElsewhere, StoreContract.test_one_of_64_spenders_wins),
    (KeepsOnlyTransactionsKeys, StoreContract.test_a_batchs_key_serves_one_batch),
    (ForgetsRefusals, StoreContract.test_an_atomic_batch_leaves_no_trace_but_its_refusals),
    (ForgetsRefusals, StoreContract.test_a_refusal_is_repeated_as_it_was),
    (DecidesAgain, StoreContract.test_a_replay_shows_things_as_they_were),
    (SharesKeys, StoreContract.test_a_key_belongs_to_a_caller),
    (SloppyKeys, StoreContract.test_odd_keys_are_kept_apart),
    (ForgetsToFreeContacts, StoreContract.test_a_closed_customer_gives_them_back),
    (SharesContacts, StoreContract.test_one_of_many_updates_wins),
    (NoHouse, StoreContract.test_money_goes_round_and_none_is_lost),
    (WallClock, StoreContract.test_the_balance_at_exact_times),
    (NoOutbox, StoreContract.test_a_hot_wallet_keeps_up),
    (EventsOutOfOrder, StoreContract.test_a_hot_wallet_keeps_up),
    (LateEvents, StoreContract.test_followers_miss_nothing),
    (broken_reader("wallets", DropsTheLast), StoreContract.test_a_wallets_history),
    (broken_reader("wallets", JustBefore), StoreContract.test_the_balance_at_exact_times),
    (broken_reader("transactions", CountsFromTheStart), StoreContract.test_transaction_pages_while_more_come),
    (broken_reader("transactions", OldestFirst), StoreContract.test_transactions_by_every_filter),
    (broken_reader("transactions", IncludesTheEnd), StoreContract.test_transactions_by_every_filter),
    (broken_reader("transactions", PostedOnly), StoreContract.test_refused_currency_and_wallet_are_findable),
    (broken_reader("customers", TakesAnyCursor), StoreContract.test_cursors_that_were_never_given_out),
    (broken_reader("events", LosesAnEvent), StoreContract.test_followers_miss_nothing),
    (broken_reader("events", AlwaysLeadsOn), StoreContract.test_the_end_leads_on_when_more_happens),
    (PleasedWithItself, StoreContract.test_a_started_store_is_ready),
]


@pytest.mark.parametrize(("store", "test"), CAUGHT, ids=lambda one: one.__name__)
async def test_the_suite_catches(store: type[MemoryStore], test: Callable[..., Any]) -> None:
    await run(test, MemoryStore)
    with pytest.raises((AssertionError, pytest.fail.Exception, TekanaError)):
        await run(test, store)


async def run(test: Callable[..., Any], kind: type[MemoryStore]) -> None:
    """Call a test of the suite with its fixtures, and audit the store at the end. The last parameters stand for all."""
    clock = FrozenClock()
    store = kind(clock=clock)
    async with AsyncExitStack() as stack:
        apps = [await stack.enter_async_context(at_work(store)) for _ in range(4)]
        fixtures = {"clock": clock, "store": store, "stores": [store], "app": apps[0], "crew": apps}
        arguments = {**fixtures, **_last_parameters(test)}
        wanted = [name for name in inspect.signature(test).parameters if name != "self"]
        async with asyncio.timeout(20):
            await test(StoreContract(), **{name: arguments[name] for name in wanted})
    await assert_whole(store)


def _last_parameters(test: Callable[..., Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for mark in getattr(test, "pytestmark", []):
        names = mark.args[0] if isinstance(mark.args[0], tuple) else (mark.args[0],)
        last = mark.args[1][-1] if isinstance(mark.args[0], tuple) else (mark.args[1][-1],)
        found |= dict(zip(names, last, strict=True))
    return found


PARTNER = """
import pytest_asyncio
from tekana_memory import MemoryStore
from tekana.testing.contracts import StoreContract

class Forgetful(MemoryStore):
    async def migrate(self):
        return ["a step that was taken before"]

class TestSound(StoreContract):
    @pytest_asyncio.fixture
    async def store(self, clock):
        yield MemoryStore(clock=clock)

class TestForgetful(StoreContract):
    @pytest_asyncio.fixture
    async def store(self, clock):
        yield Forgetful(clock=clock)

class TestOverdrawn(StoreContract):
    @pytest_asyncio.fixture
    async def store(self, clock):
        yield MemoryStore(clock=clock)

    async def test_of_my_own(self, app, store):
        from tekana.testing.contracts.helpers import a_wallet
        wallet = await a_wallet(app)
        store._state.wallets[wallet.id].ledger_balance = -1
"""


def test_as_a_partner_runs_it(tmp_path: Path) -> None:
    """In a project with pytest-asyncio in its strict mode: what fails fails, the audit at the end included."""
    (tmp_path / "test_partner.py").write_text(PARTNER)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--asyncio-mode=strict"]
        + ["-o", "asyncio_default_fixture_loop_scope=function", "-k"]
        + ["migrating or ready or own or another or stopping", str(tmp_path), "-rA", "-c", "/dev/null"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    summary = [line for line in done.stdout.splitlines() if line.startswith(("PASSED", "FAILED", "ERROR"))]
    told = sorted(line.replace("test_partner.py::", "").split(" - ")[0] for line in summary)
    assert told == [
        "ERROR TestOverdrawn::test_of_my_own",
        "FAILED TestForgetful::test_migrating_again_does_nothing",
        "PASSED TestForgetful::test_a_started_store_is_ready",
        "PASSED TestOverdrawn::test_a_started_store_is_ready",
        "PASSED TestOverdrawn::test_migrating_again_does_nothing",
        "PASSED TestOverdrawn::test_of_my_own",
        "PASSED TestSound::test_a_started_store_is_ready",
        "PASSED TestSound::test_migrating_again_does_nothing",
    ], done.stdout + done.stderr
