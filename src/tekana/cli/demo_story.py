"""The output of `tekana demo`. A module of its own, as the import of rich's tables takes 0.1 s."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tekana.application import (
    AuthorizeHold,
    CaptureHold,
    DepositFunds,
    RegisterCustomer,
    ReverseTransaction,
    Session,
    TransferFunds,
)
from tekana.bootstrap import connect
from tekana.cli.audit import as_line
from tekana.domain.answers import CustomerWithWallets
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import InsufficientFunds
from tekana.domain.identifiers import WalletId
from tekana.domain.money import Money, format_minor
from tekana.domain.wallet import Wallet
from tekana.ports.page import PageRequest


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Raise the error, so that the command line sets the exit code."""
        raise BrokenPipeError


async def show_demo(url: str) -> None:
    """Print the story of the demo, on the database of the URL."""
    console = _Console(highlight=False, soft_wrap=True)
    async with connect(url) as backend:
        await backend.check_ready()
        app = backend.as_caller(LOCAL_OPERATOR)
        _heading(console, 1, "Aline and Bosco become customers; each gets a wallet in Rwandan francs")
        aline = await _register(app, "Aline Uwase", "aline@example.com", "+250788000101")
        bosco = await _register(app, "Bosco Mugabo", "bosco@example.com", "+250788000102")
        owners = {one.wallets[0].id: one.customer.full_name.split()[0] for one in (aline, bosco)}
        await _show_balances(console, app, owners)

        _heading(console, 2, "Aline deposits 10000 RWF")
        purse, till = aline.wallets[0], bosco.wallets[0]
        deposit = DepositFunds(wallet_id=purse.id, amount="10000", currency="RWF", description="Cash at the counter")
        await app.execute(deposit, key="demo-deposit")
        await _show_balances(console, app, owners)

        _heading(console, 3, "Aline sends Bosco 2500 RWF; her phone loses the answer and asks three times")
        transfer = TransferFunds(
            from_wallet_id=purse.id, to_wallet_id=till.id, amount="2500", currency="RWF", description="Lunch"
        )
        for _ in range(3):
            await app.execute(transfer, key="demo-transfer")
        await _show_balances(console, app, owners)

        _heading(console, 4, "Aline tries to send 9000 RWF more, and is refused")
        too_much = TransferFunds(from_wallet_id=purse.id, to_wallet_id=till.id, amount="9000", currency="RWF")
        try:
            await app.execute(too_much, key="demo-overdraft")
        except InsufficientFunds as refusal:
            console.print(f"   refused: {refusal.code}. Nothing moved, and the attempt is on record.")

        _heading(console, 5, "Bosco reserves 3000 RWF of Aline's for a bicycle, and takes 1200 for half a day")
        hold = AuthorizeHold(
            from_wallet_id=purse.id, to_wallet_id=till.id, amount="3000", currency="RWF", description="Bicycle"
        )
        reserved = await app.execute(hold, key="demo-hold")
        await _show_balances(console, app, owners)
        taken = await app.execute(CaptureHold(transaction_id=reserved.id, amount="1200"), key="demo-capture")
        await _show_balances(console, app, owners)

        _heading(console, 6, "The bicycle had a flat tyre: Bosco gives 400 RWF of that back")
        reversal = ReverseTransaction(transaction_id=taken.id, amount="400", reason="A flat tyre")
        await app.execute(reversal, key="demo-reversal")
        await _show_balances(console, app, owners)

        _heading(console, 7, "The entries of Aline's wallet")
        await _show_entries(console, app, purse)

        _heading(console, 8, "The books")
        async for finding in app.audit():
            console.print(f"   {as_line(finding)}")


def _heading(console: Console, number: int, text: str) -> None:
    console.print()
    console.print(Text(f"{number}. {text}", style="bold"))


async def _register(app: Session, name: str, email: str, phone_number: str) -> CustomerWithWallets:
    command = RegisterCustomer(full_name=name, email=email, phone_number=phone_number, country="RW", currency="RWF")
    return await app.execute(command, key=f"demo-register-{email}")


async def _show_balances(console: Console, app: Session, owners: dict[WalletId, str]) -> None:
    table = _table("Wallet of", "Available", "Held", "")
    for wallet_id, name in owners.items():
        wallet = await app.wallets.get(wallet_id)
        amounts = (format_minor(one, wallet.currency) for one in (wallet.available_balance, wallet.held))
        table.add_row(name, *amounts, wallet.currency)
    console.print(table)


async def _show_entries(console: Console, app: Session, wallet: Wallet) -> None:
    table = _table("#", "Type", "Description", "Debit", "Credit", "Balance")
    for line in (await app.wallets.entries(wallet.id, PageRequest())).items:
        amount = Money(abs(line.entry.amount_minor), line.entry.currency).major
        debit, credit = ("", amount) if line.entry.amount_minor > 0 else (amount, "")
        balance = format_minor(line.entry.ledger_balance_after, line.entry.currency)
        table.add_row(str(line.entry.version), line.type, line.description or "", debit, credit, balance)
    console.print(table)


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 2), header_style="dim")
    for column in columns:
        numbers = column in ("#", "Available", "Held", "Debit", "Credit", "Balance")
        table.add_column(column, justify="right" if numbers else "left", no_wrap=True)
    return table
