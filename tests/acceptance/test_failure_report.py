"""The failure report of a feature: line, step, expected and found value, and no traceback or internals of the tests."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tekana.testing.steps import features_dir

WORLD = Path(__file__).with_name("test_memory.py").read_text("utf-8")
FEATURE = "transactions/deposit_and_withdraw.feature"


def run_changed(folder: Path, old: str, new: str) -> tuple[int, str]:
    """Replace a text of one feature, and run it as `nox -s features` does."""
    features = folder / "features"
    shutil.copytree(features_dir(), features)
    text = (features / FEATURE).read_text("utf-8")
    assert old in text
    (features / FEATURE).write_text(text.replace(old, new, 1), "utf-8")
    (folder / "conftest.py").write_text('pytest_plugins = ["tekana.testing.steps"]\n', "utf-8")
    world = WORLD.replace("scenarios(features_dir())", f"scenarios({str(features / FEATURE)!r})")
    (folder / "test_world.py").write_text(world, "utf-8")
    words = [sys.executable, "-m", "pytest", "--quiet", "--no-header", "-r", "N", "-p", "no:cacheprovider"]
    done = subprocess.run([*words, "--rootdir", str(folder)], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_a_changed_number_is_reported_with_both_values(tmp_path: Path) -> None:
    row = "| 1,500 RWF | 500 RWF       | {} RWF     |"
    code, output = run_changed(tmp_path, row.format("2,000"), row.format("2,100"))
    assert code == 1
    assert re.search(
        rf"^features/{FEATURE}, line \d+\n"
        r"  Scenario: .+\n"
        r"  Step:     And .*2,100 RWF.*\n"
        r"  Expected: 2100 RWF\n"
        r"  Found:    2000 RWF\n",
        output,
        re.MULTILINE,
    ), output
    assert not re.search(r"assert |Traceback|\.py:\d+|scene\.", output), output


def test_a_changed_outcome_is_reported_with_the_refusal(tmp_path: Path) -> None:
    code, output = run_changed(tmp_path, "Then it is refused: it is another currency", "Then it is done")
    assert code == 1
    assert re.search(r"  Step:     Then it is done\n  Found:    it was refused: ", output), output
    assert not re.search(r"assert |Traceback|\.py:\d+|scene\.", output), output


def test_a_refusal_that_no_step_expects_is_reported(tmp_path: Path) -> None:
    step = "      Then it is refused: it is another currency\n      And Aline's wallet holds 5,000 RWF\n"
    code, output = run_changed(tmp_path, step, "")
    assert code == 1
    assert "  After its last step: it was refused, and no step expected that" in output, output
    assert not re.search(r"assert |Traceback|\.py:\d+|scene\.", output), output


def test_an_undefined_step_is_reported(tmp_path: Path) -> None:
    code, output = run_changed(tmp_path, "Then it is refused: it is another currency", "Then it is frowned upon")
    assert code == 1
    assert "  Step:     Then it is frowned upon\n  No step of tekana has these words.\n" in output, output
    assert not re.search(r"assert |Traceback|\.py:\d+|scene\.", output), output


def test_an_unchanged_feature_passes(tmp_path: Path) -> None:
    code, output = run_changed(tmp_path, "2,000 RWF", "2,000 RWF")
    assert (code, "passed" in output) == (0, True), output
