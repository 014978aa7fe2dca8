"""A system under test: an application on one store, with the ids behind the numbers of the model."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from tekana import LOCAL_OPERATOR, AnyMoneyCommand, Batch, Refused, Session, Settings, connect
from tekana.application.executed import refusal_of
from tekana.domain.answers import BatchMode, CustomerWithWallets
from tekana.domain.identifiers import CustomerId, WalletId
from tekana.domain.money import Currency, format_minor
from tekana.domain.transaction import Transaction
from tekana.domain.wallet import Wallet
from tekana.testing import builders
from tekana.testing.contracts.ledger_checks import assert_whole
from tekana.testing.portal import Portal
from tests.model.ledger_model import Movement, Posted, Result


class System:
    """An application on a store of its own. Leaving its context audits the ledger."""

    def __init__(self, portal: Portal, database: AbstractContextManager[str]) -> None:
        self.customers: list[CustomerId] = []
        self.wallets: list[WalletId] = []
        self._portal = portal
        self._exits = ExitStack()
        url = self._exits.enter_context(database)
        app = self._exits.enter_context(portal.entered(connect(Settings(database_url=url))))
        self._session: Session = app.as_caller(LOCAL_OPERATOR)

    def __enter__(self) -> System:
        return self

    def __exit__(self, *error: object) -> None:
        """Audit the ledger, and disconnect."""
        with self._exits:
            self._portal.call(assert_whole(self._session))

    def balances(self) -> list[int]:
        """Return the balances of the customers' wallets, in minor units."""
        return [self._portal.call(self._session.wallets.get(one)).ledger_balance for one in self.wallets]

    def command(self, asked: Movement) -> AnyMoneyCommand:
        """Return the command of a movement."""
        amount = format_minor(asked.amount, Currency(asked.currency))
        payer, payee = self.wallets[asked.payer], self.wallets[asked.payee]
        return builders.movement(asked.type, payer, payee, amount, asked.currency)

    def execute(self, command: Any, key: str) -> Result:
        """Execute a command under a key."""
        return self._result(self._session.execute(command, key=key))

    def preview(self, command: Any) -> Result:
        """Try out a command."""
        return self._result(self._session.preview(command))

    def execute_batch(self, movements: Sequence[Movement], mode: BatchMode, key: str) -> list[Result]:
        """Execute a batch under a key."""
        outcome = self._portal.call(self._session.submit_batch(self._batch(movements, mode), key=key))
        return list(map(self._normal, outcome.transactions))

    def preview_batch(self, movements: Sequence[Movement], mode: BatchMode) -> list[Result]:
        """Try out a batch."""
        outcome = self._portal.call(self._session.preview_batch(self._batch(movements, mode)))
        return list(map(self._normal, outcome.transactions))

    def _batch(self, movements: Sequence[Movement], mode: BatchMode) -> Batch:
        return Batch(mode=mode, transactions=tuple(map(self.command, movements)))

    def _result(self, work: Coroutine[Any, Any, Any]) -> Result:
        try:
            return self._normal(self._portal.call(work))
        except Refused as refusal:
            return refusal.code

    def _normal(self, answer: object) -> Result:
        """Return an answer with numbers for ids. A new customer and new wallets get their numbers here."""
        refusal = refusal_of(answer)
        if refusal is not None:
            return refusal.code
        match answer:
            case Transaction(request=request, entries=entries):
                own = [one for one in entries if one.wallet_id in self.wallets]
                changes = [
                    (self.wallets.index(one.wallet_id), one.amount_minor, one.ledger_balance_after) for one in own
                ]
                return Posted(request.type, request.amount.minor, tuple(changes))
            case CustomerWithWallets(customer, wallets):
                self._learn(self.customers, customer.id)
                for wallet in wallets:
                    self._learn(self.wallets, wallet.id)
            case Wallet(id=wallet_id):
                self._learn(self.wallets, wallet_id)
        return "done"

    @staticmethod
    def _learn(known: list[Any], new: Any) -> None:
        if new not in known:
            known.append(new)
