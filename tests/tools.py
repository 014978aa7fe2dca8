"""Programs for tests that are installed apart from the test environment."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

SEARCHED = os.environ.get("TEKANA_TEST_TOOLS", "")
"""The folder in which `nox` installs them.

They need pydantic or werkzeug; dependency-injector imports these where they are installed, which takes each process of
tekana 0.2 s.
"""


def has_tool(module: str) -> bool:
    """Return whether `run_tool` can run a module."""
    return (Path(SEARCHED) / module).is_dir() if SEARCHED else find_spec(module) is not None


def run_tool(module: str, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m module` in a folder."""
    environment = os.environ | {"PYTHONPATH": SEARCHED}
    command = [sys.executable, "-m", module, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
