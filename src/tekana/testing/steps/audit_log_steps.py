"""Steps about the audit log."""

from __future__ import annotations

from tekana.testing.driver import Record
from tekana.testing.steps.scenario_context import ScenarioContext
from tekana.testing.steps.step_types import then, words


def _entries(scene: ScenarioContext, wallet: str) -> list[Record]:
    return scene.find("audit-log", resource_id=scene.wallet(wallet))


@then(
    words('the audit log of {wallet:Wallet} ends with "{action:w}": {outcome:w}'),
    target_fixture="audit_entry",
)
def ends_with(scene: ScenarioContext, wallet: str, action: str, outcome: str) -> Record:
    """Check the newest entry about a wallet, and keep it for the next steps."""
    newest = _entries(scene, wallet)[0]
    assert (newest["action"], newest["outcome"]) == (action, outcome)
    assert (newest["code"] is None) == (outcome == "done")
    return newest


@then(words("there the status changed from {before:w} to {after:w}"))
def status_changed(audit_entry: Record, before: str, after: str) -> None:
    """Check what the entry says about the status."""
    assert (audit_entry["before"]["status"], audit_entry["after"]["status"]) == (before, after)


@then(words("the audit log of {wallet:Wallet} has {number:d} entries"))
def has_entries(scene: ScenarioContext, wallet: str, number: int) -> None:
    """Check how many entries there are about a wallet."""
    assert len(_entries(scene, wallet)) == number
