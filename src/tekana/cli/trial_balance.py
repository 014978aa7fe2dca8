"""`tekana trial-balance`: the balance of each account."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
import rich_click as click

from tekana.application.text_files import time_text
from tekana.bootstrap import Settings, connect
from tekana.cli.options import database_options, moment, settings
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.ports.reports import TrialBalance


@click.command("trial-balance")
@database_options
@click.option("--at", type=moment, metavar="TIME", help="The time to look at. [default: now]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line for each account.")
def trial_balance(database_url: str | None, data_dir: Path | None, at: datetime | None, as_json: bool) -> None:
    """Print the balance of each account at a time, with what was posted at that moment or before.

    The operator's accounts one by one, and all customers' money as one liability, in each currency. Debits and credits
    of a currency are equal. A TIME is as 2026-01-31T12:00:00Z, or a day as 2026-01-31, which stands for its beginning
    in UTC.
    """
    found = asyncio.run(_read(settings(database_url, data_dir, existing=True), at))
    for line in _objects(found) if as_json else _lines(found):
        click.echo(line)


async def _read(chosen: Settings, at: datetime | None) -> TrialBalance:
    async with connect(Settings(database_url=chosen.database_url)) as app:
        return await app.as_caller(LOCAL_OPERATOR).reports.trial_balance(at)


def _objects(found: TrialBalance) -> Iterator[str]:
    for one in found.accounts:
        values = {"at": time_text(found.at), "account": one.account, "currency": one.currency}
        amounts = {"wallet_count": one.wallet_count, "debit": one.debit.major, "credit": one.credit.major}
        yield msgspec.json.encode(values | amounts).decode()


def _lines(found: TrialBalance) -> Iterator[str]:
    yield f"at {time_text(found.at)}"
    yield _line("account", "wallets", "debit", "credit", "")
    for one in found.accounts:
        yield _line(one.account, f"{one.wallet_count:,}", one.debit.major, one.credit.major, one.currency)
    for debit, credit in found.totals():
        yield _line("total", "", debit.major, credit.major, debit.currency)


def _line(account: str, wallets: str, debit: str, credit: str, currency: str) -> str:
    return f"{account:<12}{wallets:>12}{debit:>24}{credit:>24} {currency}".rstrip()
