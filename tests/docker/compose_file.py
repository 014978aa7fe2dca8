"""Parse docker/compose.yaml as compose does, for the features that the file uses."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from graphlib import TopologicalSorter
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml

from tests.docker.dockerfile import ROOT, Image, image

COMPOSE = ROOT / "docker" / "compose.yaml"
ENV_EXAMPLE = ROOT / "docker" / ".env.example"

REQUIRED = {"TEKANA_BUS_SECRET": secrets.token_hex(32)}
"""The variables without a default, with values that are valid."""

_VARIABLE = re.compile(r"\$(?:(\$)|\{([A-Z_]+):(?:-([^}]*)|\?([^}]+))\})")


class Service(NamedTuple):
    """A service, including the values of its image. `check` is the command of its health check, None without one."""

    name: str
    image: str
    ours: bool  # built from the Dockerfile
    command: list[str]
    environment: dict[str, str]
    check: list[str] | None
    depends_on: dict[str, str]  # service: required condition
    published: dict[int, int]  # container port: host port
    volumes: Mapping[str, str] = MappingProxyType({})  # folder in the container: name of the volume


def services(variables: Mapping[str, str]) -> list[Service]:
    """Return the services in order of dependency, with the variables of docker/.env replaced."""
    definitions = _substitute(variables, yaml.safe_load(COMPOSE.read_text("utf-8")))["services"]
    built = {one["image"] for one in definitions.values() if "build" in one}
    found = {name: _service(name, one, image() if one["image"] in built else None) for name, one in definitions.items()}
    order = TopologicalSorter({name: set(one.depends_on) for name, one in found.items()})
    return [found[name] for name in order.static_order()]


def variables_used() -> dict[str, set[str]]:
    """Return the variables that compose.yaml takes from docker/.env, each with its default values: "" for none."""
    used: dict[str, set[str]] = {}
    for _, name, default, _ in _VARIABLE.findall(COMPOSE.read_text("utf-8")):
        if name:
            used.setdefault(name, set()).add(default)
    return used


def example_variables() -> dict[str, str]:
    """Return the variables of .env.example."""
    lines = ENV_EXAMPLE.read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _service(name: str, definition: dict[str, Any], ours: Image | None) -> Service:
    environment = {key: str(value) for key, value in definition.get("environment", {}).items()}
    return Service(
        name=name,
        image=definition["image"],
        ours=ours is not None,
        command=[*ours.entrypoint, *definition.get("command", ours.command)] if ours else definition.get("command", []),
        environment=ours.environment | environment if ours else environment,
        check=_check(definition.get("healthcheck", {}), ours.check if ours else None),
        depends_on={other: how["condition"] for other, how in definition.get("depends_on", {}).items()},
        published={int(port): int(here) for _, here, port in (one.split(":") for one in definition.get("ports", []))},
        volumes={path: volume for volume, path in (one.split(":") for one in definition.get("volumes", []))},
    )


def _check(definition: dict[str, Any], inherited: list[str] | None) -> list[str] | None:
    if definition.get("disable"):
        return None
    if "test" not in definition:
        return inherited
    kind, *words = definition["test"]
    assert kind == "CMD", f"a health check of the kind {kind} is not supported here"
    return list(words)


def _substitute(variables: Mapping[str, str], definition: Any) -> Any:
    """Return the definition with each ${VARIABLE:-default} and ${VARIABLE:?error} replaced."""
    if isinstance(definition, dict):
        return {key: _substitute(variables, value) for key, value in definition.items()}
    if isinstance(definition, list):
        return [_substitute(variables, value) for value in definition]
    if not isinstance(definition, str):
        return definition
    assert "$" not in _VARIABLE.sub("", definition), f"a variable without a default: {definition}"

    def value(found: re.Match[str]) -> str:
        _, name, default, error = found.groups()
        given = found[1] or variables.get(name) or default
        assert given is not None, f"{name} is not set: {error}"
        return given

    return _VARIABLE.sub(value, definition)
