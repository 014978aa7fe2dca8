"""Withdraw money to outside the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.money.wallet_fields import QUOTE_REFUSALS, OneWallet
from tekana.domain.caller import Scope
from tekana.domain.errors import (
    CurrencyMismatch,
    CustomerNotActive,
    InsufficientFunds,
    LimitExceeded,
    Refused,
    WalletNotActive,
    WalletNotFound,
)


class WithdrawFunds(OneWallet, frozen=True, kw_only=True, tag_field="type", tag="withdrawal"):
    """Take money out of a wallet, into the currency's settlement wallet."""

    NAME: ClassVar[str] = "WithdrawFunds"
    SCOPE: ClassVar[Scope] = "transactions:send"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (
        WalletNotFound,
        CurrencyMismatch,
        WalletNotActive,
        CustomerNotActive,
        InsufficientFunds,
        LimitExceeded,
        *QUOTE_REFUSALS,
    )
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "type": "withdrawal",
        "wallet_id": "0198d2a0-0000-7000-8000-000000000002",
        "amount": "2500",
        "currency": "RWF",
    }
