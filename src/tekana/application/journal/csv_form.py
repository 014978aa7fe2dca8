"""The journal as comma-separated values: a line for each entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from tekana.application.text_files import csv_lines, plain_text, time_text
from tekana.domain.identifiers import house_role
from tekana.domain.money import format_minor
from tekana.domain.transaction import Entry, Transaction
from tekana.ports.journal import JournalSnapshot
from tekana.ports.reports import CUSTOMERS

_COLUMNS: Final = (
    *("transaction_id", "type", "posted_at", "effective_at", "tenant", "account", "wallet_id", "version"),
    *("debit", "credit", "ledger_balance_after", "currency", "description", "reference", "created_by"),
)


async def write_csv(journal: JournalSnapshot, file: BinaryIO) -> None:
    """Write the journal as CSV."""
    file.write(csv_lines([_COLUMNS]))
    async for one in journal.transactions():
        file.write(csv_lines(_rows(one)))


def _rows(one: Transaction) -> Iterator[tuple[object, ...]]:
    moments = time_text(one.created_at), time_text(one.effective_at)
    texts = plain_text(one.request.description), plain_text(one.request.reference), plain_text(one.created_by)
    for entry in one.entries:
        account = house_role(entry.wallet_id) or CUSTOMERS
        wallet = account, entry.wallet_id, entry.version
        yield (one.id, one.request.type, *moments, one.tenant, *wallet, *_amounts(entry), *texts)


def _amounts(entry: Entry) -> tuple[str | None, str | None, str, str]:
    amount = format_minor(abs(entry.amount_minor), entry.currency)
    debit, credit = (amount, None) if entry.amount_minor < 0 else (None, amount)
    return debit, credit, format_minor(entry.ledger_balance_after, entry.currency), entry.currency
