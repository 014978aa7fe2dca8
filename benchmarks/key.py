"""The API key of the load: servers register it from the file TEKANA_KEY_FILE, and generators read it there."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from tekana.bootstrap.key_file import create_key_file

_VARIABLE: Final = "TEKANA_KEY_FILE"


def _key() -> str:
    """Return the key, after making the file unless a parent process has."""
    if _VARIABLE not in os.environ:
        folder = tempfile.mkdtemp(prefix="tekana-bench-key-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ[_VARIABLE] = f"{folder}/operator.key"
        create_key_file(Path(os.environ[_VARIABLE]))
    return Path(os.environ[_VARIABLE]).read_text("ascii").strip()


BEARER: Final = {"Authorization": f"Bearer {_key()}"}
"""The header of requests with the key."""
