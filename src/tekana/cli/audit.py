"""`tekana audit`: check every invariant of the ledger."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click

from tekana.bootstrap import Settings, connect
from tekana.cli.options import database_options, settings
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.ports.audit import Finding

BROKEN = 1


@click.command
@database_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line for each invariant.")
def audit(database_url: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Check every invariant of the ledger, on one snapshot, while it stays in use.

    Exits with 0 when the ledger is whole, 1 when an invariant is broken, 2 when the audit could not run.
    """
    whole = asyncio.run(_audit(settings(database_url, data_dir, existing=True), as_json=as_json))
    sys.exit(0 if whole else BROKEN)


async def _audit(chosen: Settings, *, as_json: bool) -> bool:
    broken = 0
    # Never on a replica, which may lag behind; and in production also what is not safe there can be audited.
    async with connect(Settings(database_url=chosen.database_url)) as app:
        findings = app.as_caller(LOCAL_OPERATOR).audit()
        try:
            async for finding in findings:
                broken += not finding.ok
                click.echo(msgspec.json.encode(as_object(finding)).decode() if as_json else as_line(finding))
                for breach in () if as_json else finding.breaches:
                    click.echo(f"        {breach}")
        finally:
            if isinstance(findings, AsyncGenerator):  # else its connection stays open if printing fails
                await findings.aclose()
    if not as_json:
        click.echo(f"tekana: {_summary(broken)}")
    return not broken


def _summary(broken: int) -> str:
    if not broken:
        return "the ledger is whole"
    return "1 invariant is broken" if broken == 1 else f"{broken} invariants are broken"


def as_line(finding: Finding) -> str:
    """Format a finding as a line for people: result, number, invariant, number of checks, duration, breaches."""
    mark = "ok  " if finding.ok else "FAIL"
    broken = "" if finding.ok else f"  {finding.breach_count:,} broken"
    invariant = f"{finding.invariant.number:>2}  {finding.invariant.name}"
    return f"{mark}  {invariant:<62}{finding.checked:>12,} checked {finding.seconds:>7.2f} s{broken}"


def as_object(finding: Finding) -> dict[str, Any]:
    """Return a finding as a JSON object."""
    return {
        "number": finding.invariant.number,
        "invariant": finding.invariant.name,
        "whole": finding.ok,
        "checked": finding.checked,
        "seconds": round(finding.seconds, 3),
        "breach_count": finding.breach_count,
        "breaches": finding.breaches,
    }
