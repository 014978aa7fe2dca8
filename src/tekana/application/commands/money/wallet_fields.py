"""The bases of money commands: which of the two wallets the caller names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, ClassVar, Final

from msgspec.structs import force_setattr

from tekana.application.commands.command import MoneyFields
from tekana.application.commands.customers.validation import normal_phone_number
from tekana.domain.book import Book
from tekana.domain.customer import CONTACTS, CUSTOMERS, Contact
from tekana.domain.errors import (
    CurrencyMismatch,
    CustomerNotActive,
    InsufficientFunds,
    LimitExceeded,
    QuoteExpired,
    QuoteMismatch,
    QuoteNotFound,
    QuoteUsed,
    RecipientNotFound,
    Refused,
    SameWallet,
    TenantMismatch,
    WalletNotActive,
    WalletNotFound,
    invalid,
)
from tekana.domain.identifiers import CustomerId, WalletId
from tekana.domain.lock_set import NO_LOCKS, LockedState, LockSet
from tekana.domain.wallet_kinds import WALLET_KINDS

QUOTE_REFUSALS: Final[tuple[type[Refused], ...]] = (QuoteNotFound, QuoteMismatch, QuoteUsed, QuoteExpired)
"""Those of commands that can name a quote."""


class OneWallet(MoneyFields, frozen=True, kw_only=True):
    """The base of commands that move money between a customer's wallet and a house wallet of the type."""

    IDS: ClassVar[tuple[str, ...]] = ("wallet_id",)

    wallet_id: WalletId


class NamedWallets(MoneyFields, frozen=True, kw_only=True):
    """The base of commands that move money between two customer wallets, which they name."""

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


class BetweenWallets(NamedWallets, frozen=True, kw_only=True):
    """The base of commands that move money between two customer wallets of the same currency.

    Attributes:
        to_wallet_id: the payee's wallet; left out if there is a `to_phone_number`.
        to_phone_number: the phone number of the payee, a customer of the payer's tenant, whose oldest wallet in the
            currency, of a kind that can be paid into, is paid into.
    """

    OPTIONAL_IDS: ClassVar[tuple[str, ...]] = ("to_wallet_id",)
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (*NamedWallets.REFUSALS, RecipientNotFound)

    to_wallet_id: WalletId | None = None  # type: ignore[assignment]
    to_phone_number: str | None = None

    @property
    def has_personal_data(self) -> bool:
        """Return whether the command names the payee by their phone number."""
        return self.to_phone_number is not None

    def _checks(self) -> Iterator[Callable[[], None]]:
        checks = super()._checks()
        if self.to_wallet_id is not None and self.to_phone_number is None:  # as in most commands
            return checks
        return chain(checks, (self._check_payee,))

    def _check_payee(self) -> None:
        if self.to_phone_number is not None:
            number = normal_phone_number(self.to_phone_number, field="to_phone_number")
            force_setattr(self, "to_phone_number", number)
            if self.to_wallet_id is not None:
                raise invalid("to_phone_number", "cannot be given with to_wallet_id: name the payee by one of them")
        elif self.to_wallet_id is None:
            raise invalid("to_wallet_id", "is missing, and there is no to_phone_number")

    def wallet_ids(self) -> tuple[WalletId, ...]:
        """Return the wallets that the command names, the payer's first."""
        return (self.from_wallet_id,) if self.to_wallet_id is None else (self.from_wallet_id, self.to_wallet_id)

    def locks(self) -> LockSet:
        locks = super().locks()
        if self.to_phone_number is None:
            return locks
        return locks._replace(others=(*locks.others, CONTACTS.ref(_contact(self.to_phone_number))))

    def further_locks(self, locked: LockedState) -> LockSet:
        """Return the payee, who has the phone number."""
        if self.to_phone_number is None:
            return NO_LOCKS
        payee_id = self._payee_id(locked, self.to_phone_number)
        return NO_LOCKS if payee_id is None else LockSet(others=(CUSTOMERS.ref(payee_id),))

    def _payee_id(self, locked: LockedState, phone_number: str) -> CustomerId | None:
        payer = locked.wallets.get(self.from_wallet_id)
        owners = locked.of(CONTACTS).get(_contact(phone_number), {})
        return None if payer is None else owners.get(payer.tenant)

    def party_ids(self, book: Book) -> tuple[WalletId, ...]:
        """Return the wallets of the payer and the payee.

        Raises:
            WalletNotFound: the caller has no access to the payer's wallet, so that nothing shows whose number it is.
            RecipientNotFound: no active customer has the phone number, or they have no wallet in the currency.
        """
        if self.to_phone_number is None:
            return self.wallet_ids()
        book.customer_wallet(self.from_wallet_id)
        payee = book.locked.of(CUSTOMERS).get(self._payee_id(book.locked, self.to_phone_number))  # type: ignore[arg-type]
        # The number may have changed between the reading of contacts and the lock of the customer.
        if payee is not None and payee.active and payee.phone_number == self.to_phone_number:
            type_: Any = self.__struct_config__.tag
            wallets = [
                one
                for one in book.wallets_of(payee.id)
                if one.currency == self.currency and type_ not in WALLET_KINDS[one.kind].not_paid_by
            ]
            if wallets:
                return self.from_wallet_id, next((one for one in wallets if one.status == "active"), wallets[0]).id
        raise RecipientNotFound("no customer with this phone number can be paid in this currency")


def _contact(phone_number: str) -> Contact:
    return Contact("phone_number", phone_number)
