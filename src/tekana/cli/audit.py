"""`tekana audit`: is the ledger whole?"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click

from tekana.bootstrap import Settings, connect
from tekana.cli.options import settings, where_data_are
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.ports.audit import Finding

BREACH = 1


@click.command
@where_data_are
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each invariant, a line each.")
def audit(database_url: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Check every invariant of the ledger, on one snapshot, while it stays in use.

    Exits with 0 when the ledger is whole, 1 when an invariant is broken, 2 when the audit could not run.
    """
    whole = asyncio.run(_audit(settings(database_url, data_dir, existing=True), as_json=as_json))
    sys.exit(0 if whole else BREACH)


async def _audit(chosen: Settings, *, as_json: bool) -> bool:
    broken = 0
    async with connect(chosen.database_url) as app:  # never on a replica, which may be behind
        await app.check_ready()
        async for finding in app.as_caller(LOCAL_OPERATOR).audit():
            broken += not finding.whole
            click.echo(msgspec.json.encode(as_object(finding)).decode() if as_json else as_line(finding))
            for breach in () if as_json else finding.breaches:
                click.echo(f"        {breach}")
    if not as_json:
        click.echo("tekana: the ledger is whole" if not broken else f"tekana: {broken} invariants are broken")
    return not broken


def as_line(finding: Finding) -> str:
    """The finding as a line for people: mark, number, invariant, how much was checked, how long it took."""
    mark = "ok  " if finding.whole else "FAIL"
    broken = "" if finding.whole else f"  {finding.breach_count:,} broken"
    invariant = f"{finding.invariant.number:>2}  {finding.invariant.name}"
    return f"{mark}  {invariant:<62}{finding.checked:>12,} checked {finding.seconds:>7.2f} s{broken}"


def as_object(finding: Finding) -> dict[str, Any]:
    """The finding for programs."""
    return {
        "number": finding.invariant.number,
        "invariant": finding.invariant.name,
        "whole": finding.whole,
        "checked": finding.checked,
        "seconds": round(finding.seconds, 3),
        "breach_count": finding.breach_count,
        "breaches": finding.breaches,
    }
