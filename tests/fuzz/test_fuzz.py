"""Generated requests get answers that the OpenAPI document describes: a short version of `nox -s fuzz`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("schemathesis")
SECONDS = 280


@pytest.mark.skipif(not PROGRAM.exists(), reason="not here: schemathesis")
def test_generated_requests_get_documented_answers() -> None:
    options = ("--max-examples", "3", "--phases", "examples,coverage,fuzzing", "--no-color", "--warnings", "off")
    words = [sys.executable, "-m", "tests.fuzz.run", str(PROGRAM), *options]
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
