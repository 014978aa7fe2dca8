"""The SQL of the audit finds fees that are not what was charged, and nothing on a whole ledger."""

from __future__ import annotations

import pytest

from tekana import CreateFeeSchedule, NewFeeBand, NewFeeShare, ReverseTransaction, Session, UpdateWallet
from tekana.domain.caller import MAIN_TENANT
from tekana.testing import builders
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.session import session
from tests.integration.postgres_support import assert_corruption_breaks

_OPEN_GUARDS = (
    "ALTER TABLE transactions DISABLE TRIGGER append_only; UPDATE transactions SET details = {};"
    " ALTER TABLE transactions ENABLE ALWAYS TRIGGER append_only"
)


def details(old: str, new: str, type_: str = "transfer") -> str:
    """Return the SQL that replaces text in the details of transactions of a type, as a superuser."""
    return _OPEN_GUARDS.format(f"replace(details::text, '{old}', '{new}')::json WHERE type = '{type_}'")


CORRUPTIONS = {
    "a fee that is not what was charged": (details('"fee":100', '"fee":101'), {11, 22}),
    "a tax that is not what was charged": (details('"tax":18', '"tax":17'), {11, 22}),
    "a fee that another one was to pay": (details('"paid_by":"payer"', '"paid_by":"payee"'), {11, 22}),
    "a share that was not paid": (details(",30]]", ",31]]"), {11, 22}),
    "a share without its wallet": (details('"shares":[[', '"shares":[],"was":[['), {11, 22}),
    "a reversal that says it gave back more": (details('"fee":50', '"fee":51', "reversal"), {11, 22}),
    "a fee that is not said": (_OPEN_GUARDS.format("NULL WHERE type = 'transfer'"), {1, 11}),
    "a type that has no fees": (
        _OPEN_GUARDS.format("details, type = 'adjustment' WHERE type = 'transfer'"),
        {1, 8, 11, 13, 22},
    ),
}


async def some_fees(app: Session) -> None:
    """Post a transfer with a fee of 100, a tax of 18 and a share of 30, and reverse half of it."""
    payer, payee, agent = await a_wallet(app, "1000"), await a_wallet(app), await a_wallet(app)
    await app.execute(UpdateWallet(wallet_id=agent.id, kind="merchant"))
    await app.execute(
        CreateFeeSchedule(
            transaction_type="transfer",
            currency="RWF",
            paid_by="payer",
            bands=(NewFeeBand(flat="100"),),
            tax_percentage="18",
            tenant=MAIN_TENANT,
            shares=(NewFeeShare(wallet_id=agent.id, percentage="30"),),
        )
    )
    sent = await app.execute(builders.transfer(payer.id, payee.id, "500"))
    await app.execute(ReverseTransaction(transaction_id=sent.id, amount="250"))


@pytest.mark.parametrize(("corruption", "expected"), CORRUPTIONS.values(), ids=CORRUPTIONS.keys())
async def test_a_corruption_breaks_exactly_its_invariants(
    postgres_url: str, corruption: str, expected: set[int]
) -> None:
    async with session(postgres_url) as app:
        await some_fees(app)
        await assert_corruption_breaks(app, postgres_url, corruption, expected)
