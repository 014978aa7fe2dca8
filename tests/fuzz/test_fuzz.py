"""Generated requests get answers that the OpenAPI document describes: a short version of `nox -s fuzz`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.tools import has_tool

SECONDS = 280


@pytest.mark.skipif(not has_tool("schemathesis"), reason="not here: schemathesis")
def test_generated_requests_get_documented_answers() -> None:
    options = ("--max-examples", "3", "--phases", "examples,coverage,fuzzing", "--no-color", "--warnings", "off")
    words = [sys.executable, "-m", "tests.fuzz.run", *options]
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
