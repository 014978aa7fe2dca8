"""Statements as PDF.

pdf_file   the file format, written object by object
font       a font, and shaping with HarfBuzz
embedding  the part of a font that goes into the file
fonts      the fonts of all scripts; README.md there says where they are from
text       lines of text in any scripts and directions
page       what is drawn on a page
statement  the layout of a statement

No library for PDF is used: those that shape text keep a document in memory until it is complete, and statements are of
any length.
"""

from tekana_pdf.statement import PdfStatement

__all__ = ["PdfStatement"]
