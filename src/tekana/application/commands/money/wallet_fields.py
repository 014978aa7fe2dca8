"""The bases of money commands: which of the two wallets the caller names."""

from __future__ import annotations

from typing import ClassVar

from tekana.application.commands.command import MoneyFields
from tekana.domain.errors import (
    CurrencyMismatch,
    CustomerNotActive,
    InsufficientFunds,
    LimitExceeded,
    Refused,
    SameWallet,
    TenantMismatch,
    WalletNotActive,
    WalletNotFound,
)
from tekana.domain.identifiers import WalletId


class OneWallet(MoneyFields, frozen=True, kw_only=True):
    """The base of commands that move money between a customer's wallet and a house wallet of the type."""

    IDS: ClassVar[tuple[str, ...]] = ("wallet_id",)

    wallet_id: WalletId


class BetweenWallets(MoneyFields, frozen=True, kw_only=True):
    """The base of commands that move money between two customer wallets of the same currency."""

    IDS: ClassVar[tuple[str, ...]] = ("from_wallet_id", "to_wallet_id")
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (
        SameWallet,
        TenantMismatch,
        WalletNotFound,
        CurrencyMismatch,
        WalletNotActive,
        CustomerNotActive,
        InsufficientFunds,
        LimitExceeded,
    )

    from_wallet_id: WalletId
    to_wallet_id: WalletId
