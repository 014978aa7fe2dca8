"""What docker/compose.yaml describes, read as compose reads it, as far as this file needs it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from graphlib import TopologicalSorter
from typing import Any, NamedTuple

import yaml

from tests.docker.dockerfile import ROOT, Image, image

COMPOSE = ROOT / "docker" / "compose.yaml"
ENV_EXAMPLE = ROOT / "docker" / ".env.example"

_VARIABLE = re.compile(r"\$(?:(\$)|\{([A-Z_]+):-([^}]*)\})")


class Service(NamedTuple):
    """A service, with what it has from its image. `check` is its health check's command, None if it has none."""

    name: str
    image: str
    ours: bool  # built from the Dockerfile
    command: list[str]
    environment: dict[str, str]
    check: list[str] | None
    depends_on: dict[str, str]  # and in what condition
    published: dict[int, int]  # its own port: the one of the machine


def services(variables: Mapping[str, str]) -> list[Service]:
    """The services, each after those that it depends on, with variables as docker/.env would give them."""
    told = _with(variables, yaml.safe_load(COMPOSE.read_text("utf-8")))["services"]
    built = {one["image"] for one in told.values() if "build" in one}
    found = {name: _service(name, one, image() if one["image"] in built else None) for name, one in told.items()}
    order = TopologicalSorter({name: set(one.depends_on) for name, one in found.items()})
    return [found[name] for name in order.static_order()]


def variables_used() -> dict[str, set[str]]:
    """The variables that compose.yaml takes from docker/.env, each with the values it has without one."""
    used: dict[str, set[str]] = {}
    for _, name, default in _VARIABLE.findall(COMPOSE.read_text("utf-8")):
        if name:
            used.setdefault(name, set()).add(default)
    return used


def example_variables() -> dict[str, str]:
    """The variables of .env.example."""
    lines = ENV_EXAMPLE.read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _service(name: str, told: dict[str, Any], ours: Image | None) -> Service:
    environment = {key: str(value) for key, value in told.get("environment", {}).items()}
    return Service(
        name=name,
        image=told["image"],
        ours=ours is not None,
        command=[*ours.entrypoint, *told.get("command", ours.command)] if ours else told.get("command", []),
        environment=ours.environment | environment if ours else environment,
        check=_check(told.get("healthcheck", {}), ours.check if ours else None),
        depends_on={other: how["condition"] for other, how in told.get("depends_on", {}).items()},
        published={int(port): int(here) for _, here, port in (one.split(":") for one in told.get("ports", []))},
    )


def _check(told: dict[str, Any], inherited: list[str] | None) -> list[str] | None:
    if told.get("disable"):
        return None
    if "test" not in told:
        return inherited
    kind, *words = told["test"]
    assert kind == "CMD", f"a health check of the kind {kind} is not understood here"
    return list(words)


def _with(variables: Mapping[str, str], told: Any) -> Any:
    """What is told, with each ${VARIABLE:-default} replaced."""
    if isinstance(told, dict):
        return {key: _with(variables, value) for key, value in told.items()}
    if isinstance(told, list):
        return [_with(variables, value) for value in told]
    if not isinstance(told, str):
        return told
    assert "$" not in _VARIABLE.sub("", told), f"a variable without a default: {told}"
    return _VARIABLE.sub(lambda found: found[1] or variables.get(found[2]) or found[3], told)
