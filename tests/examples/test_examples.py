"""Every example with a checked-in output prints exactly that output."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(output.with_suffix(".py") for output in EXAMPLES.rglob("*.out"))


def test_there_are_examples() -> None:
    assert EXAMPLES / "quickstart.py" in SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_output_matches_the_file(script: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stderr == ""
    assert ran.returncode == 0
    assert ran.stdout == script.with_suffix(".out").read_text()
