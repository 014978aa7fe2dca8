"""Data of an embedded PostgreSQL that tests copy, as their creation takes a second of CPU."""

from __future__ import annotations

import subprocess
from pathlib import Path


def copy_postgres_data(source: Path, folder: Path) -> None:
    """Copy the contents of a data folder, with their owners, to another data folder."""
    subprocess.run(["cp", "-a", f"{source}/.", str(folder)], check=True)
