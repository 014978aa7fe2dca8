"""A system under test: an application on one store, with the ids behind the numbers of the model."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Any, Final

from tekana import Batch, Refused, Session
from tekana.application.commands.money.expire_hold import ExpireHold
from tekana.application.executed import refusal_of
from tekana.domain.answers import BatchMode, CustomerWithWallets
from tekana.domain.caller import HOLD_EXPIRY
from tekana.domain.errors import WalletNotFound
from tekana.domain.fees import Charge, FeeSchedule
from tekana.domain.hold_state import HoldState
from tekana.domain.holds import Hold
from tekana.domain.identifiers import CustomerId, FeeScheduleId, QuoteId, TransactionId, WalletId, house_wallet_id
from tekana.domain.limits import WINDOW_NAMES
from tekana.domain.money import Currency, format_minor
from tekana.domain.quotes import Quote
from tekana.domain.transaction import Transaction
from tekana.domain.wallet import Wallet
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.ledger_checks import assert_whole
from tekana.testing.portal import Portal
from tekana.testing.session import session
from tests.model.fee_model import Fee
from tests.model.records import Held, House, Movement, Place, Posted, Quoted, Result

HOUSES: Final = {
    house_wallet_id(role, Currency(currency)): House(role, currency)
    for role in ("settlement", "exchange", "fees", "taxes")
    for currency in ("RWF", "USD")
}
"""The operator's wallets that transactions move money in."""


class System:
    """An application on a store of its own. Leaving its context audits the ledger."""

    def __init__(self, portal: Portal, database: AbstractContextManager[str], clock: FrozenClock) -> None:
        self.customers: list[CustomerId] = []
        self.wallets: list[WalletId] = []
        self.transactions: list[TransactionId] = []
        self.schedules: list[FeeScheduleId] = []
        self.quotes: list[QuoteId] = []
        self._portal = portal
        self._exits = ExitStack()
        url = self._exits.enter_context(database)
        self._session: Session = self._exits.enter_context(portal.entered(session(url, clock=clock)))

    def __enter__(self) -> System:
        return self

    def __exit__(self, *error: object) -> None:
        """Audit the ledger, and disconnect."""
        with self._exits:
            self._portal.call(assert_whole(self._session))

    def balances(self) -> list[tuple[int, int]]:
        """Return the balances of the customers' wallets, and what is held in them, in minor units."""
        found = [self._portal.call(self._session.wallets.get(one)) for one in self.wallets]
        return [(one.ledger_balance, one.held) for one in found]

    def houses(self) -> dict[House, int]:
        """Return the balances of the operator's wallets that are not zero, in minor units."""
        found = {}
        for wallet_id, house in HOUSES.items():
            with suppress(WalletNotFound):
                found[house] = self._portal.call(self._session.wallets.get(wallet_id)).ledger_balance
        return {house: balance for house, balance in found.items() if balance}

    def used(self) -> dict[tuple[int, str], Mapping[str, int | None]]:
        """Return what customers have used of the limits of windows, by customer and currency."""
        return {
            (number, one.currency): {each.name: each.used for each in one.limits if each.name in WINDOW_NAMES}
            for number, customer_id in enumerate(self.customers)
            for one in self._portal.call(self._session.limits.of_customer(customer_id)).currencies
        }

    def command(self, asked: Movement) -> Any:
        """Return the command of a movement."""
        amount = format_minor(asked.amount, Currency(asked.currency))
        payer, payee = self.wallets[asked.payer], self.wallets[asked.payee]
        quote = {} if asked.quote is None else {"quote_id": self.quotes[asked.quote]}
        return builders.movement(asked.type, payer, payee, amount, asked.currency, **quote)

    def execute(self, command: Any, key: str) -> Result:
        """Execute a command under a key. New transactions get their numbers here."""
        caller = HOLD_EXPIRY if isinstance(command, ExpireHold) else self._session.caller
        return self._result(self._session.as_caller(caller).execute(command, key=key), is_kept=True)

    def preview(self, command: Any) -> Result:
        """Try out a command."""
        caller = HOLD_EXPIRY if isinstance(command, ExpireHold) else self._session.caller
        return self._result(self._session.as_caller(caller).preview(command), is_kept=False)

    def execute_batch(self, movements: Sequence[Movement], mode: BatchMode, key: str) -> list[Result]:
        """Execute a batch under a key."""
        outcome = self._portal.call(self._session.submit_batch(self._batch(movements, mode), key=key))
        return [self._normal(one, is_kept=True) for one in outcome.transactions]

    def preview_batch(self, movements: Sequence[Movement], mode: BatchMode) -> list[Result]:
        """Try out a batch."""
        outcome = self._portal.call(self._session.preview_batch(self._batch(movements, mode)))
        return [self._normal(one, is_kept=False) for one in outcome.transactions]

    def _batch(self, movements: Sequence[Movement], mode: BatchMode) -> Batch:
        return Batch(mode=mode, transactions=tuple(map(self.command, movements)))

    def _result(self, work: Coroutine[Any, Any, Any], *, is_kept: bool) -> Result:
        try:
            return self._normal(self._portal.call(work), is_kept=is_kept)
        except Refused as refusal:
            return refusal.code

    def _normal(self, answer: object, *, is_kept: bool) -> Result:
        """Return an answer with numbers for ids. What is new gets its number here, if it was kept."""
        refusal = refusal_of(answer)
        if refusal is not None:
            return refusal.code
        match answer:
            case Transaction(id=new, request=request, entries=entries, hold=hold):
                self._learn(self.transactions, new, is_kept)
                if hold is not None:
                    return _held(hold)
                changes = [(self._place(one.wallet_id), one.amount_minor, one.ledger_balance_after) for one in entries]
                return Posted(request.type, request.amount.minor, tuple(changes), self._fee(request.charge))
            case Quote(id=new, charge=charge, total_debit=debit, total_credit=credit, expires_at=expires_at):
                self._learn(self.quotes, new, is_kept)
                return Quoted(self._fee(charge), debit.minor, credit.minor, expires_at)
            case FeeSchedule(id=new):
                self._learn(self.schedules, new, is_kept)
            case Hold(state=state):
                return _held(state)
            case CustomerWithWallets(customer, wallets):
                self._learn(self.customers, customer.id, is_kept)
                for wallet in wallets:
                    self._learn(self.wallets, wallet.id, is_kept)
            case Wallet(id=wallet_id):
                self._learn(self.wallets, wallet_id, is_kept)
        return "done"

    def _fee(self, charge: Charge | None) -> Fee | None:
        if charge is None:
            return None
        shares = tuple((self.wallets.index(wallet_id), minor) for wallet_id, minor in charge.shares)
        return Fee(charge.paid_by, charge.fee, charge.tax, shares)

    def _place(self, wallet_id: WalletId) -> Place:
        return self.wallets.index(wallet_id) if wallet_id in self.wallets else HOUSES[wallet_id]

    @staticmethod
    def _learn(known: list[Any], new: Any, is_kept: bool) -> None:
        if is_kept and new not in known:
            known.append(new)


def _held(state: HoldState) -> Held:
    return Held(state.status, state.amount_minor, state.captured_minor)
