"""Charging: which fee a transaction has, and its legs, which are posted with those of the transaction.

The fee goes from the wallet of the one who pays it into the operator's `fees` wallet, the tax into their `taxes`
wallet, and each share out of `fees` into the wallet that it is for. So every part is a pair of entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tekana.domain.errors import FeeExceedsAmount
from tekana.domain.fees import Charge, FeeSchedule, find_schedule
from tekana.domain.identifiers import FeeScheduleId, HouseRole, WalletId
from tekana.domain.limits import TIERS
from tekana.domain.lock_set import NO_LOCKS, HouseWalletRef, LockedState, LockKind, LockSet
from tekana.domain.money import Currency, Money
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
        total = Money(charge.total, amount.currency)
        raise FeeExceedsAmount(f"the payee would pay {total}, with tax, for {amount}")
    return charge


def charged(
    book: Book,
    request: TransactionRequest,
    legs: Sequence[Leg],
    payer: Wallet,
    payee: Wallet,
    charge: Charge | None,
) -> tuple[TransactionRequest, Sequence[Leg]]:
    """Return a request with its charge, and its legs with those of the charge."""
    if charge is None:
        return request, legs
    charge = with_payable_shares(book, charge)
    source = payer if charge.paid_by == "payer" else payee
    return replace(request, charge=charge), [*legs, *charge_legs(book, charge, source)]


def with_payable_shares(book: Book, charge: Charge) -> Charge:
    """Return a charge without the shares of wallets that cannot be paid now: the operator keeps them."""
    if not charge.shares:
        return charge
    shares = tuple(one for one in charge.shares if _can_be_paid(book.locked.wallets.get(one[0])))
    return charge if shares == charge.shares else replace(charge, shares=shares)


def _can_be_paid(wallet: Wallet | None) -> bool:
    if wallet is None or not wallet.customer_active:
        return False
    return wallet.status == "active" or (wallet.status == "frozen" and wallet.freeze_scope == "debits")


def charge_legs(book: Book, charge: Charge, source: Wallet) -> Iterator[Leg]:
    """Yield the legs of a charge in pairs: the fee, the tax, each share."""
    currency = source.currency
    fees = book.house_wallet(FEES, currency)
    yield from _pair(source, fees, charge.fee)
    if charge.tax:
        yield from _pair(source, book.house_wallet(TAXES, currency), charge.tax)
    for wallet_id, amount in charge.shares:
        yield from _pair(fees, book.locked.wallets[wallet_id], amount)


def _pair(source: Wallet, target: Wallet, amount: int) -> tuple[Leg, Leg]:
    return Leg(source, -amount, source.currency), Leg(target, amount, source.currency)
