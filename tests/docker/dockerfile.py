"""What docker/Dockerfile describes, read as Docker reads it, as far as this file needs it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "docker" / "Dockerfile"


class Instruction(NamedTuple):
    """The word that it begins with, and the rest, in one line."""

    word: str
    rest: str


class Image(NamedTuple):
    """What the last stage of the Dockerfile gives each container."""

    environment: dict[str, str]
    entrypoint: list[str]
    command: list[str]
    check: list[str]
    user: str
    stop_signal: str
    labels: dict[str, str]


def stages() -> list[list[Instruction]]:
    """The instructions, by stage; the last one is the image."""
    lines = [line for line in DOCKERFILE.read_text("utf-8").splitlines() if not line.lstrip().startswith("#")]
    whole = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found: list[list[Instruction]] = []
    for word, _, rest in (line.partition(" ") for line in whole.splitlines() if line):
        if word == "FROM":
            found.append([])
        found[-1].append(Instruction(word, rest.strip()))
    return found


def image() -> Image:
    """The image of our own services."""
    told: dict[str, list[str]] = {}
    for word, rest in stages()[-1]:
        told.setdefault(word, []).append(rest)
    [entrypoint], [command], [user], [stop_signal] = (
        told[word] for word in ("ENTRYPOINT", "CMD", "USER", "STOPSIGNAL")
    )
    [check] = told["HEALTHCHECK"]
    return Image(
        environment=_pairs(told["ENV"]),
        entrypoint=json.loads(entrypoint),
        command=json.loads(command),
        check=json.loads(check[check.index("CMD") + 3 :]),
        user=user,
        stop_signal=stop_signal,
        labels=_pairs(told["LABEL"]),
    )


def _pairs(lines: list[str]) -> dict[str, str]:
    return dict(pair.split("=", 1) for line in lines for pair in shlex.split(line))
