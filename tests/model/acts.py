"""Requests about one customer or one wallet: what each does to the model, and its command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from tekana import (
    CloseWallet,
    FreezeWallet,
    ReactivateCustomer,
    SuspendCustomer,
    UnfreezeWallet,
    UpdateWallet,
    VerifyCustomer,
)
from tests.model.ledger_model import LedgerModel
from tests.model.records import Result


class Act(NamedTuple):
    """A request about one customer or wallet: what it does to the model, and its command."""

    model: Callable[[LedgerModel, int], Result]
    command: Callable[[Any], Any]


OF_CUSTOMERS: Final = {
    "suspend": Act(
        lambda model, number: model.set_customer_active(number, active=False),
        lambda customer_id: SuspendCustomer(customer_id=customer_id, reason="a check"),
    ),
    "reactivate": Act(
        lambda model, number: model.set_customer_active(number, active=True),
        lambda customer_id: ReactivateCustomer(customer_id=customer_id),
    ),
    "verify": Act(
        lambda model, number: model.verify(number, "1"),
        lambda customer_id: VerifyCustomer(customer_id=customer_id, tier="1"),
    ),
    "lower the tier": Act(
        lambda model, number: model.verify(number, "0"),
        lambda customer_id: VerifyCustomer(customer_id=customer_id, tier="0"),
    ),
}

OF_WALLETS: Final = {
    "freeze for debits": Act(
        lambda model, number: model.set_wallet_state(number, "no debits"),
        lambda wallet_id: FreezeWallet(wallet_id=wallet_id, scope="debits", reason="a check"),
    ),
    "freeze": Act(
        lambda model, number: model.set_wallet_state(number, "frozen"),
        lambda wallet_id: FreezeWallet(wallet_id=wallet_id, scope="all", reason="a check"),
    ),
    "unfreeze": Act(
        lambda model, number: model.set_wallet_state(number, "active"),
        lambda wallet_id: UnfreezeWallet(wallet_id=wallet_id),
    ),
    "close": Act(
        lambda model, number: model.set_wallet_state(number, "closed"),
        lambda wallet_id: CloseWallet(wallet_id=wallet_id),
    ),
    "make it a merchant's": Act(
        lambda model, number: model.set_kind(number, "merchant"),
        lambda wallet_id: UpdateWallet(wallet_id=wallet_id, kind="merchant"),
    ),
    "make it personal": Act(
        lambda model, number: model.set_kind(number, "personal"),
        lambda wallet_id: UpdateWallet(wallet_id=wallet_id, kind="personal"),
    ),
}
