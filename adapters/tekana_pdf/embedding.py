"""The part of a font that a document uses, as objects of its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Final

from fontTools import subset
from fontTools.ttLib import TTFont

from tekana_pdf.font import Font, Glyph
from tekana_pdf.pdf_file import PdfFile

_PAIRS_PER_BLOCK: Final = 100
_NO_TEXT: Final = "\u200b"  # of a glyph that is a part of the one before, such as the dots of an Arabic letter


class FontCodes:
    """The codes of a font's glyphs in a document.

    A glyph that stands for several letters, as the body of Arabic letters does, has a code for each, so that text can
    be searched and copied.

    Attributes:
        font: the font.
        is_cff: whether its outlines are in the Compact Font Format, where the code is the glyph's own identifier.
    """

    def __init__(self, font: Font) -> None:
        self.font: Final = font
        self.is_cff: Final = font.path.suffix == ".otf"
        self._codes: dict[tuple[int, str], int] = {}
        self._simple: dict[str, tuple[str, float]] = {}
        self.glyphs: dict[int, tuple[int, str]] = {}

    def simple(self, text: str) -> tuple[str, float]:
        """Return the codes of a simple text in hexadecimal, and its width in thousandths of the font size."""
        known = self._simple
        for character in text:
            if character not in known:
                glyph = self.font.glyph_of(character)
                known[character] = f"{self.code_of(glyph):04x}", glyph.advance
        found = [known[character] for character in text]
        return "".join([code for code, _ in found]), sum([advance for _, advance in found])

    def code_of(self, glyph: Glyph) -> int:
        """Return the code of a glyph, which the document needs then."""
        used = glyph.id, glyph.text or _NO_TEXT
        code = self._codes.get(used)
        if code is None:
            code = self._codes[used] = glyph.id if self.is_cff else len(self._codes) + 1
            self.glyphs.setdefault(code, used)
        return code


def embed(file: PdfFile, number: int, used: FontCodes) -> None:
    """Write a font, with the glyphs that a document uses.

    Args:
        file: the file.
        number: the number of the object that the font is.
        used: the glyphs.
    """
    font, codes = used.font, sorted(used.glyphs)
    base = f"/{_tag(codes)}+{font.name}".encode()
    descriptor, mapping = _program(file, base, used)
    widths = " ".join(f"{one}[{font.width(used.glyphs[one][0]):g}]" for one in codes).encode()
    descendant = file.add(
        b"<</Type/Font/Subtype/%b/BaseFont%b/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
        b"/FontDescriptor %d 0 R/DW 1000/W[%b]%b>>"
        % (b"CIDFontType0" if used.is_cff else b"CIDFontType2", base, descriptor, widths, mapping)
    )
    unicode = file.add_stream(_unicode_map({code: text for code, (_, text) in used.glyphs.items()}))
    file.write(
        number,
        b"<</Type/Font/Subtype/Type0/BaseFont%b/Encoding/Identity-H/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>"
        % (base, descendant, unicode),
    )


def _program(file: PdfFile, base: bytes, used: FontCodes) -> tuple[int, bytes]:
    """Write the outlines and their description; return its number, and the entry that maps codes to glyphs."""
    glyph_ids = {glyph_id for glyph_id, _ in used.glyphs.values()}
    with TTFont(used.font.path, lazy=True) as font:
        head, metrics = font["head"], font["hhea"]
        numbers = (head.xMin, head.yMin, head.xMax, head.yMax, metrics.ascent, metrics.descent, metrics.ascent)
        data = _subset(font, glyph_ids, keep_ids=not used.is_cff)
    if used.is_cff:  # a subset keeps the glyphs' own identifiers
        with TTFont(BytesIO(data), lazy=True) as part:
            program = b"FontFile3", file.add_stream(part.reader["CFF "], b"/Subtype/CIDFontType0C")
        mapping = b""
    else:
        program = b"FontFile2", file.add_stream(data, b"/Length1 %d" % len(data))
        table = bytearray(2 * (len(used.glyphs) + 1))
        for code, (glyph_id, _) in used.glyphs.items():
            table[2 * code : 2 * code + 2] = glyph_id.to_bytes(2, "big")
        mapping = b"/CIDToGIDMap %d 0 R" % file.add_stream(bytes(table))
    scaled = (round(one * used.font.scale) for one in numbers)
    return file.add(
        b"<</Type/FontDescriptor/FontName%b/Flags 4/FontBBox[%d %d %d %d]/ItalicAngle 0/Ascent %d/Descent %d"
        b"/CapHeight %d/StemV 80/%b %d 0 R>>" % (base, *scaled, *program)
    ), mapping


def _subset(font: TTFont, glyph_ids: Iterable[int], *, keep_ids: bool) -> bytes:
    """Return the file of a font with these glyphs only."""
    options = subset.Options()
    options.retain_gids = keep_ids
    options.layout_features = []
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "BASE", "VORG", "vhea", "vmtx", "name"]
    options.notdef_outline = True
    subsetter = subset.Subsetter(options)
    subsetter.populate(gids=sorted(glyph_ids))
    subsetter.subset(font)
    file = BytesIO()
    font.save(file)
    return file.getvalue()


def _tag(codes: list[int]) -> str:
    """Return six letters, which mark a font as a part of one."""
    number = hash(tuple(codes)) & 0xFFFFFFFF
    return "".join(chr(ord("A") + number // 26**place % 26) for place in range(6))


def _unicode_map(texts: Mapping[int, str]) -> bytes:
    """Return the map from codes to text, in the language of PostScript."""
    pairs = [f"<{one:04x}><{text.encode('utf-16-be').hex()}>" for one, text in sorted(texts.items())]
    blocks = [pairs[at : at + _PAIRS_PER_BLOCK] for at in range(0, len(pairs), _PAIRS_PER_BLOCK)]
    lines = [f"{len(block)} beginbfchar\n{chr(10).join(block)}\nendbfchar" for block in blocks]
    return (
        "/CIDInit/ProcSet findresource begin 12 dict begin begincmap\n"
        "/CIDSystemInfo<</Registry(Adobe)/Ordering(UCS)/Supplement 0>>def\n"
        "/CMapName/Adobe-Identity-UCS def/CMapType 2 def\n"
        "1 begincodespacerange<0000><ffff>endcodespacerange\n"
        f"{chr(10).join(lines)}\n"
        "endcmap CMapName currentdict/CMap defineresource pop end end"
    ).encode()
