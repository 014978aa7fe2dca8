"""The parser of the files of docker/, and the mapping of addresses to this machine."""

from __future__ import annotations

import pytest

from tests.docker.compose_file import REQUIRED, Service, services
from tests.docker.containers import Network
from tests.docker.dockerfile import image


def service(name: str, published: dict[int, int]) -> Service:
    return Service(
        name, image="", ours=False, command=[], environment={}, check=None, depends_on={}, published=published
    )


def test_services_are_in_order_of_dependency() -> None:
    seen: set[str] = set()
    for one in services(REQUIRED):
        assert set(one.depends_on) <= seen
        seen.add(one.name)


def test_an_unset_or_empty_variable_has_its_default() -> None:
    def database(variables: dict[str, str]) -> str:
        [migrate] = [one for one in services(REQUIRED | variables) if one.name == "migrate"]
        return migrate.environment["TEKANA_DATABASE_URL"]

    assert database({}) == "postgresql+asyncpg://tekana:local@postgres:5432/tekana"
    assert database({"POSTGRES_PASSWORD": ""}) == database({})
    assert database({"POSTGRES_PASSWORD": "x"}) == "postgresql+asyncpg://tekana:x@postgres:5432/tekana"


@pytest.mark.parametrize("wrong", ["${NAME}", "$NAME", "${NAME:?}"])
def test_a_variable_without_a_default_is_an_error(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setattr("tests.docker.compose_file.yaml.safe_load", lambda _: {"services": {"one": {"image": wrong}}})
    with pytest.raises(AssertionError, match="without a default"):
        services({})


def test_a_required_variable_is_an_error_without_a_value() -> None:
    for missing in ({}, {"TEKANA_BUS_SECRET": ""}):
        with pytest.raises(AssertionError, match="TEKANA_BUS_SECRET is not set: run openssl rand -hex 32"):
            services(missing)


def test_a_tekana_service_inherits_entrypoint_and_environment_of_its_image() -> None:
    for one in services(REQUIRED):
        if one.ours:
            assert one.command[:1] == image().entrypoint
            assert one.environment.items() >= image().environment.items()
    assert {one.name for one in services(REQUIRED) if one.ours and one.check is None} == {
        "migrate",
        "relay",
        "webhooks",
    }


def test_addresses_are_replaced_by_local_ports() -> None:
    door, bus = service("door", {3333: 45678}), service("bus", {})
    network = Network([door, bus])
    assert network.to_local(door, "http://127.0.0.1:3333/x") == "http://127.0.0.1:45678/x"
    assert network.to_local(bus, "http://door:3333") == "http://127.0.0.1:45678"
    port = network.port(bus, 9092)
    assert network.to_local(door, "kafka://bus:9092") == f"kafka://127.0.0.1:{port}"
    listens = "ONE://:9092,OTHER://bus:9092 1@127.0.0.1:9092 </dev/tcp/127.0.0.1/9092"
    here = f"127.0.0.1:{port}"
    assert network.to_local(bus, listens) == f"ONE://{here},OTHER://{here} 1@{here} </dev/tcp/127.0.0.1/{port}"
    assert network.port(door, 9092) != port
    assert network.to_local(door, "ratio 1:9092, bus:9092 outside a URL") == "ratio 1:9092, bus:9092 outside a URL"


def test_the_address_of_postgresql_is_replaced_by_its_socket() -> None:
    database = service("postgres", {})
    network = Network([database])
    network.map_socket(database, "%2Fa%2Fb")
    url = network.to_local(database, "postgresql+asyncpg://me:secret@postgres:5432/tekana")
    assert url == "postgresql+asyncpg://me:secret@/tekana?host=%2Fa%2Fb&port=5432"
