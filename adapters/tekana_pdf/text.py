"""Lines of text in any scripts and directions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

from bidi import algorithm

from tekana_pdf.font import Font, Glyph

_FOLDER: Final = Path(__file__).with_name("fonts")
_SCRIPTS: Final = (*("Arabic", "Ethiopic", "Hebrew", "Devanagari", "Bengali", "Tamil", "Thai", "Georgian", "Armenian"),)
_CJK_PACKAGE: Final = "noto_cjk_sans_jp_regular"
_CJK_FILE: Final = "NotoSansCJKjp-Regular.otf"

_RTL: Final = re.compile("[\u0590-\u08ff\u200f\u202b\u202e\u2067\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff]")
_SIMPLE: Final = re.compile("[\u0020-\u007e\u00a1-\u00ac\u00ae-\u017f\u2026]*")
_ELLIPSIS: Final = "…"
_LINES_KEPT: Final = 2_048


class Run(NamedTuple):
    """Glyphs of one font, from left to right."""

    font: Font
    glyphs: tuple[Glyph, ...]


@cache
def regular() -> Font:
    """Return the font of most text."""
    return Font(_FOLDER / "NotoSans-Regular.ttf")


@cache
def bold() -> Font:
    """Return the font of headings, which are in English."""
    return Font(_FOLDER / "NotoSans-Bold.ttf")


@cache
def _of_script(name: str) -> Font:
    return Font(_FOLDER / f"NotoSans{name}-Regular.ttf")


@cache
def _cjk() -> Font | None:
    """Return the font of Chinese, Japanese and Korean; None where its package is not installed."""
    found = find_spec(_CJK_PACKAGE)
    if found is None or found.origin is None:
        return None
    return Font(Path(found.origin).with_name(_CJK_FILE))


def is_simple(text: str) -> bool:
    """Return whether each character of a text is a glyph by itself: Latin, as nearly all amounts and texts are."""
    return _SIMPLE.fullmatch(text) is not None


@lru_cache(maxsize=_LINES_KEPT)
def line(text: str, heading: bool = False) -> tuple[Run, ...]:
    """Return the runs of a line of text, from left to right."""
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    first = bold() if heading else regular()
    if is_simple(text):
        return (Run(first, tuple(map(first.glyph_of, text))),)
    runs: list[tuple[int, Run]] = []
    for level, part in _levels(text):
        for font, piece in _by_font(part, first):
            runs.append((level, Run(font, font.shape(piece, level % 2 == 1))))
    return tuple(run for _, run in _in_visual_order(runs))


def width(runs: Sequence[Run], size: float) -> float:
    """Return the width of runs in this font size."""
    return sum(glyph.advance for run in runs for glyph in run.glyphs) * size / 1_000


def fitted(text: str, size: float, room: float, heading: bool = False) -> tuple[Run, ...]:
    """Return the runs of as much of the text as there is room for; an ellipsis stands for the rest."""
    runs = line(text, heading)
    if width(runs, size) <= room:
        return runs
    low, high = 0, len(text)
    while high - low > 1:
        middle = (low + high) // 2
        if width(line(text[:middle].rstrip() + _ELLIPSIS, heading), size) <= room:
            low = middle
        else:
            high = middle
    return line(text[:low].rstrip() + _ELLIPSIS, heading)


def _levels(text: str) -> Iterator[tuple[int, str]]:
    """Yield the parts of a text with their levels of direction, odd ones from right to left, in logical order."""
    if not _RTL.search(text):
        yield 0, text
        return
    storage: dict[str, Any] = algorithm.get_empty_storage()
    level = algorithm.get_base_level(text)
    storage["base_level"] = level
    storage["base_dir"] = ("L", "R")[level]
    algorithm.get_embedding_levels(text, storage)
    algorithm.explicit_embed_and_overrides(storage)
    algorithm.resolve_weak_types(storage)
    algorithm.resolve_neutral_types(storage, False)
    algorithm.resolve_implicit_levels(storage, False)
    for found, characters in groupby(storage["chars"], key=lambda one: one["level"]):
        yield found, "".join([one["ch"] for one in characters])


def _in_visual_order(runs: list[tuple[int, Run]]) -> list[tuple[int, Run]]:
    """Reverse the sequences of each level that are read from right to left (UAX 9, L2)."""
    for level in range(max((one for one, _ in runs), default=0), 0, -1):
        ordered: list[tuple[int, Run]] = []
        for is_inside, group in groupby(runs, key=lambda one: one[0] >= level):
            found = list(group)
            ordered += found[::-1] if is_inside else found
        runs = ordered
    return runs


def _by_font(text: str, first: Font) -> Iterator[tuple[Font, str]]:
    """Yield the parts of a text with the first font that has all of their characters."""
    font, start = first, 0
    for at, character in enumerate(text):
        is_part = unicodedata.combining(character) or character in "\u200c\u200d "  # of what it follows
        chosen = font if is_part and at else _font_of(character, font, first)
        if chosen is not font:
            if at > start:
                yield font, text[start:at]
            font, start = chosen, at
    yield font, text[start:]


def _font_of(character: str, last: Font, first: Font) -> Font:
    """Return the font of a character, after one in the font `last`."""
    if first.has(character) and unicodedata.category(character)[0] == "L":
        return first
    for font in (last, first, regular()):
        if font.has(character):
            return font
    for name in _SCRIPTS:
        if _of_script(name).has(character):
            return _of_script(name)
    cjk = _cjk()
    return cjk if cjk is not None and cjk.has(character) else first
