"""The layout of a statement: the customer, the period and the totals, then a table of the entries over all pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

from tekana.domain.identifiers import house_role
from tekana.domain.money import format_minor
from tekana.domain.terms import zone_of
from tekana.domain.transaction import PostedEntry
from tekana.ports.statement_form import StatementHeading
from tekana_pdf.page import HEIGHT, WIDTH, Color, Fonts, Page
from tekana_pdf.pdf_file import PdfFile, text_string

_DARK: Final[Color] = (0.13, 0.15, 0.18)
_GRAY: Final[Color] = (0.42, 0.45, 0.49)
_PALE: Final[Color] = (0.85, 0.87, 0.89)
_TINT: Final[Color] = (0.945, 0.965, 0.965)
_ACCENT: Final[Color] = (0.04, 0.37, 0.40)

_LEFT: Final = 42.0
_RIGHT: Final = WIDTH - 42.0
_ROW: Final = 25.0
_LAST_ROW: Final = HEIGHT - 62.0  # where the table ends at the latest
_FIRST_TABLE: Final = 268.0
_NEXT_TABLE: Final = 84.0
_HEAD: Final = 22.0  # of the table

# Where amounts end, and texts begin.
_TEXT: Final = 118.0
_OUT: Final = 388.0
_IN: Final = 468.0
_AMOUNT: Final = 78.0
_TEXT_ROOM: Final = _OUT - _AMOUNT - _TEXT - 8


def _rows_on(top: float) -> int:
    return int((_LAST_ROW - top - _HEAD) // _ROW)


class PdfStatement:
    """Implements tekana.ports.statement_form.StatementForm.

    All rows have the same height, so that the number of pages is known from the number of entries, and each page is
    written when it is full.
    """

    MEDIA_TYPE: ClassVar[str] = "application/pdf"
    FILE_TYPE: ClassVar[str] = "pdf"
    NAMES_CUSTOMER: ClassVar[bool] = True

    def __init__(self, heading: StatementHeading) -> None:
        self._heading = heading
        self._summary = heading.summary
        self._zone = zone_of(heading.time_zone)
        self._file = PdfFile()
        self._fonts = Fonts(self._file)
        self._catalog, self._tree, self._resources = (self._file.reserve() for _ in range(3))
        self._pages: list[int] = []
        one = heading.summary
        rows = one.closing_version - one.opening_version + 2  # with the opening and the closing balance
        self._page_count = 1 + -(-max(rows - _rows_on(_FIRST_TABLE), 0) // _rows_on(_NEXT_TABLE))
        self._page = Page(self._fonts)
        self._y = 0.0

    def begin(self) -> bytes:
        self._first_page()
        start = self._summary.start.astimezone(self._zone)
        self._balance_row("Opening balance", _day(start), f"{start:%H:%M:%S}", self._summary.opening_balance)
        return self._file.take()

    def write(self, entries: Sequence[PostedEntry]) -> bytes:
        for line in entries:
            self._entry(line)
        return self._file.take()

    def end(self) -> bytes:
        last = self._summary.end.astimezone(self._zone)
        time = f"{last:%H:%M:%S}"
        if time == "00:00:00":  # the end of the last day, rather than the beginning of the next
            last, time = last - timedelta(days=1), "24:00:00"
        self._balance_row("Closing balance", _day(last), time, self._summary.closing_balance)
        self._end_page()
        self._fonts.embed()
        file, one = self._file, self._summary
        kids = " ".join(f"{number} 0 R" for number in self._pages).encode()
        file.write(self._resources, b"<</Font<<%b>>>>" % self._fonts.resources())
        file.write(self._tree, b"<</Type/Pages/Count %d/Kids[%b]>>" % (len(self._pages), kids))
        file.write(
            self._catalog,
            b"<</Type/Catalog/Pages %d 0 R/Lang(en)/ViewerPreferences<</DisplayDocTitle true>>>>" % self._tree,
        )
        created = f"D:{one.created_at.astimezone(UTC):%Y%m%d%H%M%S}Z".encode()
        title = text_string(f"Statement, {self._period}")
        info = file.add(b"<</Title %b/Producer(tekana)/CreationDate(%b)>>" % (title, created))
        file.close(self._catalog, info)
        return file.take()

    # ------------------------------------------------------------------ pages

    def _first_page(self) -> None:
        one, page = self._summary, self._page
        page.box(0, 0, WIDTH, 6, _ACCENT)
        page.text(_LEFT, 58, "Statement", size=22, color=_ACCENT, room=250, heading=True)
        page.text(_RIGHT, 50, self._period, size=10, color=_DARK, room=270, right=True, heading=True)
        made = f"Made on {_moment(one.created_at.astimezone(self._zone))}"
        page.text(_RIGHT, 64, made, size=8, color=_GRAY, room=270, right=True)
        page.text(_LEFT, 108, self._owner, size=15, color=_DARK, room=_RIGHT - _LEFT)
        page.text(_LEFT, 126, f"Wallet {one.wallet_id}", size=8.5, color=_GRAY, room=330)
        page.text(_LEFT, 139, f"Currency {one.currency}", size=8.5, color=_GRAY, room=330)
        self._totals(162)
        self._table_head(_FIRST_TABLE)

    def _totals(self, y: float) -> None:
        """Draw the balances and the totals, side by side."""
        one, page = self._summary, self._page
        cells = (
            ("Opening balance", one.opening_balance, ""),
            ("Money in", one.total_credits, _count(one.credit_count)),
            ("Money out", one.total_debits, _count(one.debit_count)),
            ("Closing balance", one.closing_balance, ""),
        )
        gap, cell = 8.0, (_RIGHT - _LEFT - 24) / 4
        for place, (label, minor, note) in enumerate(cells):
            x = _LEFT + place * (cell + gap)
            page.box(x, y, cell, 74, _TINT)
            page.text(x + 10, y + 20, label, size=8, color=_GRAY, room=cell - 20)
            page.text(x + 10, y + 42, self._money(minor), size=12.5, color=_DARK, room=cell - 14, heading=True)
            page.text(x + 10, y + 60, note or one.currency, size=8, color=_GRAY, room=cell - 20)

    def _next_page(self) -> None:
        self._end_page()
        one, self._page = self._summary, Page(self._fonts)
        page = self._page
        page.text(_LEFT, 46, self._owner, size=10, color=_DARK, room=250)
        page.text(_LEFT, 60, f"Wallet {one.wallet_id}", size=7.5, color=_GRAY, room=250)
        page.text(_RIGHT, 46, self._period, size=9, color=_DARK, room=270, right=True)
        page.text(_RIGHT, 60, f"Amounts in {one.currency}", size=7.5, color=_GRAY, room=250, right=True)
        self._table_head(_NEXT_TABLE)

    def _end_page(self) -> None:
        """Draw the footer, and write the page."""
        number = f"Page {len(self._pages) + 1} of {self._page_count}"
        self._page.line(_LEFT, HEIGHT - 44, _RIGHT, 0.5, _PALE)
        self._page.text(
            _LEFT, HEIGHT - 30, f"Times are those of {self._heading.time_zone}", size=7.5, color=_GRAY, room=200
        )
        self._page.text(_RIGHT, HEIGHT - 30, number, size=7.5, color=_GRAY, room=200, right=True)
        content = self._file.add_stream(self._page.content())
        self._pages.append(
            self._file.add(
                b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 %.2f %.2f]/Resources %d 0 R/Contents %d 0 R>>"
                % (self._tree, WIDTH, HEIGHT, self._resources, content)
            )
        )

    def _table_head(self, y: float) -> None:
        page, base = self._page, y + 14
        page.text(_LEFT, base, "Date", size=8, color=_ACCENT, room=70, heading=True)
        page.text(_TEXT, base, "Description", size=8, color=_ACCENT, room=150, heading=True)
        for x, label in ((_OUT, "Out"), (_IN, "In"), (_RIGHT, "Balance")):
            page.text(x, base, label, size=8, color=_ACCENT, room=_AMOUNT, right=True, heading=True)
        page.line(_LEFT, y + _HEAD - 2, _RIGHT, 1, _ACCENT)
        self._y = y + _HEAD

    # ------------------------------------------------------------------ rows

    def _row(self) -> float:
        """Begin a row, on the next page if this one is full, and return its upper edge."""
        if self._y + _ROW > _LAST_ROW:
            self._next_page()
        y, self._y = self._y, self._y + _ROW
        self._page.line(_LEFT, self._y, _RIGHT, 0.4, _PALE)
        return y

    def _entry(self, line: PostedEntry) -> None:
        y, page, entry = self._row(), self._page, line.entry
        posted = line.posted_at.astimezone(self._zone)
        kind = line.type.replace("_", " ").capitalize()
        page.text(_LEFT, y + 11, _day(posted), size=8.5, color=_DARK, room=72)
        page.text(_LEFT, y + 20.5, f"{posted:%H:%M:%S}", size=7, color=_GRAY, room=72)
        page.text(_TEXT, y + 11, line.description or kind, size=8.5, color=_DARK, room=_TEXT_ROOM)
        details = [kind] if line.description else []
        details.append(line.reference or str(line.transaction_id))
        page.text(_TEXT, y + 20.5, " · ".join(details), size=7, color=_GRAY, room=_TEXT_ROOM)
        x = _IN if entry.amount_minor > 0 else _OUT
        amount, balance = self._money(abs(entry.amount_minor)), self._money(entry.ledger_balance_after)
        page.text(x, y + 11, amount, size=8.5, color=_DARK, room=_AMOUNT, right=True)
        page.text(_RIGHT, y + 11, balance, size=8.5, color=_DARK, room=_AMOUNT, right=True)

    def _balance_row(self, label: str, day: str, time: str, minor: int) -> None:
        y, page = self._row(), self._page
        page.box(_LEFT, y + 1, _RIGHT - _LEFT, _ROW - 1.5, _TINT)
        page.text(_LEFT, y + 11, day, size=8.5, color=_DARK, room=72)
        page.text(_LEFT, y + 20.5, time, size=7, color=_GRAY, room=72)
        page.text(_TEXT, y + 14, label, size=8.5, color=_DARK, room=_TEXT_ROOM, heading=True)
        page.text(_RIGHT, y + 14, self._money(minor), size=8.5, color=_DARK, room=100, right=True, heading=True)

    @property
    def _owner(self) -> str:
        """The name of the customer; of a house wallet its role; and of a customer without a name their id."""
        one = self._summary
        role = house_role(one.wallet_id)
        if role is not None:
            return f"{role.capitalize()} wallet of the operator"
        return self._heading.customer_name or f"Customer {one.customer_id}"

    @property
    def _period(self) -> str:
        """The period in words."""
        return _in_words(*(one.astimezone(self._zone) for one in (self._summary.start, self._summary.end)))

    def _money(self, minor: int) -> str:
        """Return an amount as people read it, with commas between the thousands."""
        sign, major = "-" if minor < 0 else "", format_minor(abs(minor), self._summary.currency)
        whole, dot, decimals = major.partition(".")
        return f"{sign}{int(whole):,}{dot}{decimals}"


def _count(number: int) -> str:
    return "1 entry" if number == 1 else f"{number:,} entries"


def _in_words(start: datetime, end: datetime) -> str:
    """Return a period in words: with its first and last day, if it has whole days only."""
    midnights = {(one.hour, one.minute, one.second, one.microsecond) for one in (start, end)}
    if midnights == {(0, 0, 0, 0)} and start < end:
        last = end - timedelta(days=1)
        return _day(start) if last == start else f"{_day(start)} to {_day(last)}"
    return f"{_moment(start)} to {_moment(end)}"


def _moment(moment: datetime) -> str:
    return f"{_day(moment)}, {moment:%H:%M}"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y}"
