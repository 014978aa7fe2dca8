"""The journal as a file for Beancount 2 and 3 (https://beancount.io): accounts, transactions, and checked balances.

Each customer's wallet is an account of its own under Liabilities:Customers; a house role is one account for each
currency. Beancount knows days only: those of UTC. The closing balances are those of the wallets, not sums of what is
written, so that `bean-check` compares the two, without a tolerance.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import BinaryIO, Final

from tekana.application.text_files import time_text
from tekana.domain.identifiers import HouseRole, WalletId, house_role
from tekana.domain.money import Currency, format_minor
from tekana.domain.transaction import Transaction
from tekana.ports.journal import JournalSnapshot

_CUSTOMERS: Final = "Liabilities:Customers"
_OPENING: Final = "Equity:Opening-Balances"
_HOUSE: Final[dict[HouseRole, str]] = {
    "settlement": "Assets:Settlement",
    "fees": "Income:Fees",
    "taxes": "Liabilities:Taxes",
    "exchange": "Equity:Exchange",
    "suspense": "Assets:Suspense",
}

_House = dict[str, tuple[date, Currency, int, int]]
"""The accounts of house wallets: the day of opening, the currency, and the opening and closing balance."""


async def write_beancount(journal: JournalSnapshot, file: BinaryIO) -> None:
    """Write the journal as a Beancount file."""
    file.write(b'option "title" "tekana"\n')
    house = await _write_accounts(journal, file)
    async for one in journal.transactions():
        file.write(_transaction(one).encode())
    await _write_balances(journal, house, file)


async def _write_accounts(journal: JournalSnapshot, file: BinaryIO) -> _House:
    """Write the opening of each account, with the balance at the beginning of the period; return the house accounts."""
    first_day = date(1970, 1, 1) if journal.start is None else _day(journal.start)
    house: _House = {}
    file.write(f"\n{first_day} open {_OPENING}\n".encode())
    async for one in journal.wallets():
        account, opened = _account(one.wallet_id, one.currency), min(_day(one.opened_at), first_day)
        if journal.start is None:
            opened = _day(one.opened_at)
        if one.house is not None:  # there are few, of which some share an account
            earlier = house.get(account, (opened, one.currency, 0, 0))
            balances = earlier[2] + one.opening_balance, earlier[3] + one.closing_balance
            house[account] = min(earlier[0], opened), one.currency, *balances
            continue
        file.write(_opening(account, opened, first_day, one.currency, one.opening_balance).encode())
    for account, (opened, currency, opening_balance, _) in house.items():
        file.write(_opening(account, opened, first_day, currency, opening_balance).encode())
    return house


async def _write_balances(journal: JournalSnapshot, house: _House, file: BinaryIO) -> None:
    """Write the balance of each account after the last day of the period."""
    day = _day(journal.end - timedelta(microseconds=1)) + timedelta(days=1)
    file.write(b"\n")
    async for one in journal.wallets():
        if one.house is None:
            file.write(_closing(_account(one.wallet_id, one.currency), day, one.currency, one.closing_balance))
    file.writelines(_closing(account, day, currency, balance) for account, (_, currency, _, balance) in house.items())


def _opening(account: str, opened: date, first_day: date, currency: Currency, balance: int) -> str:
    lines = f"{opened} open {account} {currency}\n"
    if balance:
        lines += f'{first_day} * "Opening balance"\n  {account}  {_amount(balance, currency)}\n  {_OPENING}\n'
    return lines


def _closing(account: str, day: date, currency: Currency, balance: int) -> bytes:
    return f"{day} balance {account}  {format_minor(-balance, currency)} ~ 0 {currency}\n".encode()


def _transaction(one: Transaction) -> str:
    request = one.request
    reference = "" if request.reference is None else f"  reference: {_quoted(request.reference)}\n"
    legs = "".join(
        f"  {_account(entry.wallet_id, entry.currency)}  {_amount(entry.amount_minor, entry.currency)}\n"
        for entry in one.entries
    )
    return (
        f"\n{_day(one.created_at)} * {_quoted(request.description or request.type)} #{request.type}\n"
        f'  id: "{one.id}"\n  posted-at: "{time_text(one.created_at)}"\n{reference}{legs}'
    )


def _account(wallet_id: WalletId, currency: Currency) -> str:
    role = house_role(wallet_id)
    return f"{_CUSTOMERS}:{wallet_id}" if role is None else f"{_HOUSE[role]}:{currency}"


def _amount(minor: int, currency: Currency) -> str:
    """Return an amount with the sign of Beancount: what tekana credits to a wallet is negative there."""
    return f"{format_minor(-minor, currency)} {currency}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", " ").replace("\n", " ")
    return f'"{escaped}"'


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
