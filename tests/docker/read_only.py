"""Run a process with a read-only root file system, where this machine allows private mounts."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

_SCRIPT = """
for place in $(findmnt --raw --noheadings --output TARGET); do mount -o remount,bind,ro "$place" 2>/dev/null; done
for place in $1; do mount --bind "$place" "$place" && mount -o remount,bind,rw "$place"; done
shift
mount -t tmpfs tmpfs "$0" && cd "$0" && exec "$@"
"""


def read_only_but(folder: Path, *volumes: Path) -> list[str]:
    """Return the words to prepend to a command, so that it can write only into this folder, an empty tmpfs, and into
    the volumes.

    Returns no words where the machine does not allow it; the command then runs unchanged.
    """
    return _words(folder, *volumes) if private_mounts_allowed() else []


@cache
def private_mounts_allowed() -> bool:
    """Return whether this process may create private mounts. Root usually may."""
    try:
        return subprocess.run([*_words(Path("/tmp")), "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:  # not Linux
        return False


def _words(folder: Path, *volumes: Path) -> list[str]:
    return ["unshare", "--mount", "sh", "-c", _SCRIPT, str(folder), " ".join(map(str, volumes))]
