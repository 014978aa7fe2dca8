"""A root file system that is read-only, for one process: where the machine lets us have mounts of our own."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

_SCRIPT = """
for place in $(findmnt --raw --noheadings --output TARGET); do mount -o remount,bind,ro "$place" 2>/dev/null; done
mount -t tmpfs tmpfs "$0" && cd "$0" && exec "$@"
"""


def read_only_but(folder: Path) -> list[str]:
    """Words to put before a command, so that it may write into this folder alone, which is then empty and in memory.

    No words where the machine does not let us: there the command is run as it is.
    """
    return _words(folder) if lets_us() else []


@cache
def lets_us() -> bool:
    """Whether the machine does. Root may, as a rule."""
    try:
        return subprocess.run([*_words(Path("/tmp")), "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:  # not Linux
        return False


def _words(folder: Path) -> list[str]:
    return ["unshare", "--mount", "sh", "-c", _SCRIPT, str(folder)]
