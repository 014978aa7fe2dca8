"""Charging: which fee a transaction has, and its legs, which are posted with those of the transaction.

The fee goes from the wallet of the one who pays it into the operator's `fees` wallet, the tax into their `taxes`
wallet, and each share out of `fees` into the wallet that it is for. So every part is a pair of entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tekana.domain.errors import FeeExceedsAmount
from tekana.domain.fees import Charge, FeeSchedule, find_schedule
from tekana.domain.identifiers import FeeScheduleId, HouseRole, WalletId
from tekana.domain.limits import TIERS
from tekana.domain.lock_set import NO_LOCKS, HouseWalletRef, LockedState, LockKind, LockSet
from tekana.domain.money import Currency
from tekana.domain.transaction import Leg, TransactionRequest

if TYPE_CHECKING:
    from tekana.domain.book import Book
    from tekana.domain.wallet import Wallet

FEES: Final[HouseRole] = "fees"
TAXES: Final[HouseRole] = "taxes"

FEE_SCHEDULES: Final = LockKind[FeeScheduleId, FeeSchedule]("fee_schedule")
"""The lock kind of fee schedules. A store locks all of them with one, and shows them in the Terms."""


def schedule_for(locked: LockedState, type_: str, currency: Currency, own: Wallet | None) -> FeeSchedule | None:
    """Return the schedule that applies to a transaction now; None without any.

    Args:
        locked: the locked items, with the terms.
        type_: the type of the transaction.
        currency: that of its amount.
        own: the wallet of the customer who asked for it: the payer's; of a deposit, the one that is paid.
    """
    schedules = locked.terms.fees.get((type_, currency))
    if schedules is None or own is None:
        return None
    return find_schedule(schedules, locked.now, tenant=own.tenant, tier=own.tier or TIERS[0])


def fee_locks(locked: LockedState, type_: str, currency: Currency, own_id: WalletId) -> LockSet:
    """Return what the fee of a transaction needs locked: the house wallets of fees and taxes, and those of shares."""
    schedule = schedule_for(locked, type_, currency, locked.wallets.get(own_id))
    if schedule is None:
        return NO_LOCKS
    return _locks(currency, (one.wallet_id for one in schedule.shares), has_tax=bool(schedule.tax_ppm))


def charge_locks(charge: Charge) -> LockSet:
    """Return what a charge needs locked."""
    return _locks(charge.currency, (wallet_id for wallet_id, _ in charge.shares), has_tax=bool(charge.tax))


def _locks(currency: Currency, shares: Iterable[WalletId], *, has_tax: bool) -> LockSet:
    roles = (FEES, TAXES) if has_tax else (FEES,)
    return LockSet(tuple(shares), tuple(HouseWalletRef(role, currency) for role in roles))


def charge_for(book: Book, request: TransactionRequest, payer: Wallet, payee: Wallet) -> Charge | None:
    """Return what a transaction costs by the schedule that applies now; None if it is free.

    Raises:
        FeeExceedsAmount: the payee would pay more than they are paid.
    """
    amount = request.amount
    schedule = schedule_for(book.locked, request.type, amount.currency, payee if payer.house else payer)
    charge = None if schedule is None else schedule.charge(amount.minor)
    if charge is not None and charge.paid_by == "payee" and charge.total > amount.minor:
        # How much they pay is not for the payer to see.
        raise FeeExceedsAmount(f"the fee of the payee, with tax, is more than {amount}")
    return charge


def charged(
    book: Book,
    request: TransactionRequest,
    legs: Sequence[Leg],
    payer: Wallet,
    payee: Wallet,
    charge: Charge | None,
) -> tuple[TransactionRequest, Sequence[Leg]]:
    """Return a request with its charge, and its legs with those of the charge, in pairs: the fee, the tax, each share.

    The operator keeps the share of a wallet that cannot be paid now: no transaction is refused because of it.
    """
    if charge is None:
        return request, legs
    source = payer if charge.paid_by == "payer" else payee
    currency = source.currency
    fees = book.house_wallet(FEES, currency)
    legs = [*legs, *_pair(source, fees, charge.fee)]
    if charge.tax:
        legs += _pair(source, book.house_wallet(TAXES, currency), charge.tax)
    shares = []
    for share in charge.shares:
        wallet_id, amount = share
        with_share = [*legs, *_pair(fees, book.locked.wallets[wallet_id], amount)]
        if book.allows_last(with_share):
            legs = with_share
            shares.append(share)
    return replace(request, charge=replace(charge, shares=tuple(shares))), legs


def _pair(source: Wallet, target: Wallet, amount: int) -> tuple[Leg, Leg]:
    return Leg(source, -amount, source.currency), Leg(target, amount, source.currency)
