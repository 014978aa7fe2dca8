"""`tekana export`: write the journal for accountants."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import rich_click as click

from tekana.application.journal import WriteJournal
from tekana.bootstrap import Settings, connect
from tekana.bootstrap.adapters import find_journal_form
from tekana.cli.options import database_options, moment, settings
from tekana.cli.progress import progress_bar
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.transaction import Transaction
from tekana.ports.history import Progress
from tekana.ports.journal import JournalSnapshot, JournalWallet

_REPORT_INTERVAL = 1_000


@click.command
@database_options
@click.option(
    "--format",
    "form",
    type=click.Choice(("beancount", "csv", "parquet")),
    required=True,
    help="For Beancount, for spreadsheets, or for data warehouses.",
)
@click.option("--from", "start", type=moment, metavar="TIME", help="Only what was posted at this time or later.")
@click.option("--to", "end", type=moment, metavar="TIME", help="Only what was posted before this time.")
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write, which appears once it is complete. [default: standard output]",
)
def export(
    database_url: str | None,
    data_dir: Path | None,
    form: str,
    start: datetime | None,
    end: datetime | None,
    output: Path | None,
) -> None:
    """Write every posted transaction of the ledger, or of a period, for accountants.

    A TIME is as 2026-01-31T12:00:00Z, or a day as 2026-01-31, which stands for its beginning in UTC. Everything is of
    one moment, while the ledger stays in use. A Beancount file begins and ends with the balance of each account, so
    that `bean-check` proves that nothing is missing.
    """
    write = find_journal_form(form)
    chosen = settings(database_url, data_dir, existing=True)
    with _file(output) as file:
        count = asyncio.run(_export(chosen, write, start, end, file))
    click.echo(f"tekana: {count:,} transactions were exported", err=True)


async def _export(
    chosen: Settings, write: WriteJournal, start: datetime | None, end: datetime | None, file: BinaryIO
) -> int:
    # Never from a replica, which may lag behind.
    async with (
        connect(Settings(database_url=chosen.database_url)) as app,
        app.as_caller(LOCAL_OPERATOR).journal(start, end) as journal,
    ):
        count = await journal.count_transactions()
        with progress_bar("transactions exported") as progress:
            await write(_Reported(journal, count, progress), file)
        return count


class _Reported:
    """Implements JournalSnapshot with another one, and reports how many transactions were read."""

    def __init__(self, journal: JournalSnapshot, count: int, progress: Progress) -> None:
        self.start = journal.start
        self.end = journal.end
        self._journal = journal
        self._count = count
        self._progress = progress

    def wallets(self) -> AsyncIterator[JournalWallet]:
        return self._journal.wallets()

    async def count_transactions(self) -> int:
        return self._count

    async def transactions(self) -> AsyncIterator[Transaction]:
        done = 0
        async for one in self._journal.transactions():
            yield one
            done += 1
            if done % _REPORT_INTERVAL == 0:
                self._progress(done, self._count)


@contextmanager
def _file(path: Path | None) -> Iterator[BinaryIO]:
    """Open the output. A file gets its name at the end, so that one that is there is complete."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
