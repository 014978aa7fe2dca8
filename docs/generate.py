"""Writes what the documentation has from the code: docs/events, and catalog.md and access.md of docs/reference.

    python docs/generate.py           writes them, unless that would break those who consume events
    python docs/generate.py --check   writes nothing; exits 1 and names the files that no longer match the code

What would break consumers is in docs/compatibility.py.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from generated_files import ROOT, is_check, write_or_check

sys.path[:0] = [str(ROOT / "src"), str(ROOT / "adapters")]  # this tree, whatever else is installed

import access  # noqa: E402 - found now that the path is set
import catalog  # noqa: E402
import event_contract  # noqa: E402
from compatibility import breaches  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = ROOT / "docs" / "events"
CATALOG = ROOT / "docs" / "reference" / "catalog.md"
ACCESS = ROOT / "docs" / "reference" / "access.md"


def main() -> int:
    check = is_check("Write docs/events and two pages of docs/reference from the code.")
    old = {path.stem: path.read_text("utf-8") for path in EVENTS.glob("*.json")}
    broken = breaches(event_contract.contract_of(old), event_contract.contract_of(event_contract.documents()))
    for breach in broken:
        print(f"this would break those who consume events: {breach}")
    if broken:
        return 1
    return write_or_check(files(), script="docs/generate.py", check=check)


def files() -> Iterator[tuple[Path, str]]:
    """Return each file with the text that it should have."""
    for stem, text in event_contract.documents().items():
        yield EVENTS / f"{stem}.json", text
    yield CATALOG, catalog.page()
    yield ACCESS, access.page()


if __name__ == "__main__":
    raise SystemExit(main())
