"""A currency that ISO 4217 withdraws while wallets exist in it: only new wallets are refused."""

from __future__ import annotations

import pytest

from tekana.application import CloseWallet, DepositFunds, OpenWallet, Session
from tekana.application.commands import validation
from tekana.domain.errors import InvalidRequest
from tekana.domain.money import Currency
from tekana.ports.page import PageRequest
from tekana.ports.store import Store
from tekana.ports.transactions import TransactionFilter
from tekana.ports.wallets import WalletFilter
from tekana.testing import builders
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer
from tekana.testing.contracts.ledger_checks import customers, feed, transactions, wallets


class WithdrawnCurrenciesContract(Contract):
    """The operations in a withdrawn currency."""

    async def test_wallets_can_be_read_emptied_and_closed(
        self, app: Session, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        person = builders.person(currency="KWD")
        aline, bosco = await app.execute(person, key="aline"), await a_customer(app, currency="KWD")
        [mine], [theirs] = aline.wallets, bosco.wallets
        opening = OpenWallet(customer_id=aline.customer.id, currency="KWD", name="Savings")
        opened = await app.execute(opening, key="open")
        deposit = DepositFunds(wallet_id=mine.id, amount="5.000", currency="KWD")
        deposited = await app.execute(deposit, key="deposit")
        before = [await customers(store), await wallets(store), await transactions(store), await feed(store)]

        monkeypatch.setattr(validation, "WITHDRAWN", frozenset({"KWD"}))

        assert [await customers(store), await wallets(store), await transactions(store), await feed(store)] == before
        listed = await app.wallets.list(WalletFilter(currency=Currency("KWD")), PageRequest())
        assert {mine.id, theirs.id, opened.id} <= {one.id for one in listed.items}
        for command, key, answer in (
            (person, "aline", aline),
            (opening, "open", opened),
            (deposit, "deposit", deposited),
        ):
            again = await app.submit(command, key=key)
            assert again.replayed
            assert again.answer == answer
        for refused_command in (opening, builders.person(currency="KWD")):
            with pytest.raises(InvalidRequest) as refused:
                await app.execute(refused_command, key="new")
            assert [error.field for error in refused.value.errors] == ["currency"]
            with pytest.raises(InvalidRequest):
                await app.preview(refused_command)
        await app.execute(builders.person(), key="new")  # nothing was stored under the key

        await app.execute(deposit)  # such as a payout that the bank returned
        await app.execute(builders.transfer(mine.id, theirs.id, "4.000", currency="KWD"))
        for wallet, amount in ((mine, "6.000"), (theirs, "4.000")):
            await app.execute(builders.withdrawal(wallet.id, amount, currency="KWD"))
        for wallet in (mine, theirs, opened):
            assert (await app.execute(CloseWallet(wallet_id=wallet.id))).status == "closed"
        moved = await app.transactions.list(TransactionFilter(customer_id=aline.customer.id), PageRequest())
        assert [str(one.request.amount) for one in moved.items] == ["6.000 KWD", "4.000 KWD", "5.000 KWD", "5.000 KWD"]
