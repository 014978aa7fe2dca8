"""Builders of customers, wallets and commands with default values.

Every call has a new email and phone number, so that registrations do not conflict.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import msgspec
from uuid_utils.compat import uuid7

from tekana.application import (
    AnyMoneyCommand,
    Batch,
    DepositFunds,
    FreezeWallet,
    OpenWallet,
    RegisterCustomer,
    SetLimits,
    TransferFunds,
    WithdrawFunds,
)
from tekana.application.authentication.secret_hash import keyed_hash
from tekana.application.commands import MONEY_COMMANDS
from tekana.application.webhooks.signature import new_secret
from tekana.domain.book import Book
from tekana.domain.caller import MAIN_TENANT, ROLES, SCOPES, Caller
from tekana.domain.customer import CONTACTS, CUSTOMERS, Customer
from tekana.domain.events import TransactionType
from tekana.domain.identifiers import CustomerId, WalletId, WebhookEndpointId
from tekana.domain.lock_set import LockedState
from tekana.domain.money import Currency
from tekana.domain.transaction import TRANSACTION_TYPES
from tekana.domain.wallet import Wallet, house_wallets
from tekana.testing.clock import FrozenClock

_people = count(1)
_NOW = FrozenClock()()

RWF = Currency("RWF")

hash_secret = keyed_hash(b"a data key of the tests")
"""Hashes the secrets of API keys."""


def person(**changes: Any) -> RegisterCustomer:
    """Build the registration of a new customer."""
    number = next(_people)
    fields = {
        "full_name": f"Person {number}",
        "email": f"person{number}@example.com",
        "phone_number": f"+25078{number:07d}",
    }
    return RegisterCustomer(**(fields | changes))


def open_wallet(customer_id: CustomerId, currency: str = "RWF", **changes: Any) -> OpenWallet:
    """Build the opening of a wallet."""
    return OpenWallet(customer_id=customer_id, currency=currency, **changes)


def deposit(wallet_id: WalletId, amount: str = "1000", currency: str = "RWF", **changes: Any) -> DepositFunds:
    """Build a deposit."""
    return DepositFunds(wallet_id=wallet_id, amount=amount, currency=currency, **changes)


def withdrawal(wallet_id: WalletId, amount: str = "1000", currency: str = "RWF", **changes: Any) -> WithdrawFunds:
    """Build a withdrawal."""
    return WithdrawFunds(wallet_id=wallet_id, amount=amount, currency=currency, **changes)


def transfer(
    from_wallet_id: WalletId, to_wallet_id: WalletId, amount: str = "1000", currency: str = "RWF", **changes: Any
) -> TransferFunds:
    """Build a transfer."""
    return TransferFunds(
        from_wallet_id=from_wallet_id, to_wallet_id=to_wallet_id, amount=amount, currency=currency, **changes
    )


def movement_fields(
    type_: TransactionType, payer: object, payee: object, amount: str = "1000", currency: str = "RWF"
) -> dict[str, Any]:
    """Return the fields of a money command of any type: those that it requires, from its example.

    Args:
        type_: the type of transaction.
        payer: the wallet that pays; unused where the type has a house wallet pay, as a deposit has.
        payee: the wallet that is paid; likewise.
        amount: in major units.
        currency: an ISO 4217 code.
    """
    kind, rules = MONEY_COMMANDS[type_], TRANSACTION_TYPES[type_]
    given = {
        "from_wallet_id": payer,
        "to_wallet_id": payee,
        "wallet_id": payee if rules.payer else payer,
        "amount": amount,
        "currency": currency,
    }
    names = [one.name for one in msgspec.structs.fields(kind) if one.required or one.name in kind.IDS]
    return {name: given[name] if name in given else kind.EXAMPLE[name] for name in names}


def movement(
    type_: TransactionType,
    payer: WalletId,
    payee: WalletId,
    amount: str = "1000",
    currency: str = "RWF",
    **changes: Any,
) -> AnyMoneyCommand:
    """Build a money command of any type. The arguments are those of `movement_fields`."""
    return MONEY_COMMANDS[type_](**movement_fields(type_, payer, payee, amount, currency), **changes)


def atomic(*transactions: AnyMoneyCommand) -> Batch:
    """Build an atomic batch."""
    return Batch(mode="atomic", transactions=transactions)


def independent(*transactions: AnyMoneyCommand) -> Batch:
    """Build an independent batch."""
    return Batch(mode="independent", transactions=transactions)


def no_limits(tier: str = "0", currency: str = "RWF") -> SetLimits:
    """Build the setting that leaves a tier without limits in a currency."""
    return SetLimits(tier=tier, currency=currency)


def freeze(wallet_id: WalletId, scope: str = "debits", reason: str = "a lost phone") -> FreezeWallet:
    """Build a freeze of a wallet."""
    return FreezeWallet(wallet_id=wallet_id, scope=scope, reason=reason)  # type: ignore[arg-type]


def customer(**changes: Any) -> Customer:
    """Build a Customer of the domain."""
    registration = person()
    fields: dict[str, Any] = {
        "id": CustomerId(uuid7()),
        "full_name": registration.full_name,
        "email": registration.email,
        "phone_number": registration.phone_number,
        "country": None,
        "external_id": None,
        "metadata": None,
        "created_by": "a test",
        "created_at": _NOW,
        "updated_at": _NOW,
    }
    return Customer(**(fields | changes))


def wallet(**changes: Any) -> Wallet:
    """Build a customer's Wallet of the domain."""
    fields: dict[str, Any] = {
        "id": WalletId(uuid7()),
        "customer_id": CustomerId(uuid7()),
        "currency": RWF,
        "created_by": "a test",
        "created_at": _NOW,
        "updated_at": _NOW,
        "sequence": 1,
    }
    return Wallet(**(fields | changes))


def book(*locked: Wallet | Customer) -> Book:
    """Build a Book with these aggregates locked, and the house wallets of their currencies."""
    wallets = [one for one in locked if isinstance(one, Wallet)]
    customers = [one for one in locked if isinstance(one, Customer)]
    houses = [
        house
        for currency in sorted({one.currency for one in wallets} | {RWF})
        for house in house_wallets(currency, created_by="a test", at=_NOW)
    ]
    found = LockedState(
        now=_NOW,
        wallets={one.id: one for one in (*houses, *wallets)},
        others={
            CUSTOMERS.name: {one.id: one for one in customers},
            CONTACTS.name: {contact: {one.tenant: one.id} for one in customers for contact in one.contacts},
        },
    )
    return Book(
        found, uuid7, RWF, caller("a test"), new_secret=readable_secret, hash_secret=hash_secret, request_id="a request"
    )


def readable_secret(endpoint_id: WebhookEndpointId) -> str:  # noqa: ARG001 - an encrypted one depends on it
    """Return a secret of a webhook endpoint that is stored as it is."""
    return new_secret()


def caller(subject: str = "a partner") -> Caller:
    """Build a caller with all scopes."""
    return Caller(MAIN_TENANT, subject, SCOPES, "operator")


def partner(tenant: str = MAIN_TENANT, subject: str = "a service") -> Caller:
    """Build a caller with the scopes of a partner."""
    return Caller(tenant, subject, ROLES["partner"], "partner")
