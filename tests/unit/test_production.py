"""Which hosts are this machine, which secrets are weak, and which URLs of databases and brokers are safe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tekana.bootstrap.production import CHECKS, SECRETS, UnsafeForProduction, check_settings
from tekana.bootstrap.settings import Settings
from tekana.ports.production import is_local, weakness_of
from tekana_kafka.address import parse_address
from tekana_kafka.production import address_faults
from tekana_postgres.database_url import url_faults

EVERYWHERE = "0.0.0.0"  # noqa: S104 - not bound
PASSWORD = "0123456789abcdef"  # noqa: S105 - of no server


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LOCALHOST", "/run/postgresql"]
)
def test_this_machine_is_local(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize(
    "host", ["", EVERYWHERE, "::", "10.0.0.1", "db.example", "localhost.example", "127.0.0.1.example", "@db"]
)
def test_other_machines_are_not_local(host: str) -> None:
    assert not is_local(host)


def test_short_and_simple_secrets_are_weak() -> None:
    assert weakness_of("x" * 15) == "is shorter than 16 characters"
    assert weakness_of("change" * 4) == "has fewer than 8 different characters"
    assert weakness_of(PASSWORD) is None
    assert weakness_of(PASSWORD, 32) == "is shorter than 32 characters"


ISSUER: dict[str, Any] = {"token_issuer": "https://wallets.example", "token_audience": "wallets"}


def test_tokens_need_an_issuer_and_an_audience_of_their_own() -> None:
    with pytest.raises(UnsafeForProduction) as refused:
        check_settings(Settings(env="production"), host="127.0.0.1")
    assert [error.field for error in refused.value.errors] == ["token_issuer", "token_audience"]
    check_settings(Settings(env="production"))  # a relay issues none
    bus: dict[str, Any] = {"bus_url": "kafka://127.0.0.1", "bus_secret": 4 * PASSWORD}
    for role in ("customer", "gateway"):
        with pytest.raises(UnsafeForProduction) as refused:
            check_settings(Settings(**bus, env="production", role=role), host="127.0.0.1")
        assert [error.field for error in refused.value.errors] == ["token_issuer", "token_audience"]
        check_settings(Settings(**bus, **ISSUER, env="production", role=role), host="127.0.0.1")
    check_settings(Settings(**bus, env="production", role="wallet"), host="127.0.0.1")
    check_settings(Settings(**ISSUER, env="production"), host="127.0.0.1")


@pytest.mark.parametrize("url", ["console://", "file:///var/log/codes", "memory://"])
def test_senders_that_show_one_time_codes_are_refused(url: str) -> None:
    with pytest.raises(UnsafeForProduction, match="message_sender: must be a sender of SMS or email"):
        check_settings(Settings(env="production", message_sender=url))


SAFE = [
    "postgresql://u@/x",
    f"postgresql://u:{PASSWORD}@127.0.0.1/x",
    f"postgresql://u:{PASSWORD}@[::1]:5432/x?sslmode=require",
    "postgresql://u@/x?host=/run/postgresql",
    f"postgresql://u:{PASSWORD}@db.example/x?sslmode=verify-full&sslrootcert=/ca.pem",
]
UNSAFE = [
    ("postgresql://u@db.example/x", "db.example, not sslmode=prefer"),
    ("postgresql://u@db.example:5433/x?sslmode=disable", "db.example, not sslmode=disable"),
    ("postgresql://u@db.example/x?sslmode=verify-ca", "db.example, not sslmode=verify-ca"),
    ("postgresql://u@/x?host=db.example&ssl=require", "db.example, not sslmode=require"),
    ("postgresql://u@127.0.0.1:1,[2001:db8::1]:2/x", "2001:db8::1, not sslmode=prefer"),
    ("postgresql://u@/x?service=wallets", "a service, not sslmode=prefer"),
    ("postgresql://u@%40db.example/x", "@db.example, not sslmode=prefer"),
    ("postgresql://u:local@/x", "has a password that is shorter than 16 characters"),
]


@pytest.mark.parametrize("url", SAFE)
def test_a_safe_database_url_has_no_faults(url: str) -> None:
    assert list(url_faults(url, "database_url", {})) == []


@pytest.mark.parametrize(("url", "message"), UNSAFE)
def test_an_unsafe_database_url_has_a_fault(url: str, message: str) -> None:
    (fault,) = url_faults(url, "read_database_url", {})
    assert fault.field == "read_database_url"
    assert fault.message.endswith(message)


def test_the_variables_of_libpq_count() -> None:
    remote = {"PGHOST": "db.example", "PGPASSWORD": "local"}
    assert [fault.message for fault in url_faults("postgresql://u@/x", "database_url", remote)] == [
        "must have sslmode=verify-full and sslrootcert for db.example, not sslmode=prefer",
        "has a password that is shorter than 16 characters",
    ]
    assert list(url_faults("postgresql://u@db.example/x", "database_url", {"PGSSLMODE": "verify-full"})) == []
    assert len(list(url_faults("postgresql://u@db.example/x?sslmode=prefer", "x", {"PGSSLMODE": "verify-full"}))) == 1


def test_a_service_counts_before_the_variables_of_libpq() -> None:
    """asyncpg takes the host and sslmode of the service file, and the variables only where it has none."""
    url = "postgresql://u@/x?service=wallets"
    for variables in ({"PGHOST": "/run/postgresql"}, {"PGSSLMODE": "verify-full"}, {"PGHOST": "::1"}):
        (fault,) = url_faults(url, "database_url", variables)
        assert fault.message.endswith("for a service, not sslmode=prefer")
    assert list(url_faults(f"{url}&sslmode=verify-full", "database_url", {})) == []
    assert list(url_faults(f"{url}&host=/run/postgresql", "database_url", {})) == []
    (fault,) = url_faults("postgresql://u@/x", "database_url", {"PGSERVICE": "wallets"})
    assert fault.message.endswith("for a service, not sslmode=prefer")


def test_brokers_on_other_machines_need_tls() -> None:
    assert address_faults(parse_address("kafka://127.0.0.1:9092,[::1]:9093,localhost:9094")) == []
    (fault,) = address_faults(parse_address("kafka://127.0.0.1:9092,kafka.example:9092"))
    assert fault == ("bus_url", "has no TLS to kafka.example:9092")
    assert address_faults(parse_address("kafka://kafka.example:9093?security_protocol=SSL")) == []
    url = "kafka://u:{}@kafka.example:9093?security_protocol=SASL_SSL"
    assert address_faults(parse_address(url.format(PASSWORD))) == []
    (fault,) = address_faults(parse_address(url.format("local")))
    assert fault == ("bus_url", "has a password that is shorter than 16 characters")


def test_the_proxies_have_to_be_known_if_addresses_have_a_limit() -> None:
    behind = Settings(**ISSUER, env="production", tls_by_proxy=True)
    with pytest.raises(UnsafeForProduction, match="trusted_proxies: is missing: with tls_by_proxy, all callers"):
        check_settings(behind)
    check_settings(replace(behind, rate_limit_address="off"))
    check_settings(replace(behind, trusted_proxies="10.0.0.0/8"))


def test_nothing_is_refused_in_development() -> None:
    check_settings(Settings(database_url="memory://", docs="on", cors_origins="*"), host=EVERYWHERE)


def test_every_check_names_a_setting_or_a_variable() -> None:
    settings = Settings()
    assert all(hasattr(settings, name) or name.startswith("PYTHON") for name in (*CHECKS, *SECRETS))
    for name in SECRETS:
        assert PASSWORD not in repr(Settings.from_environment({f"TEKANA_{name.upper()}": 2 * PASSWORD}))


@pytest.mark.parametrize(
    ("settings", "is_refused"),
    [
        (Settings(**ISSUER, env="production"), True),
        (Settings(**ISSUER, env="production", tls_by_proxy=True, trusted_proxies="127.0.0.1"), False),
        (Settings(**ISSUER, env="production", tls_cert="c", tls_key="k"), False),
    ],
)
def test_http_in_clear_is_refused_on_the_network_only(settings: Settings, is_refused: bool) -> None:
    check_settings(settings, host="127.0.0.1")
    check_settings(settings)
    if is_refused:
        with pytest.raises(UnsafeForProduction, match="tls_cert: is missing"):
            check_settings(settings, host="10.0.0.1")
    else:
        check_settings(settings, host="10.0.0.1")
