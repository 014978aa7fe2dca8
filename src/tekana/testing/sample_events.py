"""Fixed sample events: one of every type, in the history of one customer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tekana.domain.events import (
    ApprovalApproved,
    ApprovalFailed,
    ApprovalRejected,
    ApprovalRequested,
    CustomerClosed,
    CustomerErased,
    CustomerReactivated,
    CustomerRegistered,
    CustomerSuspended,
    CustomerUpdated,
    CustomerVerified,
    Event,
    FundsCaptured,
    FundsDeposited,
    FundsExchanged,
    FundsHeld,
    FundsReversed,
    FundsTransferred,
    FundsWithdrawn,
    HoldAuthorized,
    HoldCaptured,
    HoldChanged,
    HoldExpired,
    HoldReleased,
    HoldVoided,
    LimitsOverridden,
    TransactionRejected,
    WalletClosed,
    WalletCredited,
    WalletDebited,
    WalletFrozen,
    WalletOpened,
    WalletUnfrozen,
    WalletUpdated,
)
from tekana.domain.identifiers import ApprovalId, CustomerId, TransactionId, WalletId, house_wallet_id
from tekana.domain.money import Currency
from tekana.domain.transaction import TRANSACTION_TYPES
from tekana.testing.clock import FrozenClock

RWF = Currency("RWF")
ALINE = CustomerId(UUID("019c13bd-8e80-7a6f-93c1-2f6a0d5b8e01"))
BOSCO = CustomerId(UUID("019c13bd-8e80-7b10-9c03-4ad2e0956b02"))
ALINES_WALLET = WalletId(UUID("019c13bd-8e80-7a70-8f52-71c09e4d2b02"))
BOSCOS_WALLET = WalletId(UUID("019c13bd-8e80-7b11-9d04-5be3f1a67c03"))
APPROVAL = ApprovalId(UUID("019c13bd-8e80-7c22-8d05-6cf402b78d04"))
HOLD, CAPTURE = (TransactionId(UUID(f"019c13bd-9e20-7000-8000-00000c4f1c{number:02d}")) for number in range(2))
SETTLEMENT = house_wallet_id("settlement", RWF)
DEPOSIT, TRANSFER, WITHDRAWAL, REFUSED = (
    TransactionId(UUID(f"019c13bd-9e20-7000-8000-00000c4f1a{number:02d}")) for number in range(4, 8)
)


_FURTHER_FIELDS: Final[dict[type[Event], dict[str, Any]]] = {
    FundsExchanged: {"received": "0.90", "received_currency": "USD", "base": "USD", "quote": "RWF", "price": "1320"},
    FundsReversed: {"reverses": DEPOSIT},
}
"""The fields of events of transactions that not all types have."""


def sample_events() -> list[Event]:
    """Return the sample events, in order."""
    clock = FrozenClock()
    sequences: dict[UUID, int] = {}

    def next_of(aggregate_id: UUID) -> dict[str, Any]:
        sequences[aggregate_id] = sequences.get(aggregate_id, 0) + 1
        moment: datetime = clock.advance(timedelta(minutes=1, microseconds=417))
        return {"sequence": sequences[aggregate_id], "occurred_at": moment}

    def aline() -> dict[str, Any]:
        return {"customer_id": ALINE, **next_of(ALINE)}

    def wallet() -> dict[str, Any]:
        return {"wallet_id": ALINES_WALLET, **next_of(ALINES_WALLET)}

    def entry(transaction_id: TransactionId, kind: str, version: int, amount: int, after: int) -> dict[str, Any]:
        about = {"transaction_id": transaction_id, "transaction_type": kind, "version": version}
        return {**wallet(), **about, "amount": amount, "currency": RWF, "ledger_balance_after": after}

    def money(
        transaction_id: TransactionId, wallets: tuple[WalletId, WalletId], amount: int, reference: str | None = None
    ) -> dict[str, Any]:
        about = {"transaction_id": transaction_id, **next_of(transaction_id), "currency": RWF, "reference": reference}
        return {**about, "from_wallet_id": wallets[0], "to_wallet_id": wallets[1], "amount": amount}

    events: list[Event] = [
        CustomerRegistered(**aline(), country="RW"),
        WalletOpened(**wallet(), customer_id=ALINE, currency=RWF),
        CustomerVerified(**aline(), tier="full"),
        CustomerUpdated(**aline(), changed=("email", "phone_number")),
        FundsDeposited(**money(DEPOSIT, (SETTLEMENT, ALINES_WALLET), 10_000)),
        WalletCredited(**entry(DEPOSIT, "deposit", 1, 10_000, 10_000)),
        FundsTransferred(**money(TRANSFER, (ALINES_WALLET, BOSCOS_WALLET), 2500, "invoice-7")),
        WalletDebited(**entry(TRANSFER, "transfer", 2, 2500, 7500)),
        TransactionRejected(
            **money(REFUSED, (ALINES_WALLET, BOSCOS_WALLET), 9000),
            transaction_type="transfer",
            rejection_code="insufficient_funds",
        ),
        WalletFrozen(**wallet(), scope="debits"),
        CustomerSuspended(**aline()),
        CustomerReactivated(**aline()),
        WalletUnfrozen(**wallet()),
        FundsWithdrawn(**money(WITHDRAWAL, (ALINES_WALLET, SETTLEMENT), 7500)),
        WalletClosed(**wallet()),
        CustomerClosed(**aline()),
    ]

    def other_types() -> Iterator[Event]:
        """Yield the events of types of transactions that are not among the events yet."""
        shown = {type(event) for event in events}
        for number, rules in enumerate(TRANSACTION_TYPES.values()):
            if rules.event not in shown and rules.event not in (HoldAuthorized, FundsCaptured):
                transaction_id = TransactionId(UUID(f"019c13bd-9e20-7000-8000-00000c4f1b{number:02d}"))
                about = money(transaction_id, (ALINES_WALLET, BOSCOS_WALLET), 1200)
                yield rules.event(**about, **_FURTHER_FIELDS.get(rules.event, {}))

    def approval() -> dict[str, Any]:
        return {"approval_id": APPROVAL, **next_of(APPROVAL), "command": "AdjustBalance"}

    def hold(amount: int) -> dict[str, Any]:
        return money(HOLD, (ALINES_WALLET, BOSCOS_WALLET), amount)

    def held(amount: int, after: int) -> dict[str, Any]:
        return {**wallet(), "transaction_id": HOLD, "amount": amount, "currency": RWF, "held_after": after}

    # Later kinds of event come after the others, whose times and sequences are pinned by tests.
    events.append(next(other_types()))  # a payment
    events.append(
        WalletUpdated(wallet_id=BOSCOS_WALLET, **next_of(BOSCOS_WALLET), changed=("name", "metadata")),
    )
    events += other_types()
    expires_at = clock() + timedelta(hours=24)
    events += [
        ApprovalRequested(**approval(), expires_at=expires_at),
        ApprovalApproved(**approval(), asked_by="key:1", resource="transaction", resource_id=DEPOSIT),
        ApprovalRejected(**approval(), asked_by="key:1"),
        ApprovalFailed(**approval(), asked_by="key:1", rejection_code="insufficient_funds"),
    ]
    events.append(CustomerErased(**aline()))
    expires_at = clock() + timedelta(days=7)
    events += [
        HoldAuthorized(**hold(3000), expires_at=expires_at),
        FundsHeld(**held(3000, 3000)),
        HoldReleased(**held(1000, 2000)),
        FundsCaptured(**money(CAPTURE, (ALINES_WALLET, BOSCOS_WALLET), 1000), hold_id=HOLD),
        HoldCaptured(**hold(1000), capture_id=CAPTURE, remaining=2000),
        HoldChanged(**hold(3500), remaining=2500, expires_at=expires_at),
        HoldVoided(**hold(2500)),
        HoldExpired(**hold(2500)),
    ]
    limits: dict[str, Any] = {"largest_balance": 40_000, "daily_incoming_count": 20}
    events.append(
        LimitsOverridden(customer_id=BOSCO, **next_of(BOSCO), currency=RWF, until=expires_at, **limits),
    )
    return events
