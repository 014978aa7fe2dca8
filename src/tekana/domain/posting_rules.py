"""The rules that every posting keeps: legs sum to zero, and each leg may enter or leave its wallet."""

from __future__ import annotations

from collections.abc import Sequence

from tekana.domain.errors import CurrencyMismatch, CustomerNotActive, InsufficientFunds, LimitExceeded, TenantMismatch
from tekana.domain.money import BALANCE_MAX_MINOR, Currency
from tekana.domain.transaction import Leg
from tekana.domain.wallet import Wallet


def require_balanced(legs: Sequence[Leg]) -> None:
    """Raise ValueError unless there are two or more legs, none is zero, and they sum to zero in each currency."""
    if len(legs) == 2:  # as most postings have
        (_, first, currency), (_, second, other_currency) = legs
        if first and first + second == 0 and currency == other_currency:
            return
    sums: dict[Currency, int] = {}
    for leg in legs:
        sums[leg.currency] = sums.get(leg.currency, 0) + leg.amount_minor
    if len(legs) < 2 or any(sums.values()) or not all(leg.amount_minor for leg in legs):
        raise ValueError(f"legs must be two or more, none zero, and sum to zero in each currency: {sums}")


def require_one_tenant(legs: Sequence[Leg]) -> str | None:
    """Return the tenant of the customers' wallets; None without any. Raise TenantMismatch if they are of several."""
    tenant: str | None = None
    for wallet, _, _ in legs:
        if wallet.tenant != tenant and wallet.house is None:
            if tenant is not None:
                raise TenantMismatch("the wallets belong to different tenants")
            tenant = wallet.tenant
    return tenant


def require_postable(wallet: Wallet, amount_minor: int, currency: Currency, legs: Sequence[Leg] = ()) -> None:
    """Raise the Refused of the first rule that forbids this amount to enter or leave the wallet.

    Args:
        wallet: the wallet.
        amount_minor: the amount, below zero if it leaves.
        currency: that of the amount.
        legs: all legs of the transaction: a fee may leave a wallet that is frozen for money going out, if more enters.
    """
    if wallet.currency != currency:
        raise CurrencyMismatch(f"wallet {wallet.id} holds {wallet.currency}, not {currency}")
    if not wallet.customer_active:
        raise CustomerNotActive(f"the customer of wallet {wallet.id} is not active")
    if wallet.status != "active":
        net_minor = sum(leg.amount_minor for leg in legs if leg.wallet is wallet) if legs else amount_minor
        wallet.require_moves(debit=net_minor < 0)
    after = wallet.ledger_balance + amount_minor
    if amount_minor < 0 and after < wallet.held and wallet.house is None:
        raise InsufficientFunds(f"wallet {wallet.id} does not have that much available")
    if not -BALANCE_MAX_MINOR <= after <= BALANCE_MAX_MINOR:
        raise LimitExceeded(f"wallet {wallet.id} cannot hold that much")
