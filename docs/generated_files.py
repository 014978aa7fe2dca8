"""The command line of the scripts that write files from the code: they write, or check that the files match."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def is_check(description: str) -> bool:
    """Parse the arguments of the script, and return whether it was called with `--check`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is stale")
    return bool(parser.parse_args().check)


def write_or_check(files: Iterable[tuple[Path, str]], *, script: str, check: bool) -> int:
    """Write those of the files that differ from the text that they should have; with `check`, only print them.

    Args:
        files: each file with its text.
        script: the path of the script that writes them, for the output.
        check: whether to write nothing.

    Returns:
        The exit code: 1 if a check found a file that differs.
    """
    stale = {path: new for path, new in files if not path.exists() or path.read_text("utf-8") != new}
    for path, new in stale.items():
        name = path.relative_to(ROOT).as_posix()
        print(f"{name} is stale: run `python {script}`" if check else f"{name} is written")
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(new, "utf-8", newline="\n")
    return 1 if check and stale else 0
