"""The pictures in docs/pictures match the code, and the check for that can fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def draw(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    script = root / "docs" / "pictures.py"
    return subprocess.run([sys.executable, str(script), *options], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the repository, draw its pictures, and return the folder."""
    folder = tmp_path_factory.mktemp("drawn")
    for part in ("src", "adapters"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "docs_page"))
    (folder / "docs").mkdir()
    for script in ("pictures.py", "generated_files.py"):
        shutil.copy(ROOT / "docs" / script, folder / "docs")
    done = draw(folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def copy(drawn: Path, tmp_path: Path) -> Path:
    """Copy the drawn repository, and return the folder."""
    shutil.copytree(drawn, tmp_path, dirs_exist_ok=True)
    return tmp_path


def plant(file: Path, code: str) -> None:
    file.write_text(f"{file.read_text('utf-8')}\n\n{code}\n", "utf-8")


def test_the_pictures_match_the_code() -> None:
    done = draw(ROOT, "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_newly_drawn_pictures_are_not_stale(copy: Path) -> None:
    done = draw(copy, "--check")
    assert (done.returncode, done.stdout) == (0, "")


def test_a_new_import_makes_the_picture_of_packages_stale(copy: Path) -> None:
    plant(copy / "adapters" / "tekana_memory" / "__init__.py", "def planted() -> None:\n    import tekana.cli")
    done = draw(copy, "--check")
    assert (done.returncode, done.stdout.count("is stale")) == (1, 1)
    assert "docs/pictures/packages.svg is stale" in done.stdout


def test_a_new_table_makes_the_picture_of_the_database_stale(copy: Path) -> None:
    planted = 'from sqlalchemy import Table\nTable("planted", metadata, moment("at"), info={"rights": MAY_INSERT})'
    plant(copy / "adapters" / "tekana_postgres" / "tables" / "columns.py", planted)
    done = draw(copy, "--check")
    assert (done.returncode, done.stdout.count("is stale")) == (1, 1)
    assert "docs/pictures/database.svg is stale" in done.stdout


def test_a_missing_picture_is_stale(copy: Path) -> None:
    (copy / "docs" / "pictures" / "packages.svg").unlink()
    done = draw(copy, "--check")
    assert done.returncode == 1
    assert "docs/pictures/packages.svg is stale" in done.stdout


def test_a_check_writes_nothing(copy: Path) -> None:
    picture = copy / "docs" / "pictures" / "packages.svg"
    picture.write_text("old", "utf-8")
    draw(copy, "--check")
    assert picture.read_text("utf-8") == "old"
    draw(copy)
    assert picture.read_text("utf-8") != "old"
