"""Statements as PDF: what a reader shows of them, in every script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pypdfium2
import pytest

from tekana import Currency, CustomerId, Entry, PostedEntry, TransactionId, WalletId, house_wallet_id
from tekana.ports.statement_form import StatementHeading
from tekana.ports.wallets import StatementSummary
from tekana_pdf import PdfStatement, text
from tests.statements.test_http import read, wallet_with_history

RWF = Currency("RWF")
WALLET = WalletId(UUID("0198d2a0-0000-7000-8000-000000000002"))
CUSTOMER = CustomerId(UUID("0198d2a0-0000-7000-8000-000000000001"))
KIGALI = "Africa/Kigali"
START = datetime(2026, 1, 1, tzinfo=ZoneInfo(KIGALI))
END = datetime(2026, 2, 1, tzinfo=ZoneInfo(KIGALI))

NAMES = {
    "Latin": "Aline Uwase Świętosława Nguyễn",
    "Greek": "Ελένη Παπαδοπούλου",
    "Cyrillic": "Наталья Щукина",
    "Arabic": "محمد بن عبد الله",
    "Hebrew": "שרה כהן",
    "Ethiopic": "አበበ ቢቂላ ወልደ ሥላሴ",
    "Chinese": "王小明",
    "traditional Chinese": "龍應台",
    "Japanese": "山田太郎 さくら サクラ",
    "Korean": "김철수",
    "Devanagari": "अमित शर्मा",
    "Bengali": "রবীন্দ্রনাথ ঠাকুর",
    "Tamil": "தமிழ்ச்செல்வி",
    "Thai": "สมชาย ใจดี",
    "Georgian": "ნინო ბერიძე",
    "Armenian": "Արամ Խաչատրյան",
    "several": "Aline محمد አበበ 王小明",
}
READ_BACKWARDS = {"Arabic", "Hebrew", "several"}
"""Names whose text a reader puts together from glyphs in the order on the page; some in another order."""


def made(
    entry_count: int,
    name: str | None = "Aline Uwase",
    descriptions: Sequence[str | None] = ("Lunch", None),
    wallet_id: WalletId = WALLET,
    currency: Currency = RWF,
    end: datetime = END,
    time_zone: str = KIGALI,
) -> Iterator[bytes]:
    """Yield the parts of a statement of entries of 5 each."""
    customer_id = CUSTOMER if wallet_id == WALLET else None
    closing = 1_000 + 5 * entry_count
    summary = StatementSummary(
        *(wallet_id, customer_id, currency, START, end, END, 1_000, closing, 5 * entry_count, 0, entry_count, 0),
        *(7, 7 + entry_count),
    )
    form = PdfStatement(StatementHeading(summary, name, time_zone))
    yield form.begin()
    for first in range(0, entry_count, 200):
        yield form.write(
            [
                PostedEntry(
                    Entry(wallet_id, 8 + number, 8 + number, 5, currency, 1_005 + 5 * number),
                    TransactionId(UUID(int=number)),
                    "deposit",
                    descriptions[number % len(descriptions)],
                    f"r-{number}",
                    START + timedelta(minutes=number),
                )
                for number in range(first, min(first + 200, entry_count))
            ]
        )
    yield form.end()


def texts(document: bytes) -> list[str]:
    """Return the text of each page, as a reader finds it."""
    with pypdfium2.PdfDocument(document) as opened:
        return [page.get_textpage().get_text_range() for page in opened]


def test_a_short_statement() -> None:
    [page] = texts(b"".join(made(3)))
    for shown in (
        *("Statement", "1 Jan 2026 to 31 Jan 2026", "Made on 1 Feb 2026, 00:00", "Aline Uwase", str(WALLET)),
        *("Opening balance", "1,000", "Money in", "15", "3 entries", "Money out", "0 entries", "Closing balance"),
        *("1,015", "Lunch", "Deposit · r-0", "1,005", "24:00:00", "Page 1 of 1"),
    ):
        assert shown in page


@pytest.mark.parametrize("entry_count", [0, 1, 17, 18, 19, 20, 44, 45, 46, 47, 70, 71, 72, 73, 3_000])
def test_each_page_has_its_number_and_each_entry_is_there(entry_count: int) -> None:
    pages = texts(b"".join(made(entry_count)))
    assert [f"Page {number} of {len(pages)}" in page for number, page in enumerate(pages, 1)] == [True] * len(pages)
    assert all("Aline Uwase" in page and "to 31 Jan 2026" in page for page in pages)
    words = "\n".join(pages).split()
    assert [f"r-{number}" for number in range(entry_count)] == [word for word in words if word.startswith("r-")]
    assert "Opening balance" in pages[0]
    assert "Closing balance" in pages[-1]


@pytest.mark.parametrize("script", NAMES)
def test_names_in_every_script(script: str) -> None:
    name = NAMES[script]
    runs = text.line(name)
    assert all(glyph.id for run in runs for glyph in run.glyphs), "a character has no glyph"
    [page] = texts(b"".join(made(1, name, [name])))
    if script not in READ_BACKWARDS:
        # Readers guess spaces from distances, and a glyph that is a part of a letter has no text of its own.
        assert _solid(page).count(_solid(name)) == 2, page


def _solid(shown: str) -> str:
    return "".join(shown.replace("\u200b", "").split())


def test_letters_of_a_word_are_joined_and_go_from_right_to_left() -> None:
    [run] = text.line("محمد")
    alone = [text.line(letter)[0].glyphs[0].id for letter in "محمد"]
    assert [glyph.id for glyph in run.glyphs] != alone[::-1]  # their forms depend on their neighbours
    assert "".join(glyph.text for glyph in reversed(run.glyphs)) == "محمد"


def test_directions_are_mixed_as_readers_expect() -> None:
    runs = text.line("Paid محمد 12 RWF")
    shown = ["".join(glyph.text for glyph in run.glyphs) for run in runs]
    assert shown[0] == "Paid "
    assert shown[-1].endswith("RWF")
    assert "12" in "".join(shown)
    runs = text.line("محمد (12)")  # this line goes from right to left, the number in it from left to right
    glyphs = [glyph for run in runs for glyph in run.glyphs]
    assert [glyph.id for glyph in glyphs[:4]] == [text.regular().glyph_of(one).id for one in "(12)"]


def test_an_unknown_character_is_shown_as_a_box() -> None:
    [page] = texts(b"".join(made(1, "Aline \U000102a0", ["\U0001f600 lunch"])))
    assert "lunch" in page


def test_long_text_ends_with_an_ellipsis() -> None:
    for long in ("Lunch at the café " * 20, "غداء في المطعم " * 20, "W" * 500):
        runs = text.fitted(long, 8.5, 150)
        assert text.width(runs, 8.5) <= 150
        assert "…" in "".join(glyph.text for run in runs for glyph in run.glyphs)
    assert text.fitted("Lunch", 8.5, 150) == text.line("Lunch")


def test_without_a_name() -> None:
    assert f"Customer {CUSTOMER}" in texts(b"".join(made(1, None)))[0]
    [page] = texts(b"".join(made(1, None, wallet_id=house_wallet_id("settlement", RWF))))
    assert "Settlement wallet of the operator" in page


def test_periods_and_amounts() -> None:
    [page] = texts(b"".join(made(1, currency=Currency("USD"), end=START + timedelta(hours=9, minutes=30))))
    assert "1 Jan 2026, 00:00 to 1 Jan 2026, 09:30" in page
    assert "10.05" in page
    [page] = texts(b"".join(made(1, end=START + timedelta(days=1))))
    assert "1 Jan 2026 to" not in page


def test_times_are_those_of_the_operators_time_zone() -> None:
    for time_zone, period in (
        (KIGALI, "1 Jan 2026 to 31 Jan 2026"),
        ("UTC", "31 Dec 2025, 22:00 to 31 Jan 2026, 22:00"),
    ):
        [page] = texts(b"".join(made(1, time_zone=time_zone)))
        assert period in page
        assert f"Times are those of {time_zone}" in page


def test_control_characters_do_no_harm() -> None:
    [page] = texts(b"".join(made(2, "Al\nine\t(Uwase)\\ >", ["a\nb\x01c", "endstream endobj"])))
    assert "Al ine (Uwase)\\ >" in page
    assert "endstream endobj" in page


async def test_over_http(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with_history(client, description="غداء")
    for headers in ({"accept": "application/pdf"}, {"format": "pdf"}):
        answer = await read(client, wallet, **headers)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["content-disposition"].endswith('.pdf"')
        [page] = texts(answer.content)
        assert "Aline Uwase" in page
        assert "3,850" in page
