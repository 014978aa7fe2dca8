"""Programs for tests that are installed apart from the test environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def run_tool(module: str, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m module` in a folder.

    `nox` installs such tools in the folder TEKANA_TEST_TOOLS. They need pydantic; dependency-injector imports it where
    it is installed, which takes each process of tekana 0.2 s.
    """
    environment = os.environ | {"PYTHONPATH": os.environ.get("TEKANA_TEST_TOOLS", "")}
    command = [sys.executable, "-m", module, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
