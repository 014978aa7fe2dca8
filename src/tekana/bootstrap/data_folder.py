"""The folder of the data that tekana keeps on this machine, unless a setting names another one."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def default_data_dir() -> Path:
    """Return the user's data folder; for root a system folder, as PostgreSQL's account cannot enter root's own."""
    if os.geteuid() == 0:
        return Path("/var/lib/tekana")
    return platformdirs.user_data_path("tekana", appauthor=False)
