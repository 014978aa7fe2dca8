"""The files of docker/: the tools for their formats accept them, and all names in them exist."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import rich_click as click
import yaml

from tekana import Settings
from tekana.cli import command
from tests.docker.compose_file import COMPOSE, REQUIRED, Service, example_variables, services, variables_used
from tests.docker.dockerfile import DOCKERFILE, ROOT, image, stages

PROGRAMS = Path(sys.executable).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SERVICES = services(REQUIRED)
RAW = yaml.safe_load(COMPOSE.read_text("utf-8"))
WITHOUT_A_FLAG = {"TEKANA_BUS_SECRET"}
OF_POSTGRES = {"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"}

names = pytest.mark.parametrize("service", SERVICES, ids=lambda one: one.name)


def run_tool(*words: str | Path) -> tuple[int, str]:
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False, cwd=ROOT)
    return done.returncode, done.stdout + done.stderr


def options() -> dict[str, click.Option]:
    """Return every option of the command, by its variable."""
    every = (option for verb in command.commands.values() for option in verb.params)
    return {str(option.envvar): option for option in every if isinstance(option, click.Option) and option.envvar}


def pin(name: str) -> str:
    [found] = [one for one in PROJECT["tool"]["uv"]["constraint-dependencies"] if one.startswith(f"{name}==")]
    return str(found)


def test_hadolint_accepts_the_dockerfile() -> None:
    assert run_tool(PROGRAMS / "hadolint", DOCKERFILE) == (0, "")


def test_hadolint_rejects_a_faulty_dockerfile(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text(DOCKERFILE.read_text("utf-8").replace("uv==", "uv>="))
    assert run_tool(PROGRAMS / "hadolint", bad)[0] != 0


def test_compose_file_is_valid_by_its_schema() -> None:
    code, output = run_tool(PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)
    assert code == 0, output


def test_the_schema_rejects_a_faulty_compose_file(tmp_path: Path) -> None:
    bad = tmp_path / "compose.yaml"
    bad.write_text(COMPOSE.read_text("utf-8").replace("stop_grace_period", "grace"))
    assert run_tool(PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", bad)[0] != 0


def test_the_image_has_the_tested_versions() -> None:
    building = stages()[0]
    assert pin("uv") in " ".join(rest for word, rest in building if word == "RUN").split()
    assert image().labels["org.opencontainers.image.version"] == PROJECT["project"]["version"]
    copied = {source for word, rest in building if word == "COPY" for source in rest.split()[:-1]}
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == copied


def test_the_image_runs_as_an_unprivileged_user() -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", image().user)
    assert image().stop_signal == "SIGTERM"
    assert image().environment["PYTHONDONTWRITEBYTECODE"] == "1"


def test_kafka_has_the_tested_version() -> None:
    pom = (ROOT / "tests" / "kafka" / "pom.xml").read_text("utf-8")
    tested = re.search(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>(.+?)</version>", pom)
    assert tested
    assert f"apache/kafka:{tested[1]}" in {one.image for one in SERVICES}


def test_the_example_lists_every_variable_with_its_default() -> None:
    assert {name: {value} for name, value in example_variables().items()} == variables_used()
    assert set(example_variables()) <= OF_POSTGRES | WITHOUT_A_FLAG | set(options())
    assert {name for name, value in example_variables().items() if not value} == set(REQUIRED)


def test_the_guide_lists_services_and_settings() -> None:
    guide = (ROOT / "docs" / "how-to" / "run-with-docker.md").read_text("utf-8")
    listed = re.findall(r"^\| ((?:`[a-z]+`(?:, )?)+) \|", guide, re.MULTILINE)
    assert set(re.findall(r"\w+", " ".join(listed))) == {one.name for one in SERVICES}
    assert dict(re.findall(r"^\| `([A-Z_]+)` \| (?:`(\w+)`|none) \|", guide, re.MULTILINE)) == example_variables()
    volumes = set(re.findall(r"^\| `(\w+_\w+)` \| ", guide, re.MULTILINE)) - set(example_variables())
    assert volumes == {f"{RAW['name']}_{volume}" for volume in RAW["volumes"]}


@names
def test_every_command_and_option_exists(service: Service) -> None:
    if service.ours:
        program, verb, *arguments = service.command
        assert program in PROJECT["project"]["scripts"]
        known = command.commands[verb]
        known.make_context(verb, arguments)  # raises if an argument is wrong
        variables = {option.envvar for option in known.params if isinstance(option, click.Option)}
        of_serving = {"TEKANA_HOST", "TEKANA_PORT"}  # set by the image, and ignored by the other commands
        known_variables = variables | of_serving | WITHOUT_A_FLAG
        assert {name for name in service.environment if name.startswith("TEKANA_")} <= known_variables


def test_only_the_gateway_and_the_services_have_the_secret_of_the_bus() -> None:
    having = {one.name for one in SERVICES if "TEKANA_BUS_SECRET" in one.environment}
    assert having == {"customer", "wallet", "transaction", "gateway"}
    for one in SERVICES:
        if one.name in having:
            Settings.from_environment(one.environment, given={"role": one.command[-1]})


@names
def test_every_container_has_minimal_rights(service: Service) -> None:
    definition = RAW["services"][service.name]
    assert definition["read_only"] is True
    assert definition["cap_drop"] == ["ALL"]
    assert "cap_add" not in definition
    assert not definition.get("privileged")
    assert definition["security_opt"] == ["no-new-privileges:true"]
    assert ("ports" in definition) == (service.name == "gateway")
    assert all(one.startswith("127.0.0.1:") for one in definition.get("ports", []))


def test_the_image_is_built_once_and_never_pulled() -> None:
    assert [name for name, definition in RAW["services"].items() if "build" in definition] == ["migrate"]
    assert {RAW["services"][one.name]["pull_policy"] for one in SERVICES if one.ours} == {"never"}


def test_persistent_data_are_in_volumes() -> None:
    mounted = {name: definition["volumes"] for name, definition in RAW["services"].items() if "volumes" in definition}
    [kafka] = [one for one in SERVICES if one.name == "kafka"]
    assert mounted == {
        "postgres": ["postgres:/var/lib/postgresql"],  # the image's data folder from version 18 on
        "kafka": [f"kafka:{kafka.environment['KAFKA_LOG_DIRS']}"],
        **{key: ["keys:/var/lib/tekana"] for key in ("migrate", "customer", "wallet", "transaction", "webhooks")},
    }
    assert RAW["services"]["postgres"]["image"] == "postgres:18"


def test_one_shot_services_are_awaited() -> None:
    """Otherwise `up --wait` treats their exit as a failure."""
    once = {name for name, definition in RAW["services"].items() if definition["restart"] == "no"}
    waited_for = {
        name
        for service in SERVICES
        for name, condition in service.depends_on.items()
        if condition == "service_completed_successfully"
    }
    assert once == waited_for == {"migrate"}
