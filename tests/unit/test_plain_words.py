"""The repository's text uses plain technical words: the words below are not used, not even inside identifiers."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

WORDS = ("told", "tells", "nobody", "somebody", "whoever", "everybody", "at hand", "by and by", "comes to be")
PATTERN = re.compile(rf"(?<![a-z])(?:{'|'.join(WORDS)})(?![a-z])".replace(" ", r"[\s_]+"), re.IGNORECASE)

SEARCHED = (
    *("src", "adapters", "features", "docs", "tests", "benchmarks", "examples", "docker"),
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "noxfile.py"),
)
TEXT_SUFFIXES = {
    "",
    ".cfg",
    ".d2",
    ".example",
    ".feature",
    ".html",
    ".ini",
    ".lua",
    ".md",
    ".out",
    ".py",
    ".rst",
    ".sh",
}
TEXT_SUFFIXES |= {".sql", ".toml", ".txt", ".yaml", ".yml"}

DATA = ("tests/integration/release_0_1/",)
"""Folders of recorded data, which must stay byte for byte."""

ALLOWED = {
    # The name of an account of the operating system.
    "adapters/tekana_postgres/embedded/account.py": ("`nobody`", '"nobody"'),
    "adapters/tekana_postgres/embedded/server.py": ("`nobody`",),
    "docs/how-to/run-it.md": ("`nobody`",),
    # The database of every installation has the text of this function.
    "adapters/tekana_postgres/migrations/versions/0006_the_outbox_in_parts.py": ("told",),
    "tests/integration/tcp_postgres.py": ('"nobody"',),
    "tests/integration/test_embedded.py": ('"nobody"',),
}
"""Texts that may contain a word, by file."""


def findings(path: str, text: str) -> Iterator[str]:
    """Yield file:line and the line for each use of a word that is not allowed in this file."""
    for allowed in ALLOWED.get(path, ()):
        text = text.replace(allowed, " " * len(allowed))
    lines = text.splitlines()
    for found in PATTERN.finditer(text):
        number = text.count("\n", 0, found.start())
        yield f"{path}:{number + 1}: {lines[number].strip()}"


def searched_files() -> list[str]:
    """Return the tracked text files, without data and without this file."""
    listing = subprocess.run(["git", "ls-files", "-z", *SEARCHED], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode:
        pytest.skip("not here: git")
    this_file = Path(__file__).relative_to(ROOT).as_posix()
    return [
        path
        for path in listing.stdout.decode().split("\0")
        if path and path != this_file and not path.startswith(DATA) and Path(path).suffix in TEXT_SUFFIXES
    ]


def test_plain_words_are_used() -> None:
    found = [
        finding
        for path in searched_files()
        if (ROOT / path).is_file()
        for finding in findings(path, (ROOT / path).read_text("utf-8"))
    ]
    assert not found, f"{len(found)} uses:\n" + "\n".join(found)


@pytest.mark.parametrize("word", WORDS)
def test_each_word_is_found(word: str) -> None:
    name = word.replace(" ", "_")
    assert list(findings("a.md", f"first\nIt is {word}.")) == [f"a.md:2: It is {word}."]
    assert list(findings("a.md", f"x {word.upper()} y")) == [f"a.md:1: x {word.upper()} y"]
    assert list(findings("a.py", f"def test_{name}_x() -> None:"))
    assert not list(findings("a.md", f"un{word}ed"))


def test_a_phrase_is_found_across_lines() -> None:
    assert list(findings("a.md", "it comes\nto be")) == ["a.md:1: it comes"]


def test_an_allowed_text_is_allowed_in_its_file_only() -> None:
    account = 'getpwnam("nobody")'
    assert not list(findings("tests/integration/test_embedded.py", account))
    assert list(findings("tests/unit/test_book.py", account))
