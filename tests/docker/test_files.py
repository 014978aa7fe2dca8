"""The files of docker/: tools that know their formats accept them, and they name nothing that is not there."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import rich_click as click
import yaml

from tekana.cli import command
from tests.docker.compose_file import COMPOSE, Service, example_variables, services, variables_used
from tests.docker.dockerfile import DOCKERFILE, ROOT, image, stages

PROGRAMS = Path(sys.executable).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SERVICES = services({})
RAW = yaml.safe_load(COMPOSE.read_text("utf-8"))
OF_POSTGRES = {"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"}

names = pytest.mark.parametrize("service", SERVICES, ids=lambda one: one.name)


def told_by(*words: str | Path) -> tuple[int, str]:
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False, cwd=ROOT)
    return done.returncode, done.stdout + done.stderr


def options() -> dict[str, click.Option]:
    """Every option of the command, by its variable."""
    every = (option for verb in command.commands.values() for option in verb.params)
    return {str(option.envvar): option for option in every if isinstance(option, click.Option) and option.envvar}


def pin(name: str) -> str:
    [found] = [one for one in PROJECT["tool"]["uv"]["constraint-dependencies"] if one.startswith(f"{name}==")]
    return str(found)


def test_the_dockerfile_is_without_reproach() -> None:
    assert told_by(PROGRAMS / "hadolint", DOCKERFILE) == (0, "")


def test_the_dockerfiles_tool_sees_a_fault(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text(DOCKERFILE.read_text("utf-8").replace("uv==", "uv>="))
    assert told_by(PROGRAMS / "hadolint", bad)[0] != 0


def test_compose_is_as_its_schema_says() -> None:
    code, said = told_by(PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)
    assert code == 0, said


def test_composes_tool_sees_a_fault(tmp_path: Path) -> None:
    bad = tmp_path / "compose.yaml"
    bad.write_text(COMPOSE.read_text("utf-8").replace("stop_grace_period", "grace"))
    assert told_by(PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", bad)[0] != 0


def test_the_image_is_built_with_what_was_tested() -> None:
    building = stages()[0]
    assert pin("uv") in " ".join(rest for word, rest in building if word == "RUN").split()
    assert image().labels["org.opencontainers.image.version"] == PROJECT["project"]["version"]
    copied = {source for word, rest in building if word == "COPY" for source in rest.split()[:-1]}
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == copied


def test_the_image_runs_as_nobody_in_particular() -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", image().user)
    assert image().stop_signal == "SIGTERM"
    assert image().environment["PYTHONDONTWRITEBYTECODE"] == "1"


def test_kafka_is_the_one_that_was_tested() -> None:
    pom = (ROOT / "tests" / "kafka" / "pom.xml").read_text("utf-8")
    tested = re.search(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>(.+?)</version>", pom)
    assert tested
    assert f"apache/kafka:{tested[1]}" in {one.image for one in SERVICES}


def test_the_example_has_every_variable_with_the_value_that_it_has_without() -> None:
    assert {name: {value} for name, value in example_variables().items()} == variables_used()
    assert set(example_variables()) <= OF_POSTGRES | set(options())


def test_the_guide_lists_the_services_and_the_settings() -> None:
    guide = (ROOT / "docs" / "how-to" / "run-with-docker.md").read_text("utf-8")
    listed = re.findall(r"^\| ((?:`[a-z]+`(?:, )?)+) \|", guide, re.MULTILINE)
    assert set(re.findall(r"\w+", " ".join(listed))) == {one.name for one in SERVICES}
    assert dict(re.findall(r"^\| `([A-Z_]+)` \| `(\w+)` \|", guide, re.MULTILINE)) == example_variables()
    volumes = set(re.findall(r"^\| `(\w+_\w+)` \| ", guide, re.MULTILINE)) - set(example_variables())
    assert volumes == {f"{RAW['name']}_{volume}" for volume in RAW["volumes"]}


@names
def test_every_command_is_one_that_tekana_knows(service: Service) -> None:
    if service.ours:
        program, verb, *arguments = service.command
        assert program in PROJECT["project"]["scripts"]
        known = command.commands[verb]
        known.make_context(verb, arguments)  # or it says what is wrong
        variables = {option.envvar for option in known.params if isinstance(option, click.Option)}
        of_serving = {"TEKANA_HOST", "TEKANA_PORT"}  # the image's, which the other verbs leave alone
        assert {name for name in service.environment if name.startswith("TEKANA_")} - of_serving <= variables


@names
def test_every_container_may_do_as_little_as_it_can(service: Service) -> None:
    told = RAW["services"][service.name]
    assert told["read_only"] is True
    assert told["cap_drop"] == ["ALL"]
    assert "cap_add" not in told
    assert not told.get("privileged")
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert ("ports" in told) == (service.name == "gateway")
    assert all(one.startswith("127.0.0.1:") for one in told.get("ports", []))


def test_the_image_is_built_once_and_never_looked_for_elsewhere() -> None:
    assert [name for name, told in RAW["services"].items() if "build" in told] == ["migrate"]
    assert {RAW["services"][one.name]["pull_policy"] for one in SERVICES if one.ours} == {"never"}


def test_what_must_last_is_in_a_volume() -> None:
    mounted = {name: told["volumes"] for name, told in RAW["services"].items() if "volumes" in told}
    [kafka] = [one for one in SERVICES if one.name == "kafka"]
    assert mounted == {
        "postgres": ["postgres:/var/lib/postgresql"],  # where the image has its data from version 18 on
        "kafka": [f"kafka:{kafka.environment['KAFKA_LOG_DIRS']}"],
    }
    assert RAW["services"]["postgres"]["image"] == "postgres:18"


def test_what_runs_once_is_waited_for() -> None:
    """Or `up --wait` would take its end for a failure."""
    once = {name for name, told in RAW["services"].items() if told["restart"] == "no"}
    waited_for = {
        name
        for service in SERVICES
        for name, condition in service.depends_on.items()
        if condition == "service_completed_successfully"
    }
    assert once == waited_for == {"migrate"}
