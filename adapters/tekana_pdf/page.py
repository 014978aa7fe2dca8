"""What is drawn on a page: text and lines, in points from the top left corner."""

from __future__ import annotations

from functools import cache
from typing import Final

from tekana_pdf.embedding import FontCodes, embed
from tekana_pdf.font import Font
from tekana_pdf.pdf_file import PdfFile
from tekana_pdf.text import Run, bold, fitted, is_simple, regular, width

WIDTH: Final = 595.28  # A4
HEIGHT: Final = 841.89

Color = tuple[float, float, float]


class Fonts:
    """The fonts of a document, with the glyphs that it uses."""

    def __init__(self, file: PdfFile) -> None:
        self._file = file
        self._numbers: dict[Font, int] = {}
        self._codes: dict[Font, FontCodes] = {}

    def name(self, font: Font) -> str:
        """Return the name of a font on pages."""
        if font not in self._numbers:
            self._numbers[font] = self._file.reserve()
            self._codes[font] = FontCodes(font)
        return f"F{self._numbers[font]}"

    def codes(self, font: Font) -> FontCodes:
        """Return the codes of a font's glyphs on pages."""
        return self._codes[font]

    def resources(self) -> bytes:
        """Return the dictionary of the fonts that are known by now."""
        return " ".join([f"/{self.name(font)} {number} 0 R" for font, number in self._numbers.items()]).encode()

    def embed(self) -> None:
        """Write all fonts."""
        for font, number in self._numbers.items():
            embed(self._file, number, self._codes[font])


class Page:
    """A page that is being drawn."""

    def __init__(self, fonts: Fonts) -> None:
        self._fonts = fonts
        self._operators: list[str] = []

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float,
        color: Color,
        room: float,
        right: bool = False,
        heading: bool = False,
    ) -> None:
        """Draw a line of text.

        Args:
            x, y: where its baseline begins; where it ends, with `right`.
            text: the text. What there is no room for is left out.
            size: the font size.
            color: the color.
            room: the largest width.
            right: whether it is aligned to the right.
            heading: whether it is in bold.
        """
        shown, length = self._simple(text, size, heading) if is_simple(text) else ("", room + 1)
        if length > room:
            runs = fitted(text, size, room, heading)
            length = width(runs, size)
            parts = [f"/{self._fonts.name(run.font)} {size:g} Tf {_shown(run, size, self._fonts)}" for run in runs]
            shown = "\n".join(parts)
        x = x - length if right else x
        self._operators.append(f"BT {_color(color)} rg 1 0 0 1 {x:.2f} {HEIGHT - y:.2f} Tm {shown} ET")

    def _simple(self, text: str, size: float, heading: bool) -> tuple[str, float]:
        """Return the operators that show a simple text, and its width."""
        font = bold() if heading else regular()
        name = self._fonts.name(font)
        codes, length = self._fonts.codes(font).simple(text)
        return f"/{name} {size:g} Tf <{codes}> Tj", length * size / 1_000

    def line(self, x: float, y: float, end: float, thickness: float, color: Color) -> None:
        """Draw a horizontal line."""
        self._operators.append(
            f"{_color(color)} RG {thickness:g} w {x:.2f} {HEIGHT - y:.2f} m {end:.2f} {HEIGHT - y:.2f} l S"
        )

    def box(self, x: float, y: float, box_width: float, box_height: float, color: Color) -> None:
        """Fill a rectangle, whose top left corner is given."""
        self._operators.append(
            f"{_color(color)} rg {x:.2f} {HEIGHT - y - box_height:.2f} {box_width:.2f} {box_height:.2f} re f"
        )

    def content(self) -> bytes:
        """Return the content of the page."""
        return "\n".join(self._operators).encode()


@cache
def _color(color: Color) -> str:
    return "{:g} {:g} {:g}".format(*color)


def _shown(run: Run, size: float, fonts: Fonts) -> str:
    """Return the operators that show a run: glyphs, with their distance where it is not their width."""
    used = fonts.codes(run.font)
    parts: list[str] = []
    codes: list[str] = []
    rise = 0.0

    def move(distance: float) -> None:  # to the right, in thousandths of the font size
        if abs(distance) >= 0.5:
            flush()
            parts.append(f"{-distance:.0f}")

    def flush() -> None:
        if codes:
            parts.append(f"<{''.join(codes)}>")
            codes.clear()

    operators: list[str] = []
    for glyph in run.glyphs:
        if glyph.y != rise:
            flush()
            if parts:
                operators.append(f"[{' '.join(parts)}] TJ")
                parts.clear()
            rise = glyph.y
            operators.append(f"{rise * size / 1_000:.3f} Ts")
        move(glyph.x)
        codes.append(f"{used.code_of(glyph):04x}")
        move(glyph.advance - run.font.width(glyph.id) - glyph.x)
    flush()
    if parts:
        operators.append(f"[{' '.join(parts)}] TJ")
    if rise:
        operators.append("0 Ts")
    return " ".join(operators)
