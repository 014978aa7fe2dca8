"""A statement of any length is written in constant memory."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from tekana import Currency, Entry, Page, PageRequest, PostedEntry, TransactionId, WalletId
from tekana.application.statements import FORMS, Statement
from tekana.application.statements.statement import BrokenStatement
from tekana.ports.wallets import StatementSummary, Wallets
from tekana_pdf import PdfStatement

WALLET = WalletId(UUID(int=1))
RWF = Currency("RWF")
NOW = datetime(2026, 2, 1, tzinfo=UTC)


class EndlessWallet:
    """A reader of a wallet whose entries of 5 each are made when they are read. The balance is wrong after `wrong`."""

    def __init__(self, wrong: int | None = None) -> None:
        self._wrong = wrong

    async def entries(self, wallet_id: WalletId, page: PageRequest, *_: object) -> Page[PostedEntry]:
        first = int(page.cursor or 0)
        lines = [self._line(version) for version in range(first + 1, first + 1 + page.limit)]
        return Page(tuple(lines), str(first + page.limit))

    def _line(self, version: int) -> PostedEntry:
        balance = 5 * version + (self._wrong == version)
        entry = Entry(WALLET, version, version, 5, RWF, balance)
        return PostedEntry(entry, TransactionId(UUID(int=version)), "deposit", f"Lunch {version}", f"r-{version}", NOW)


def statement(entry_count: int, opening_version: int = 0, wrong: int | None = None) -> Statement:
    """Return a statement with this many entries."""
    opening = 5 * opening_version
    summary = StatementSummary(
        *(WALLET, None, RWF, NOW, NOW, NOW, opening, opening + 5 * entry_count, 5 * entry_count, 0, entry_count, 0),
        *(opening_version, opening_version + entry_count),
    )
    wallets = cast("Wallets", EndlessWallet(wrong))
    return Statement(summary, wallets, cast("Any", None), cast("Any", None), "UTC")


async def written(entry_count: int, form: Any) -> tuple[int, int]:
    """Write a statement; return the size of the document, and the most memory that was in use at a time."""
    size = 0
    tracemalloc.start()
    async for part in statement(entry_count).parts(form):
        size += len(part)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size, most


@pytest.mark.parametrize("form", [*FORMS.values(), PdfStatement], ids=lambda form: form.FILE_TYPE)
async def test_memory_stays_constant(form: Any) -> None:
    await written(400, form)  # loads what is kept
    small_size, small = await written(2_000, form)
    size, most = await written(20_000, form)
    assert size > 8 * small_size
    assert most < small + 400_000


async def test_entries_that_do_not_add_up_are_found() -> None:
    async def read(one: Statement) -> int:
        return sum([len(lines) async for lines in one.pages()])

    assert await read(statement(450, 7)) == 450
    assert await read(statement(0)) == 0
    for wrong in (8, 200, 457):
        with pytest.raises(BrokenStatement, match=f"version {wrong} "):
            await read(statement(450, 7, wrong))
    whole = statement(450, 7)
    for name in ("total_credits", "closing_balance", "total_debits"):
        whole.summary = statement(450, 7).summary._replace(**{name: 1})
        with pytest.raises(BrokenStatement, match="add up"):
            await read(whole)
