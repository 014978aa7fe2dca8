"""The root file system in which the services of compose.yaml run here is read-only."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.docker.read_only import private_mounts_allowed, read_only_but


def test_only_one_folder_and_the_volumes_can_be_written(tmp_path: Path) -> None:
    if not private_mounts_allowed():
        pytest.skip("not here: the right to mount")
    for name in ("ours", "volume"):
        (tmp_path / name).mkdir()
    words = read_only_but(tmp_path / "ours", tmp_path / "volume")
    assert subprocess.run([*words, "touch", "here"], check=False).returncode == 0
    assert subprocess.run([*words, "touch", tmp_path / "volume" / "kept"], check=False).returncode == 0
    for elsewhere in (tmp_path, Path("/var/tmp"), Path("/"), Path.home()):
        done = subprocess.run(
            [*words, "touch", elsewhere / "tekana-there"], capture_output=True, text=True, check=False
        )
        assert "Read-only file system" in done.stderr
    assert {one.name for one in tmp_path.rglob("*")} == {"ours", "volume", "kept"}
