"""`tekana audit`: check every invariant of the ledger."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import msgspec
import rich_click as click

from tekana.application.audit.checks import BREACHES_SHOWN_MAX
from tekana.bootstrap import Settings, connect
from tekana.cli.options import checkpoint_option, database_options, key_provider_option, settings
from tekana.cli.progress import progress_bar
from tekana.cli.started_container import started_container
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.ports.audit import Finding, Invariant

BROKEN = 1
SIGNED: Final = Invariant(19, "every checkpoint is signed, and none is missing")


@click.command
@database_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line for each invariant.")
@click.option("--chain", is_flag=True, help="Verify the links of history, too: that no row of it was changed.")
@checkpoint_option
@key_provider_option
def audit(database_url: str | None, data_dir: Path | None, as_json: bool, chain: bool, **more: str | None) -> None:
    """Check every invariant of the ledger, on one snapshot, while it stays in use.

    With --chain, verifies each row of history with the key of its link, and compares with the checkpoints, if there is
    a file of them.

    Exits with 0 when the ledger is whole, 1 when an invariant is broken, 2 when the audit could not run.
    """
    chosen = settings(database_url, data_dir, existing=True, **more)
    whole = asyncio.run(_audit(chosen, as_json=as_json, chain=chain))
    sys.exit(0 if whole else BROKEN)


async def _audit(chosen: Settings, *, as_json: bool, chain: bool) -> bool:
    broken = await _print_findings(_invariants(chosen), as_json=as_json)
    if chain:
        broken += await _print_findings(_links(chosen), as_json=as_json)
    if not as_json:
        click.echo(f"tekana: {_summary(broken)}")
    return not broken


async def _invariants(chosen: Settings) -> AsyncGenerator[Finding]:
    # Never on a replica, which may lag behind; and in production also what is not safe there can be audited.
    async with connect(Settings(database_url=chosen.database_url)) as app:
        findings = app.as_caller(LOCAL_OPERATOR).audit()
        try:
            async for finding in findings:
                yield finding
        finally:
            if isinstance(findings, AsyncGenerator):  # else its connection stays open if printing fails
                await findings.aclose()


async def _links(chosen: Settings) -> AsyncGenerator[Finding]:
    """Verify the links of history, and the checkpoints if there is a file of them."""
    async with started_container(chosen) as container:
        history = container.linked_store().history
        read = None if chosen.checkpoint_file is None else await container.checkpoints().read()
        with progress_bar("transactions verified") as progress:
            findings = history.audit(None if read is None else read.heads, progress)
            try:
                async for finding in findings:
                    yield finding
            finally:
                if isinstance(findings, AsyncGenerator):
                    await findings.aclose()
        if read is not None:
            yield Finding(SIGNED, read.number, 0.0, len(read.breaches), tuple(read.breaches[:BREACHES_SHOWN_MAX]))


async def _print_findings(findings: AsyncGenerator[Finding], *, as_json: bool) -> int:
    """Print findings, and return the number of broken invariants."""
    broken = 0
    async with aclosing(findings):
        async for finding in findings:
            broken += not finding.ok
            click.echo(msgspec.json.encode(as_object(finding)).decode() if as_json else as_line(finding))
            for breach in () if as_json else finding.breaches:
                click.echo(f"        {breach}")
    return broken


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
