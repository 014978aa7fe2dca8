"""The store contract suite detects each of these bugs.

The tests are called as pytest calls them, and the store is audited at the end as the suite does.
tests/contracts/test_memory_store.py shows that the same tests pass on a correct store.
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
from tekana.testing.builders import person
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts import DataKeysContract, SignInContract, StoreContract, WebhooksContract
from tekana.testing.contracts.fixtures import at_work
from tekana.testing.contracts.ledger_checks import assert_whole
from tekana_memory import MemoryStore
from tests.contracts.broken_approvals import (
    ForgetsDecisions,
    ForgetsWhoAsked,
    IgnoresTheStatus,
    NeverExpires,
    ShowsApprovalsOfAllTenants,
)
from tests.contracts.broken_audit_logs import (
    DropsEntriesOfRefusals,
    IgnoresNewestFirst,
    IncludesTheEnd,
    KeepsTheTimeOfTheProcess,
    LosesTheStateBefore,
)
from tests.contracts.broken_data_keys import AddsASecondCurrentKey, OverwritesAnyText, SharesKeysAmongPurposes
from tests.contracts.broken_holds import (
    ExpiresHoldsEarly,
    ForgetsChangesOfHolds,
    RepeatsHoldsAsTheyAre,
    ShowsHoldsAsAuthorized,
    SortsDueHoldsById,
)
from tests.contracts.broken_personal_data import (
    FindsErasedByContact,
    ForgetsAnswersAboutWallets,
    ForgetsApprovalsOfWallets,
    KeepsAnswersOfErased,
    KeepsSignInOfErased,
    ShowsWhoActed,
)
from tests.contracts.broken_reversals import (
    CountsTooLittle,
    ForgetsHoldsForPayers,
    ForgetsReversals,
    GivesNothingBack,
    UnlinksReversals,
)
from tests.contracts.broken_sign_in_stores import (
    AcceptsAnyCode,
    AddsEntriesOfFailures,
    BeginsFamiliesOfAll,
    FindsClosedOwners,
    FindsOwnersOfAnyTenant,
    ForgetsWhatWasCompared,
    KeepsFamilies,
    KeepsFamiliesOfSuspended,
    LinksTwice,
    LosesAttempts,
    LosesEntries,
    ReplacesKeys,
    RotatesTwice,
    SendsAnyNumber,
    SharesIdentities,
    broken_sign_in,
)
from tests.contracts.broken_stores import (
    AcceptsAnyCursor,
    AllowsDuplicateContacts,
    AlwaysReturnsCursor,
    AuditsNothing,
    ComparesMetadataAsText,
    DropsKeysOfBatches,
    DropsKeysOfRefusals,
    DropsLastEntry,
    ExcludesExactTime,
    ExportsTheEnd,
    IgnoresClock,
    IgnoresContent,
    IgnoresTheOrder,
    IncludesTheEndInStatements,
    IncludesUpperBound,
    InsertsEventsLate,
    LeavesOutTheHouse,
    ListsPostedOnly,
    LosesEvent,
    NeverReleasesContacts,
    NoLock,
    NormalizesKeys,
    PagesByOffset,
    RecreatesHouseWallets,
    ReplaysPresentState,
    ReturnsSharedObjects,
    ReversesEvents,
    SavesAtExit,
    SavesInTwoParts,
    SharesContactsAmongTenants,
    SharesKeysAmongCallers,
    ShowsAllEntries,
    ShowsKeysOfAll,
    ShowsTheBalanceOfNow,
    SkipsOutboxEvents,
    SortsOldestFirst,
    StoresKeysEarly,
    broken_reader,
    open_to_all,
)
from tests.contracts.broken_webhook_stores import ClaimsTwice, DeliversToDisabledEndpoints, LosesADelivery

CAUGHT: list[tuple[type[MemoryStore], Callable[..., Any]]] = [
    (NoLock, StoreContract.test_a_lock_keeps_others_out),
    (NoLock, StoreContract.test_parallel_changes_of_one_wallet_lose_nothing),
    (NoLock, StoreContract.test_units_that_race_for_a_key_have_one_effect),
    (ReturnsSharedObjects, StoreContract.test_a_unit_without_save_never_happened),
    (ReturnsSharedObjects, StoreContract.test_an_exception_takes_everything_back),
    (ReturnsSharedObjects, StoreContract.test_a_preview_keeps_nothing),
    (SavesInTwoParts, StoreContract.test_cancelling_takes_everything_back),
    (SavesAtExit, StoreContract.test_what_is_saved_stays_whatever_comes_after),
    (StoresKeysEarly, StoreContract.test_a_refusal_is_repeated_as_it_was),
    (StoresKeysEarly, StoreContract.test_one_of_64_spenders_wins),
    (DropsKeysOfBatches, StoreContract.test_a_batchs_key_serves_one_batch),
    (DropsKeysOfRefusals, StoreContract.test_an_atomic_batch_leaves_no_trace_but_its_refusals),
    (DropsKeysOfRefusals, StoreContract.test_a_refusal_is_repeated_as_it_was),
    (ReplaysPresentState, StoreContract.test_a_replay_shows_things_as_they_were),
    (SharesKeysAmongCallers, StoreContract.test_a_key_belongs_to_a_caller),
    (NormalizesKeys, StoreContract.test_odd_keys_are_kept_apart),
    (NeverReleasesContacts, StoreContract.test_a_closed_customer_gives_them_back),
    (AllowsDuplicateContacts, StoreContract.test_one_of_many_updates_wins),
    (RecreatesHouseWallets, StoreContract.test_money_goes_round_and_none_is_lost),
    (IgnoresClock, StoreContract.test_the_balance_at_exact_times),
    (SkipsOutboxEvents, StoreContract.test_a_hot_wallet_keeps_up),
    (ReversesEvents, StoreContract.test_a_hot_wallet_keeps_up),
    (InsertsEventsLate, StoreContract.test_followers_miss_nothing),
    (broken_reader("wallets", DropsLastEntry), StoreContract.test_a_wallets_history),
    (broken_reader("wallets", ExcludesExactTime), StoreContract.test_the_balance_at_exact_times),
    (
        broken_reader("wallets", IncludesTheEndInStatements),
        StoreContract.test_a_statement_of_any_period_equals_the_entries,
    ),
    (broken_reader("reports", ShowsTheBalanceOfNow), StoreContract.test_the_trial_balance_at_any_time),
    (broken_reader("reports", LeavesOutTheHouse), StoreContract.test_the_trial_balance_at_any_time),
    (ExportsTheEnd, StoreContract.test_the_journal_of_any_period),
    (broken_reader("transactions", PagesByOffset), StoreContract.test_transaction_pages_while_more_come),
    (broken_reader("transactions", SortsOldestFirst), StoreContract.test_transactions_by_every_filter),
    (broken_reader("transactions", IncludesUpperBound), StoreContract.test_transactions_by_every_filter),
    (broken_reader("transactions", ListsPostedOnly), StoreContract.test_refused_currency_and_wallet_are_findable),
    (broken_reader("transactions", IgnoresTheOrder), StoreContract.test_both_orders),
    (broken_reader("transactions", IgnoresContent), StoreContract.test_transactions_by_currency_and_amount),
    (broken_reader("transactions", IgnoresContent), StoreContract.test_by_metadata),
    (broken_reader("wallets", ComparesMetadataAsText), StoreContract.test_by_metadata),
    (broken_reader("outcomes", ShowsKeysOfAll), StoreContract.test_keys_of_other_callers_are_not_found),
    (broken_reader("customers", AcceptsAnyCursor), StoreContract.test_cursors_that_were_never_given_out),
    (broken_reader("events", LosesEvent), StoreContract.test_followers_miss_nothing),
    (broken_reader("events", AlwaysReturnsCursor), StoreContract.test_the_end_leads_on_when_more_happens),
    (open_to_all("customers"), StoreContract.test_what_is_foreign_is_read_like_what_does_not_exist),
    (open_to_all("wallets"), StoreContract.test_what_is_foreign_is_read_like_what_does_not_exist),
    (open_to_all("transactions"), StoreContract.test_what_is_foreign_is_read_like_what_does_not_exist),
    (open_to_all("customers"), StoreContract.test_lists_have_what_is_accessible_only),
    (open_to_all("wallets"), StoreContract.test_lists_have_what_is_accessible_only),
    (open_to_all("transactions"), StoreContract.test_attempts_of_others_are_not_shown_to_customers),
    (open_to_all("events"), StoreContract.test_events_belong_to_the_tenant_of_their_object),
    (broken_reader("transactions", ShowsAllEntries), StoreContract.test_customers_see_their_own_entries_only),
    (SharesContactsAmongTenants, StoreContract.test_each_tenant_has_contacts_of_its_own),
    (ForgetsDecisions, StoreContract.test_what_is_approved_is_executed_once_in_the_name_of_the_asker),
    (ForgetsDecisions, StoreContract.test_of_many_decisions_at_once_one_counts),
    (NoLock, StoreContract.test_units_that_race_to_decide_have_one_effect),
    (ForgetsWhoAsked, StoreContract.test_the_one_who_asked_cannot_decide),
    (NeverExpires, StoreContract.test_it_expires),
    (ShowsApprovalsOfAllTenants, StoreContract.test_approvals_belong_to_a_tenant),
    (IgnoresTheStatus, StoreContract.test_approvals_in_pages),
    (ForgetsChangesOfHolds, StoreContract.test_a_hold_is_read_in_its_present_state),
    (ForgetsChangesOfHolds, StoreContract.test_of_captures_voids_and_expiry_one_wins),
    (RepeatsHoldsAsTheyAre, StoreContract.test_answers_about_a_hold_are_repeated_as_they_were),
    (broken_reader("transactions", ShowsHoldsAsAuthorized), StoreContract.test_a_hold_is_read_in_its_present_state),
    (broken_reader("transactions", ShowsHoldsAsAuthorized), StoreContract.test_holds_by_their_status),
    (open_to_all("transactions"), StoreContract.test_holds_of_others_are_not_found),
    (ExpiresHoldsEarly, StoreContract.test_due_holds_in_pages),
    (SortsDueHoldsById, StoreContract.test_due_holds_in_pages),
    (NoLock, StoreContract.test_units_that_race_for_a_hold_have_one_effect),
    (ForgetsReversals, StoreContract.test_parts_sum_to_at_most_the_original),
    (ForgetsReversals, StoreContract.test_of_many_that_reverse_a_whole_transaction_one_wins),
    (CountsTooLittle, StoreContract.test_parts_sum_to_at_most_the_original),
    (UnlinksReversals, StoreContract.test_a_reversal_is_the_mirror_image_of_its_original),
    (ForgetsHoldsForPayers, StoreContract.test_what_is_held_for_the_payer_cannot_be_reversed),
    (GivesNothingBack, StoreContract.test_a_reversal_leaves_no_usage),
    (NoLock, StoreContract.test_units_that_race_to_reverse_or_hold_have_one_effect),
    (DropsEntriesOfRefusals, StoreContract.test_a_refused_command_is_recorded),
    (LosesTheStateBefore, StoreContract.test_a_privileged_command_is_recorded_with_what_it_changed),
    (KeepsTheTimeOfTheProcess, StoreContract.test_an_entry_outside_a_unit_of_work_gets_the_time_of_the_store),
    (broken_reader("audit_log", IncludesTheEnd), StoreContract.test_entries_are_found_by_each_filter),
    (broken_reader("audit_log", IgnoresNewestFirst), StoreContract.test_pages_have_every_entry_once_in_both_orders),
    (open_to_all("audit_log"), StoreContract.test_a_tenant_sees_its_own_entries_and_an_operator_all),
    (broken_reader("personal_data", ShowsWhoActed), StoreContract.test_entries_about_a_customer_and_of_their_own_acts),
    (broken_reader("personal_data", ForgetsApprovalsOfWallets), StoreContract.test_approvals_about_a_customer),
    (
        broken_reader("personal_data", ForgetsAnswersAboutWallets),
        StoreContract.test_stored_answers_with_data_of_a_customer,
    ),
    (open_to_all("personal_data"), StoreContract.test_personal_data_of_others_are_not_found),
    (KeepsAnswersOfErased, StoreContract.test_answers_with_data_of_an_erased_customer_are_gone),
    (broken_reader("customers", FindsErasedByContact), StoreContract.test_an_erased_customer_is_not_found_by_contact),
    (KeepsSignInOfErased, SignInContract.test_an_erased_customer_has_nothing_to_sign_in_with),
    (AuditsNothing, StoreContract.test_a_started_store_is_ready),
    (LosesADelivery, WebhooksContract.test_a_stream_is_delivered_one_by_one_in_its_order),
    (LosesADelivery, WebhooksContract.test_the_log),
    (DeliversToDisabledEndpoints, WebhooksContract.test_nothing_is_claimed_for_an_endpoint_that_is_not_active),
    (ClaimsTwice, WebhooksContract.test_capacity_and_claims_that_end),
    (AddsASecondCurrentKey, DataKeysContract.test_a_purpose_keeps_its_first_key),
    (AddsASecondCurrentKey, DataKeysContract.test_of_many_at_once_one_adds),
    (SharesKeysAmongPurposes, DataKeysContract.test_each_purpose_has_its_own_key),
    (broken_sign_in("customer_credentials", FindsOwnersOfAnyTenant), SignInContract.test_the_owner_of_a_contact),
    (broken_sign_in("customer_credentials", FindsClosedOwners), SignInContract.test_the_owner_of_a_contact),
    (broken_sign_in("customer_credentials", LosesAttempts), SignInContract.test_updates_at_once_are_all_counted),
    (
        broken_sign_in("customer_credentials", KeepsFamilies),
        SignInContract.test_a_new_credential_ends_families_and_codes,
    ),
    (
        broken_sign_in("customer_credentials", AcceptsAnyCode),
        SignInContract.test_a_new_credential_ends_families_and_codes,
    ),
    (
        broken_sign_in("customer_credentials", AcceptsAnyCode),
        SignInContract.test_several_codes_at_once_set_one_credential,
    ),
    (
        broken_sign_in("customer_credentials", ForgetsWhatWasCompared),
        SignInContract.test_a_credential_is_not_replaced_by_one_that_was_replaced,
    ),
    (
        broken_sign_in("refresh_families", BeginsFamiliesOfAll),
        SignInContract.test_families_begin_for_active_customers_with_the_compared_credential,
    ),
    (broken_sign_in("refresh_families", BeginsFamiliesOfAll), SignInContract.test_families_are_bounded),
    (broken_sign_in("refresh_families", RotatesTwice), SignInContract.test_one_of_many_rotations_at_once),
    (KeepsFamiliesOfSuspended, SignInContract.test_suspension_and_closing_end_families),
    (broken_sign_in("one_time_codes", SendsAnyNumber), SignInContract.test_codes),
    (broken_sign_in("signing_keys", ReplacesKeys), SignInContract.test_signing_keys),
    (broken_sign_in("identities", SharesIdentities), SignInContract.test_identities),
    (broken_sign_in("identities", LinksTwice), SignInContract.test_identities),
    (
        broken_sign_in("customer_credentials", LosesEntries),
        SignInContract.test_what_changes_is_saved_with_its_entry,
    ),
    (
        broken_sign_in("identities", AddsEntriesOfFailures),
        SignInContract.test_what_changes_nothing_adds_no_entry,
    ),
    (OverwritesAnyText, DataKeysContract.test_a_wrapped_key_is_replaced_once),
]


class Suite(StoreContract, WebhooksContract, DataKeysContract, SignInContract):
    """All contracts of a store."""


@pytest.mark.parametrize(("store", "test"), CAUGHT, ids=lambda one: one.__name__)
async def test_the_suite_detects_the_bug(store: type[MemoryStore], test: Callable[..., Any]) -> None:
    await run(test, MemoryStore)
    with pytest.raises((AssertionError, pytest.fail.Exception, TekanaError)):
        await run(test, store)


async def run(test: Callable[..., Any], kind: type[MemoryStore]) -> None:
    """Call a test of the suite with its fixtures and its last parameters, and audit the store at the end."""
    clock = FrozenClock()
    store = kind(clock=clock)
    async with AsyncExitStack() as stack:
        apps = [await stack.enter_async_context(at_work(store)) for _ in range(4)]
        fixtures = {"clock": clock, "store": store, "stores": [store], "app": apps[0], "crew": apps}
        arguments = {**fixtures, **_last_parameters(test)}
        if "customer_id" in inspect.signature(test).parameters:
            arguments["customer_id"] = (await apps[0].execute(person())).customer.id
        wanted = [name for name in inspect.signature(test).parameters if name != "self"]
        async with asyncio.timeout(60):
            await test(Suite(), **{name: arguments[name] for name in wanted})
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
from tekana.testing.contracts import StoreContract, WebhooksContract

class Forgetful(MemoryStore):
    async def migrate(self):
        return ["a step that was done before"]

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

    async def test_that_overdraws(self, app, store):
        from tekana.testing.contracts.helpers import a_wallet
        wallet = await a_wallet(app)
        store._state.wallets[wallet.id].ledger_balance = -1
"""


def test_the_suite_runs_in_a_partners_project(tmp_path: Path) -> None:
    """With pytest-asyncio in strict mode, failures are reported, including those of the final audit."""
    (tmp_path / "test_partner.py").write_text(PARTNER)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--asyncio-mode=strict"]
        + ["-o", "asyncio_default_fixture_loop_scope=function", "-k"]
        + ["migrating or ready or overdraws or another or stopping", str(tmp_path), "-rA", "-c", "/dev/null"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    summary = [line for line in done.stdout.splitlines() if line.startswith(("PASSED", "FAILED", "ERROR"))]
    outcomes = sorted(line.replace("test_partner.py::", "").split(" - ")[0] for line in summary)
    assert outcomes == [
        "ERROR TestOverdrawn::test_that_overdraws",
        "FAILED TestForgetful::test_migrating_again_does_nothing",
        "PASSED TestForgetful::test_a_started_store_is_ready",
        "PASSED TestOverdrawn::test_a_started_store_is_ready",
        "PASSED TestOverdrawn::test_migrating_again_does_nothing",
        "PASSED TestOverdrawn::test_that_overdraws",
        "PASSED TestSound::test_a_started_store_is_ready",
        "PASSED TestSound::test_migrating_again_does_nothing",
    ], done.stdout + done.stderr
