"""A font, and shaping with HarfBuzz."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import uharfbuzz as hb

_RUNS_KEPT: Final = 4_096  # names, descriptions and types come again and again
_UNITS: Final = 1_000  # of a glyph's space, per font size


class Glyph(NamedTuple):
    """A glyph in its place. Lengths are in thousandths of the font size.

    Attributes:
        id: its number in the font.
        advance: the distance to the next glyph.
        x, y: the offset from its place.
        text: the text that it stands for; empty where an earlier glyph stands for the same.
    """

    id: int
    advance: float
    x: float
    y: float
    text: str


class Font:
    """A font of a file, which is read when it is first needed. It is the same for all documents.

    Attributes:
        name: its PostScript name.
        path: the file.
        scale: the length of the font's unit, in thousandths of the font size.
    """

    def __init__(self, path: Path) -> None:
        self.name: Final = path.stem
        self.path: Final = path
        self._font = hb.Font(hb.Face(hb.Blob.from_file_path(str(path))))
        self.scale: Final = _UNITS / self._font.face.upem
        self._glyphs: dict[str, Glyph] = {}
        self.shape = lru_cache(maxsize=_RUNS_KEPT)(self._shape)

    def has(self, character: str) -> bool:
        """Return whether the font has a glyph of a character."""
        return bool(self._font.get_nominal_glyph(ord(character)))

    def glyph_of(self, character: str) -> Glyph:
        """Return the glyph of a character by itself."""
        found = self._glyphs.get(character)
        if found is None:
            glyph_id = self._font.get_nominal_glyph(ord(character)) or 0
            found = self._glyphs[character] = Glyph(glyph_id, self.width(glyph_id), 0, 0, character)
        return found

    def _shape(self, text: str, is_rtl: bool) -> tuple[Glyph, ...]:
        """Return the glyphs of a run of text of one direction, from left to right."""
        buffer = hb.Buffer()
        buffer.add_str(text)
        buffer.guess_segment_properties()
        buffer.direction = "rtl" if is_rtl else "ltr"
        hb.shape(self._font, buffer)
        infos, positions = buffer.glyph_infos, buffer.glyph_positions
        # Of several glyphs for the same text, the first one that has a width stands for it.
        spacing: dict[int, int] = {}
        for at, info in enumerate(infos):
            if info.cluster not in spacing or (
                positions[at].x_advance and not positions[spacing[info.cluster]].x_advance
            ):
                spacing[info.cluster] = at
        starts = sorted({info.cluster for info in infos})
        texts = dict(
            zip(starts, (text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)), strict=True)
        )
        return tuple(
            [
                Glyph(
                    info.codepoint,
                    position.x_advance * self.scale,
                    position.x_offset * self.scale,
                    position.y_offset * self.scale,
                    texts[info.cluster] if spacing[info.cluster] == at else "",
                )
                for at, (info, position) in enumerate(zip(infos, positions, strict=True))
            ]
        )

    def width(self, glyph_id: int) -> float:
        """Return the width of a glyph by itself, in thousandths of the font size."""
        return float(self._font.get_glyph_h_advance(glyph_id) * self.scale)
