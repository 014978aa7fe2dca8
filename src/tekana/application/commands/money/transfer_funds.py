"""Transfer money from one wallet to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.money.wallet_fields import QUOTE_REFUSALS, BetweenWallets
from tekana.domain.caller import Scope
from tekana.domain.errors import FeeExceedsAmount, Refused


class TransferFunds(BetweenWallets, frozen=True, kw_only=True, tag_field="type", tag="transfer"):
    """Move money from one wallet to another of the same currency."""

    NAME: ClassVar[str] = "TransferFunds"
    SCOPE: ClassVar[Scope] = "transactions:send"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (
        *BetweenWallets.REFUSALS,
        FeeExceedsAmount,
        *QUOTE_REFUSALS,
    )
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "type": "transfer",
        "from_wallet_id": "0198d2a0-0000-7000-8000-000000000002",
        "to_wallet_id": "0198d2a0-0000-7000-8000-000000000004",
        "amount": "2500",
        "currency": "RWF",
        "description": "Lunch",
    }
