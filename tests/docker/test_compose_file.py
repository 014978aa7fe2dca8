"""How the files are read, and where their addresses lead on this machine."""

from __future__ import annotations

import pytest

from tests.docker.compose_file import Service, services
from tests.docker.containers import Network
from tests.docker.dockerfile import image


def service(name: str, published: dict[int, int]) -> Service:
    return Service(
        name, image="", ours=False, command=[], environment={}, check=None, depends_on={}, published=published
    )


def test_each_comes_after_those_that_it_depends_on() -> None:
    seen: set[str] = set()
    for one in services({}):
        assert set(one.depends_on) <= seen
        seen.add(one.name)


def test_a_variable_has_its_value_or_its_default() -> None:
    def database(variables: dict[str, str]) -> str:
        [migrate] = [one for one in services(variables) if one.name == "migrate"]
        return migrate.environment["TEKANA_DATABASE_URL"]

    assert database({}) == "postgresql+asyncpg://tekana:local@postgres:5432/tekana"
    assert database({"POSTGRES_PASSWORD": ""}) == database({})
    assert database({"POSTGRES_PASSWORD": "x"}) == "postgresql+asyncpg://tekana:x@postgres:5432/tekana"


@pytest.mark.parametrize("wrong", ["${NAME}", "$NAME", "${NAME:?}"])
def test_a_variable_that_is_not_understood_is_not_passed_over(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setattr("tests.docker.compose_file.yaml.safe_load", lambda _: {"services": {"one": {"image": wrong}}})
    with pytest.raises(AssertionError, match="without a default"):
        services({})


def test_a_service_of_ours_has_what_its_image_has() -> None:
    for one in services({}):
        if one.ours:
            assert one.command[:1] == image().entrypoint
            assert one.environment.items() >= image().environment.items()
    assert {one.name for one in services({}) if one.ours and one.check is None} == {"migrate", "relay", "webhooks"}


def test_addresses_lead_to_the_ports_that_there_are_here() -> None:
    door, bus = service("door", {3333: 45678}), service("bus", {})
    network = Network([door, bus])
    assert network.here(door, "http://127.0.0.1:3333/x") == "http://127.0.0.1:45678/x"
    assert network.here(bus, "http://door:3333") == "http://127.0.0.1:45678"
    port = network.port(bus, 9092)
    assert network.here(door, "kafka://bus:9092") == f"kafka://127.0.0.1:{port}"
    listens = "ONE://:9092,OTHER://bus:9092 1@127.0.0.1:9092 </dev/tcp/127.0.0.1/9092"
    here = f"127.0.0.1:{port}"
    assert network.here(bus, listens) == f"ONE://{here},OTHER://{here} 1@{here} </dev/tcp/127.0.0.1/{port}"
    assert network.port(door, 9092) != port
    assert network.here(door, "ratio 1:9092, a bus:9092 of no URL") == "ratio 1:9092, a bus:9092 of no URL"


def test_a_postgresql_is_found_by_its_socket() -> None:
    database = service("postgres", {})
    network = Network([database])
    network.give_socket(database, "%2Fa%2Fb")
    url = network.here(database, "postgresql+asyncpg://me:secret@postgres:5432/tekana")
    assert url == "postgresql+asyncpg://me:secret@/tekana?host=%2Fa%2Fb&port=5432"
