"""The journal for accountants: what Beancount, spreadsheets and data warehouses read of it equals the ledger."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from beancount.core import data, realization
from beancount.loader import load_string

from tekana import LOCAL_OPERATOR, AdjustBalance, MakePayment, Session, Tekana, UpdateWallet, connect
from tekana.application.journal import FORMS
from tekana.domain.identifiers import house_role
from tekana.domain.money import format_minor
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.helpers import a_wallet, all_outcomes
from tekana_pyarrow import write_parquet
from tests.integration.test_cli import tekana

HOUSE = {
    "settlement": "Assets:Settlement",
    "fees": "Income:Fees",
    "taxes": "Liabilities:Taxes",
    "exchange": "Equity:Exchange",
    "suspense": "Assets:Suspense",
}


async def history(app: Session, clock: FrozenClock) -> list[datetime]:
    """Make transactions of every type, over some days; return moments between them."""
    one, two, usd = await a_wallet(app), await a_wallet(app), await a_wallet(app, currency="USD")
    await app.execute(UpdateWallet(wallet_id=one.id, kind="merchant"))
    moments = []
    for number in range(4):
        clock.advance(timedelta(hours=17))
        text = 'Lunch "outside" \\ with\nnews ;'
        await app.execute(builders.deposit(one.id, "700", description=text, reference='r"1'))
        await app.execute(builders.deposit(usd.id, "12.34", "USD"))
        await app.execute(builders.transfer(one.id, two.id, "200"))
        payment = MakePayment(
            from_wallet_id=two.id, to_wallet_id=one.id, amount="30", currency="RWF", description="=1+1"
        )
        await app.execute(payment)
        await app.execute(builders.withdrawal(usd.id, f"0.0{number + 1}", "USD"))
        adjustment = AdjustBalance(wallet_id=one.id, direction="credit", amount="5", currency="RWF", reason="A fee")
        await app.execute(adjustment)
        await all_outcomes([app.execute(builders.withdrawal(two.id, "99999"))])
        moments.append(clock.advance())
    return moments


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty store, once for each kind."""
    return "memory://" if request.param == "memory" else str(request.getfixturevalue("postgres_url"))


async def exported(app: Session, form: str, start: datetime | None = None, end: datetime | None = None) -> bytes:
    """Return the journal of a period in a form."""
    file = BytesIO()
    async with app.journal(start, end) as journal:
        await (FORMS.get(form) or write_parquet)(journal, file)
    return file.getvalue()


async def test_bean_check_passes_and_balances_equal_ours(url: str, tmp_path: Path) -> None:
    clock = FrozenClock()
    async with connect(url, clock=clock) as made:
        app = made.as_caller(LOCAL_OPERATOR)
        moments = await history(app, clock)
        for start in (None, *moments):
            for end in (None, *moments):
                if start is None or end is None or start <= end:
                    text = (await exported(app, "beancount", start, end)).decode()
                    assert balances_in(text) == await ledger_balances(made, end or clock())
        path = tmp_path / "journal.beancount"
        path.write_bytes(await exported(app, "beancount", moments[1]))
        assert check_file(path) == (0, "")


def check_file(path: Path) -> tuple[int, str]:
    """Run `bean-check`; return its exit code and what it found."""
    command = [str(Path(sys.executable).with_name("bean-check")), "--no-cache", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def balances_in(text: str) -> dict[tuple[str, str], Decimal]:
    """Return the balance that Beancount computes of each account in each currency, with the sign of tekana.

    It checks the file as `bean-check` does.
    """
    entries, errors, _ = load_string(text)
    assert not errors
    assert any(isinstance(entry, data.Balance) for entry in entries)
    found: dict[tuple[str, str], Decimal] = {}
    for account in realization.iter_children(realization.realize(entries)):
        for position in account.balance:
            if account.account != "Equity:Opening-Balances" and position.units.number:
                found[account.account, position.units.currency] = -position.units.number
    return found


async def ledger_balances(made: Tekana, end: datetime) -> dict[tuple[str, str], Decimal]:
    """Return the balances of tekana's own readers just before a time, by the names of Beancount's accounts."""
    app = made.as_caller(LOCAL_OPERATOR)
    found: Counter[tuple[str, str]] = Counter()
    async with app.journal() as journal:
        wallets = [one async for one in journal.wallets()]
    for one in wallets:
        balance = (await app.wallets.balance_at(one.wallet_id, end - timedelta(microseconds=1))).ledger_balance
        role = house_role(one.wallet_id)
        name = f"Liabilities:Customers:{one.wallet_id}" if role is None else f"{HOUSE[role]}:{one.currency}"
        found[name, one.currency] += Decimal(balance.major)  # type: ignore[assignment]
    return {name: amount for name, amount in found.items() if amount}  # type: ignore[misc]


async def test_bean_check_finds_a_changed_amount(tmp_path: Path) -> None:
    clock = FrozenClock()
    async with connect("memory://", clock=clock) as made:
        app = made.as_caller(LOCAL_OPERATOR)
        await history(app, clock)
        text = (await exported(app, "beancount")).decode()
    path = tmp_path / "journal.beancount"
    amount = "  -12.34 USD\n"
    assert amount in text
    path.write_text(text.replace(amount, "  -12.33 USD\n", 1).replace("  12.34 USD\n", "  12.33 USD\n", 1))
    code, found = check_file(path)
    assert (code, "Balance failed" in found) == (1, True)


async def test_csv_and_parquet_have_every_entry(url: str) -> None:
    clock = FrozenClock()
    async with connect(url, clock=clock) as made:
        app = made.as_caller(LOCAL_OPERATOR)
        moments = await history(app, clock)
        for period in ((None, None), (moments[0], moments[2]), (moments[3], None)):
            async with app.journal(*period) as journal:
                expected = [(one, entry) async for one in journal.transactions() for entry in one.entries]
            rows = list(csv.DictReader(StringIO((await exported(app, "csv", *period)).decode())))
            assert [(row["transaction_id"], row["wallet_id"], int(row["version"])) for row in rows] == [
                (str(one.id), str(entry.wallet_id), entry.version) for one, entry in expected
            ]
            assert [Decimal(row["credit"] or 0) - Decimal(row["debit"] or 0) for row in rows] == [
                Decimal(format_minor(entry.amount_minor, entry.currency)) for _, entry in expected
            ]
            assert not any(row["description"].startswith("=") for row in rows)
            table = pq.read_table(BytesIO(await exported(app, "parquet", *period))).to_pylist()
            assert [(row["transaction_id"], row["amount"], row["posted_at"]) for row in table] == [
                (str(one.id), Decimal(format_minor(entry.amount_minor, entry.currency)), one.posted_at)
                for one, entry in expected
            ]


def test_the_commands(postgres_url: str, tmp_path: Path) -> None:
    database = ("--database-url", postgres_url)
    done = tekana("trial-balance", *database)
    assert (done.returncode, done.stderr) == (0, "")
    for form in ("beancount", "csv", "parquet"):
        path = tmp_path / f"journal.{form}"
        written = tekana("export", "--format", form, "--output", str(path), "--from", "2026-01-01", *database)
        assert (written.returncode, written.stdout) == (0, ""), written.stderr
        assert path.stat().st_size > 0
        assert [one.name for one in tmp_path.glob("*.part")] == []
    assert check_file(tmp_path / "journal.beancount") == (0, "")
    assert tekana("export", "--format", "csv", *database).stdout.startswith("transaction_id,")
    for line in tekana("trial-balance", "--json", "--at", "2026-01-31", *database).stdout.splitlines():
        assert json.loads(line)["at"] == "2026-01-31T00:00:00Z"


def test_what_the_commands_refuse(postgres_url: str, tmp_path: Path) -> None:
    database = ("--database-url", postgres_url)
    path = tmp_path / "journal.csv"
    cases = {
        ("export", "--format", "xlsx"): "beancount",
        ("export", "--format", "csv", "--from", "yesterday"): "RFC 3339",
        ("export", "--format", "csv", "--from", "2026-02-01", "--to", "2026-01-01"): "before the period begins",
        ("trial-balance", "--at", "2026-13-01"): "RFC 3339",
    }
    for arguments, reason in cases.items():
        output = ("--output", str(path)) if arguments[0] == "export" else ()
        done = tekana(*arguments, *output, *database)
        assert (done.returncode, done.stdout) == (2, "")
        assert reason in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert list(tmp_path.iterdir()) == []
