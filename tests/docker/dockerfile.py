"""Parse docker/Dockerfile as Docker does, for the features that the file uses."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "docker" / "Dockerfile"


class Instruction(NamedTuple):
    """An instruction: its first word, and its arguments in one line."""

    word: str
    rest: str


class Image(NamedTuple):
    """The settings that the last stage of the Dockerfile gives each container."""

    environment: dict[str, str]
    entrypoint: list[str]
    command: list[str]
    check: list[str]
    user: str
    stop_signal: str
    labels: dict[str, str]


def stages() -> list[list[Instruction]]:
    """Return the instructions of each stage; the last stage is the image."""
    lines = [line for line in DOCKERFILE.read_text("utf-8").splitlines() if not line.lstrip().startswith("#")]
    whole = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found: list[list[Instruction]] = []
    for word, _, rest in (line.partition(" ") for line in whole.splitlines() if line):
        if word == "FROM":
            found.append([])
        found[-1].append(Instruction(word, rest.strip()))
    return found


def image() -> Image:
    """Return the image of tekana's services."""
    instructions: dict[str, list[str]] = {}
    for word, rest in stages()[-1]:
        instructions.setdefault(word, []).append(rest)
    [entrypoint], [command], [user], [stop_signal] = (
        instructions[word] for word in ("ENTRYPOINT", "CMD", "USER", "STOPSIGNAL")
    )
    [check] = instructions["HEALTHCHECK"]
    return Image(
        environment=_pairs(instructions["ENV"]),
        entrypoint=json.loads(entrypoint),
        command=json.loads(command),
        check=json.loads(check[check.index("CMD") + 3 :]),
        user=user,
        stop_signal=stop_signal,
        labels=_pairs(instructions["LABEL"]),
    )


def _pairs(lines: list[str]) -> dict[str, str]:
    return dict(pair.split("=", 1) for line in lines for pair in shlex.split(line))
