"""The file format (ISO 32000-1): objects, which are written as soon as they are complete, and their table."""

from __future__ import annotations

import zlib
from typing import Final

_HEADER: Final = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"


class PdfFile:
    """A file that is written from its beginning to its end. It keeps the offset of each object, and nothing else."""

    def __init__(self) -> None:
        self._written = bytearray(_HEADER)
        self._taken = 0
        self._offsets: list[int] = []

    def reserve(self) -> int:
        """Return the number of an object that is written later."""
        self._offsets.append(0)
        return len(self._offsets)

    def add(self, content: bytes) -> int:
        """Write an object, and return its number."""
        number = self.reserve()
        self.write(number, content)
        return number

    def add_stream(self, data: bytes, entries: bytes = b"") -> int:
        """Write a stream, compressed, and return its number.

        Args:
            data: its content.
            entries: further entries of its dictionary.
        """
        packed = zlib.compress(data)
        head = b"<</Filter/FlateDecode/Length %d%b>>" % (len(packed), entries)
        return self.add(head + b"\nstream\n" + packed + b"\nendstream")

    def write(self, number: int, content: bytes) -> None:
        """Write the object of a reserved number."""
        self._offsets[number - 1] = self._taken + len(self._written)
        self._written += b"%d 0 obj\n%b\nendobj\n" % (number, content)

    def take(self) -> bytes:
        """Return what was written since the last call."""
        part = bytes(self._written)
        self._taken += len(part)
        self._written.clear()
        return part

    def close(self, catalog: int, info: int) -> None:
        """Write the table of objects, and the end of the file.

        Args:
            catalog: the number of the object that is the root of the document.
            info: the number of the object about the document.
        """
        start, count = self._taken + len(self._written), len(self._offsets) + 1
        self._written += b"xref\n0 %d\n0000000000 65535 f \n" % count
        for offset in self._offsets:
            self._written += b"%010d 00000 n \n" % offset
        self._written += b"trailer\n<</Size %d/Root %d 0 R/Info %d 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
            *(count, catalog, info),
            start,
        )


def text_string(text: str) -> bytes:
    """Return text as a string object, in UTF-16."""
    return b"<feff" + text.encode("utf-16-be").hex().encode() + b">"
