"""Pay another customer for goods or services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tekana.application.commands.money.wallet_fields import QUOTE_REFUSALS, BetweenWallets
from tekana.domain.caller import Scope
from tekana.domain.errors import FeeExceedsAmount, PayeeNotMerchant, Refused


class MakePayment(BetweenWallets, frozen=True, kw_only=True, tag_field="type", tag="payment"):
    """Pay for goods or services: move money from the payer's wallet to a merchant's, of the same currency."""

    NAME: ClassVar[str] = "MakePayment"
    SCOPE: ClassVar[Scope] = "transactions:send"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (
        *BetweenWallets.REFUSALS,
        PayeeNotMerchant,
        FeeExceedsAmount,
        *QUOTE_REFUSALS,
    )
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "type": "payment",
        "from_wallet_id": "0198d2a0-0000-7000-8000-000000000002",
        "to_wallet_id": "0198d2a0-0000-7000-8000-000000000004",
        "amount": "1200",
        "currency": "RWF",
        "reference": "invoice-17",
    }
