"""Open another wallet of a customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from msgspec.structs import force_setattr

from tekana.application.commands.command import Struct
from tekana.application.commands.validation import (
    MetadataField,
    WalletKindField,
    check_all,
    check_metadata,
    check_optional,
    check_wallet_kind,
    normal_name,
    require_active_currency,
)
from tekana.domain.book import Book
from tekana.domain.caller import Scope
from tekana.domain.customer import CUSTOMERS
from tekana.domain.errors import CustomerNotActive, CustomerNotFound, LimitExceeded, Refused, WalletKindForbidden
from tekana.domain.identifiers import CustomerId, WalletId
from tekana.domain.lock_set import LockSet
from tekana.domain.money import parse_currency
from tekana.domain.wallet import Wallet
from tekana.domain.wallet_kinds import require_may_open


class OpenWallet(Struct, frozen=True, kw_only=True):
    """Open a wallet in a currency for a customer. A customer may have several in the same currency.

    Attributes:
        kind: "personal", or "merchant" for a business: customers cannot open one of these themselves.
    """

    NAME: ClassVar[str] = "OpenWallet"
    SCOPE: ClassVar[Scope] = "wallets:open"
    IDS: ClassVar[tuple[str, ...]] = ("customer_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (
        CustomerNotFound,
        CustomerNotActive,
        LimitExceeded,
        WalletKindForbidden,
    )
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "customer_id": "0198d2a0-0000-7000-8000-000000000001",
        "currency": "USD",
        "name": "Savings",
    }

    customer_id: CustomerId
    currency: str
    name: str | None = None
    metadata: MetadataField | None = None
    kind: WalletKindField = "personal"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_all(
            lambda: parse_currency(self.currency),
            lambda: check_optional(self.name, self._normalize_name),
            lambda: check_optional(self.metadata, check_metadata),
            lambda: check_wallet_kind(self.kind),
        )

    def _normalize_name(self, name: str) -> None:
        force_setattr(self, "name", normal_name("name", name, most=100))

    def locks(self) -> LockSet:
        return LockSet(others=(CUSTOMERS.ref(self.customer_id),))

    def decide(self, book: Book) -> Wallet:
        currency = require_active_currency(self.currency)
        customer = book.customer(self.customer_id)
        require_may_open(book.caller, self.kind)
        customer.require_active()
        wallet = Wallet(
            id=WalletId(book.new_id()),
            customer_id=customer.id,
            currency=currency,
            name=self.name,
            metadata=self.metadata,
            created_by=book.caller.subject,
            created_at=book.now,
            updated_at=book.now,
            tenant=customer.tenant,
            kind=self.kind,
        )
        book.open_wallet(wallet)
        return replace(wallet)
