"""Deposit money that comes from outside the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.money.wallet_fields import QUOTE_REFUSALS, OneWallet
from tekana.domain.errors import (
    CurrencyMismatch,
    CustomerNotActive,
    FeeExceedsAmount,
    LimitExceeded,
    Refused,
    WalletNotActive,
    WalletNotFound,
)


class DepositFunds(OneWallet, frozen=True, kw_only=True, tag_field="type", tag="deposit"):
    """Put money into a wallet, out of the currency's settlement wallet."""

    NAME: ClassVar[str] = "DepositFunds"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (
        WalletNotFound,
        CurrencyMismatch,
        WalletNotActive,
        CustomerNotActive,
        LimitExceeded,
        *QUOTE_REFUSALS,
        FeeExceedsAmount,
    )
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "type": "deposit",
        "wallet_id": "0198d2a0-0000-7000-8000-000000000002",
        "amount": "10000",
        "currency": "RWF",
        "reference": "invoice-17",
    }
