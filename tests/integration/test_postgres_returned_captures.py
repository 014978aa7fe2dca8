"""Captures for the payer of a transaction: the audit in SQL finds what is planted, and nothing else."""

from __future__ import annotations

from typing import Final

import pytest

from tekana import CaptureHold
from tekana.testing import builders
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.contracts.reversals import reversal, spent_money
from tekana.testing.session import session
from tests.integration.postgres_support import superuser
from tests.integration.test_postgres_audit import transactions

_CAPTURE: Final = "UPDATE transactions SET {} WHERE type = 'capture' AND amount = 15"
_OTHER: Final = "UPDATE transactions SET {} WHERE type = 'capture' AND amount = 11"
_ELSE: Final = "(SELECT id FROM transactions WHERE type = 'deposit' LIMIT 1)"
_CHARGE: Final = (
    '"charge":{"schedule_id":"0198d2a0-0000-7000-8000-000000000009","paid_by":"payee","currency":"RWF","fee":0}'
)

CORRUPTIONS: dict[str, tuple[str, set[int]]] = {
    "a capture that does not say what it gives back": (transactions(_CAPTURE.format("details = NULL")), {4, 11, 13}),
    "a capture that gives back something else": (
        transactions(_CAPTURE.format(f"details = json_build_object('reverses', {_ELSE})")),
        {4, 11},
    ),
    "a capture with a fee": (
        transactions(_CAPTURE.format(f"details = replace(details::text, '{{', '{{{_CHARGE},')::json")),
        {11, 22},
    ),
    "another capture that counts for nothing": (
        transactions(_OTHER.format(f"details = json_build_object('reverses', {_ELSE})")),
        {4, 11, 13},
    ),
}
"""The corruption, and the numbers of the invariants that must be broken: these and no others."""


@pytest.mark.parametrize(("corruption", "expected"), CORRUPTIONS.values(), ids=CORRUPTIONS.keys())
async def test_a_corruption_of_captures_for_a_payer_breaks_exactly_its_invariants(
    postgres_url: str, corruption: str, expected: set[int]
) -> None:
    async with session(postgres_url) as app:
        _, payee, moved = await spent_money(app)
        held = await app.execute(reversal(moved, hold_rest=True))
        await app.execute(CaptureHold(transaction_id=held.id, amount="15"))
        payer = await a_wallet(app, "20")
        other = await app.execute(builders.movement("hold", payer.id, payee.id, "11"))
        await app.execute(CaptureHold(transaction_id=other.id))
        assert [finding async for finding in app.audit() if not finding.ok] == []
        async with superuser(postgres_url) as connection:
            await connection.execute(corruption)
            await connection.execute("SELECT pg_stat_force_next_flush()")
        broken = [finding async for finding in app.audit() if not finding.ok]
        assert {finding.invariant.number for finding in broken} == expected, broken
