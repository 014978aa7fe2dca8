"""Settings: an argument, else the environment variable, else the default."""

from datetime import timedelta
from pathlib import Path

import pytest

import tekana
from tekana import InvalidRequest, Settings
from tekana.application.commands.approvals.approvable import APPROVABLE
from tekana.application.commands.command import Struct
from tekana.bootstrap import MissingAdapter
from tekana.bootstrap.adapters import find_publisher, find_store
from tekana.bootstrap.hidden_secrets import hide_secrets
from tekana.bootstrap.settings import ROLES, Role
from tekana.cli.options import settings
from tekana.domain.approvals import ApprovalRules
from tekana.testing.session import session

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of no system


def test_defaults_apply_without_arguments_and_variables() -> None:
    assert Settings.from_environment({}) == Settings()
    assert (Settings().database_url, Settings().currency) == ("embedded://", "RWF")


def test_environment_variables_are_read() -> None:
    environment = {"TEKANA_DATABASE_URL": "memory://", "TEKANA_CURRENCY": "USD", "OTHER": "x"}
    assert Settings.from_environment(environment) == Settings(database_url="memory://", currency=tekana.Currency("USD"))


def test_arguments_override_environment_variables() -> None:
    environment = {"TEKANA_DATABASE_URL": "memory://", "TEKANA_CURRENCY": "USD"}
    settings = Settings.from_environment(environment, given={"currency": "KWD", "database_url": None})
    assert (settings.database_url, settings.currency) == ("memory://", "KWD")


def test_the_variables_of_settings_lead_to_the_same_settings() -> None:
    """A process passes its settings on to its workers as variables."""
    for given in (
        Settings(),
        Settings(keep_customers=0, access_log=0.5, tls_by_proxy=True, webhooks_allow_private=True, keep_events=1),
    ):
        assert Settings.from_environment({"TEKANA_KEEP_CUSTOMERS": "5"} | given.variables()) == given


def test_an_empty_variable_is_ignored_but_an_empty_argument_is_not() -> None:
    assert Settings.from_environment({"TEKANA_CURRENCY": ""}, given={"database_url": None}) == Settings()
    with pytest.raises(InvalidRequest):
        Settings.from_environment({}, given={"database_url": ""})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("currency", "XXX"), ("currency", "rwf"), ("database_url", "a folder")),
        *(("read_database_url", "a replica"), ("bus_url", "a bus")),
        ("role", "king"),
        *(("access_log", "1.5"), ("access_log", "-0.1"), ("access_log", "all")),
        *(("approvals", "AdjustBalances"), ("approvals", "AdjustBalance,DepositFunds"), ("approval_hours", "0")),
        *(("approval_hours", "8761"), ("approval_hours", "a day")),
        *(("keep_events", "0"), ("keep_events", "-1"), ("keep_events", "a month"), ("webhooks_allow_private", "maybe")),
    ],
)
def test_an_invalid_setting_is_named_in_the_error(field: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Settings.from_environment({f"TEKANA_{field.upper()}": value})
    assert [error.field for error in refused.value.errors] == [field]


def test_what_needs_an_approval() -> None:
    assert Settings().approval_rules == ApprovalRules(frozenset(), timedelta(hours=24))
    named = Settings.from_environment(
        {"TEKANA_APPROVALS": " AdjustBalance, ReactivateCustomer,", "TEKANA_APPROVAL_HOURS": "48"}
    )
    assert named.approval_rules == ApprovalRules(
        frozenset({"AdjustBalance", "ReactivateCustomer"}), timedelta(hours=48)
    )


def test_no_command_with_personal_data_can_need_an_approval() -> None:
    """An approval is kept for ever."""
    for kind in APPROVABLE.values():
        assert kind.has_personal_data is Struct.has_personal_data, "none of its instances has personal data"
        assert "secret_digest" not in kind.__struct_fields__


@pytest.mark.parametrize("role", [role for role in ROLES if role != "all"])
def test_every_role_except_all_requires_a_bus(role: Role) -> None:
    with pytest.raises(InvalidRequest, match="bus_url: is needed by the role"):
        Settings(role=role, bus_secret=SECRET)
    found = Settings(role=role, bus_url="kafka://host:9092", bus_secret=SECRET)
    assert found.has_clients == (role == "gateway")


@pytest.mark.parametrize("role", [role for role in ROLES if role != "all"])
def test_every_role_except_all_requires_a_secret_for_the_bus(role: Role) -> None:
    with pytest.raises(InvalidRequest, match=f"^bus_secret: is needed by the role {role}: set TEKANA_BUS_SECRET"):
        Settings(role=role, bus_url="kafka://host:9092")


def test_the_secret_of_the_bus_may_be_two_while_it_is_rotated() -> None:
    assert Settings().bus_secrets == ()
    assert Settings.from_environment({"TEKANA_BUS_SECRET": SECRET}).bus_secrets == (SECRET,)
    assert Settings(bus_secret=f"{SECRET}, {'x' * 32}").bus_secrets == (SECRET, "x" * 32)


@pytest.mark.parametrize("wrong", ["short", "x" * 31, f"{SECRET},", f"{SECRET},short", ",".join([SECRET] * 3), ","])
def test_a_short_secret_of_the_bus_is_refused_without_showing_it(wrong: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Settings.from_environment({"TEKANA_BUS_SECRET": wrong})
    assert [error.field for error in refused.value.errors] == ["bus_secret"]
    assert "at least 32 bytes" in str(refused.value)
    assert SECRET not in str(refused.value)


async def test_the_default_currency_is_used() -> None:
    settings = Settings(database_url="memory://", currency=tekana.Currency("KWD"))
    async with session(settings) as app:
        person = tekana.RegisterCustomer(full_name="A", email="a@example.com", phone_number="+250788123456")
        assert (await app.execute(person)).wallets[0].currency == "KWD"


def test_secrets_are_not_in_the_repr() -> None:
    settings = Settings(
        database_url="postgresql+asyncpg://user:s3cret/x@host/name?sslpassword=s3cret&application_name=x",
        read_database_url="postgresql://user:s3c@ret@replica/name",
        bus_url="kafka://user:s3cret@host:9092?security_protocol=SASL_SSL&password=s3cret",
        bus_secret=f"s3cret-{SECRET}",
    )
    assert "s3c" not in repr(settings)
    assert "//user:***@host/name?sslpassword=***&application_name=x" in repr(settings)
    assert repr(Settings()).startswith("Settings(database_url='embedded://', read_database_url=None, ")


@pytest.mark.parametrize("secret", ["it's-s3cret", 'a"s3cret', "a s3cret word", "s3cret/x", "s3c@ret", "a:s3cret"])
def test_a_password_with_special_characters_is_not_in_the_repr(secret: str) -> None:
    """Also where the URL is not valid: the error of a URL does not stop a log from showing the settings."""
    for url in (f"postgresql://user:{secret}@host/name", f"postgresql://host/name?password={secret}&sslmode=require"):
        assert "s3c" not in repr(Settings(database_url=url)), repr(Settings(database_url=url))
    assert "s3c" not in hide_secrets(f"cannot use 'postgresql://user:{secret.replace(' ', '')}@host/name'")


async def test_the_error_for_an_unknown_store_lists_the_installed_ones() -> None:
    with pytest.raises(MissingAdapter, match="memory"):
        async with session("carrier-pigeon://"):
            pass


async def test_an_entry_point_that_is_not_a_store_is_refused() -> None:
    with pytest.raises(MissingAdapter, match="object is no tekana store"):
        async with session(store=object()):  # type: ignore[arg-type]
            pass


def test_the_bus_url_is_read_and_validated() -> None:
    assert Settings().bus_url is None
    assert Settings.from_environment({"TEKANA_BUS_URL": ""}).bus_url is None
    assert Settings.from_environment({"TEKANA_BUS_URL": "kafka://one:1"}).bus_url == "kafka://one:1"
    given = {"bus_url": "kafka://two:2"}
    assert Settings.from_environment({"TEKANA_BUS_URL": "kafka://one:1"}, given=given).bus_url == "kafka://two:2"


@pytest.mark.parametrize("run_workers", [False, True])
async def test_an_invalid_bus_url_is_refused_by_processes_that_publish(run_workers: bool) -> None:
    """A process that does not publish ignores it."""
    settings = Settings(database_url="memory://", bus_url="kafka://nowhere")
    if not run_workers:
        async with session(settings):
            return
    with pytest.raises(InvalidRequest) as refused:
        async with session(settings, run_workers=True):
            pass
    assert [error.field for error in refused.value.errors] == ["bus_url"]


def test_a_publisher_is_found_by_its_scheme() -> None:
    found = find_publisher("kafka://127.0.0.1:9092,[::1]:9093")
    assert found.location == "Kafka at 127.0.0.1:9092, [::1]:9093"


def test_the_error_for_an_unknown_publisher_lists_the_installed_ones() -> None:
    with pytest.raises(MissingAdapter, match="there are: kafka"):
        find_publisher("carrier-pigeon://")


def test_an_entry_point_that_is_not_a_publisher_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tekana.bootstrap.adapters.load", lambda *_: lambda _: object())
    with pytest.raises(MissingAdapter, match="object is no tekana publisher"):
        find_publisher("kafka://127.0.0.1:9092")


@pytest.mark.parametrize("name", ["plain", "a b", "100%25", "what?", "a#b", "existing"])
@pytest.mark.parametrize("existing", [False, True])
def test_a_data_folder_may_have_any_name(tmp_path: Path, name: str, existing: bool) -> None:
    chosen = settings(None, tmp_path / name, existing=existing)
    assert find_store(chosen.database_url, None).location == str(tmp_path / name)


async def test_a_replica_is_refused_for_a_store_without_replicas() -> None:
    settings = Settings(database_url="memory://", read_database_url="memory://other")
    with pytest.raises(InvalidRequest, match="memory://, which has no replicas") as refused:
        async with session(settings):
            pass
    assert [error.field for error in refused.value.errors] == ["read_database_url"]


async def test_a_database_given_in_code_ignores_the_replica_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEKANA_READ_DATABASE_URL", "postgresql://replica/name")
    async with session("memory://"):
        pass
