"""Identifiers: distinct types over UUIDv7, so that type checkers distinguish a wallet's id from a customer's.

The ids of house wallets (`house_wallet_id`) and of transactions (`first_transaction_id`) encode data; the port `NewId`
generates all others.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final, Literal, NewType
from uuid import UUID

from tekana.domain.money import Currency

CustomerId = NewType("CustomerId", UUID)
WalletId = NewType("WalletId", UUID)
TransactionId = NewType("TransactionId", UUID)
WebhookEndpointId = NewType("WebhookEndpointId", UUID)
WebhookDeliveryId = NewType("WebhookDeliveryId", UUID)
ApiKeyId = NewType("ApiKeyId", UUID)
ApprovalId = NewType("ApprovalId", UUID)
FeeScheduleId = NewType("FeeScheduleId", UUID)
QuoteId = NewType("QuoteId", UUID)

HouseRole = Literal["settlement", "fees", "exchange", "suspense", "taxes"]
"""The purpose of a house wallet. `settlement` is the source of deposits and the destination of withdrawals."""

HOUSE_ROLES: Final[tuple[HouseRole, ...]] = ("settlement", "fees", "exchange", "suspense", "taxes")

HOUSE_ROLES_LATER: Final[frozenset[HouseRole]] = frozenset({"taxes"})
"""The roles whose wallets are opened when they are needed, as currencies of before these roles have none."""

_VERSION_7 = 0x7 << 76
_VARIANT = 0b10 << 62
_LAST_HOUSE_ID = _VERSION_7 | 0xFFF << 64 | _VARIANT | (1 << 62) - 1

LAST_HOUSE_WALLET_ID: Final = WalletId(UUID(int=_LAST_HOUSE_ID))
"""The largest id that a house wallet can have; those of customers' wallets are larger."""

STRIPES_MAX: Final = 64
"""The largest number of wallets of a house role in a currency."""

_CURRENCY_BITS = 24
_STRIPE_MASK = STRIPES_MAX - 1 << _CURRENCY_BITS


@cache
def house_wallet_id(role: HouseRole, currency: Currency, stripe: int = 0) -> WalletId:
    """Return the id of one of the operator's own wallets, the same in every installation.

    It is a UUIDv7 of the first millisecond of 1970 that spells its role, currency and stripe, so that pure code can
    compute it without a store, and no customer's wallet can have the same id.

    Args:
        role: the purpose of the wallet.
        currency: its currency.
        stripe: the number of the wallet within its role and currency, from 0. The balance of a role is the sum of its
            stripes.
    """
    role_number = HOUSE_ROLES.index(role) + 1
    letters = int.from_bytes(currency.encode("ascii"), "big")
    return WalletId(UUID(int=_VERSION_7 | role_number << 64 | _VARIANT | stripe << _CURRENCY_BITS | letters))


def first_stripe(wallet_id: WalletId) -> WalletId:
    """Return the id of stripe 0 of the same role and currency. A customer's wallet id is returned unchanged."""
    if is_house_wallet(wallet_id):
        return WalletId(UUID(int=wallet_id.int & ~_STRIPE_MASK))
    return wallet_id


def is_house_wallet(wallet_id: WalletId) -> bool:
    """Return whether the id is one of `house_wallet_id`."""
    return wallet_id.int <= _LAST_HOUSE_ID


def house_role(wallet_id: WalletId) -> HouseRole | None:
    """Return the role of a house wallet; None for a customer's wallet."""
    return HOUSE_ROLES[(wallet_id.int >> 64 & 0xFFF) - 1] if is_house_wallet(wallet_id) else None


NUMBER_BITS: Final = 40
RANDOM_BITS: Final = 22

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MILLISECOND: Final = (1 << 48) - 1


def first_transaction_id(moment: datetime) -> TransactionId:
    """Return the lowest id that a transaction created at this time can have, to the microsecond.

    A transaction's id is a UUIDv7 whose bits are the milliseconds since 1970 (48), the microseconds within (12; RFC
    9562, method 3), a counter of the process (NUMBER_BITS) and random bits (RANDOM_BITS). So ids sort by `created_at`,
    those of one wallet sort as its entries do, and a period of time is a range of ids.
    """
    since, microseconds = divmod((moment - _EPOCH) // timedelta(microseconds=1), 1000)
    milliseconds = min(max(since, 0), _LAST_MILLISECOND)
    return TransactionId(UUID(int=milliseconds << 80 | _VERSION_7 | microseconds << 64 | _VARIANT))
