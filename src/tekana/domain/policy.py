"""The authorization policy: who may do what, to which objects. The same for HTTP, the bus and embedded use.

A session requires the scope of each command and reader. The Book and the readers of the stores give access to what the
functions here allow; anything else is not found, as if it did not exist.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from tekana.domain.caller import CUSTOMER_SUBJECT, PART_OF, Caller, CallerKind, Scope
from tekana.domain.errors import Forbidden, GrantForbidden
from tekana.domain.identifiers import CustomerId, WalletId, is_house_wallet

if TYPE_CHECKING:
    from tekana.domain.events import RecordedEvent
    from tekana.domain.fees import Charge, FeeSchedule
    from tekana.domain.quotes import Quote
    from tekana.domain.transaction import Transaction, TransactionRequest
    from tekana.domain.wallet import Wallet


def has_scope(caller: Caller, scope: Scope) -> bool:
    """Return whether the caller has the scope, or the wider one that includes it."""
    return scope in caller.scopes or PART_OF.get(scope) in caller.scopes


def require_scope(caller: Caller, *scopes: Scope) -> None:
    """Raise Forbidden unless the caller has one of the scopes."""
    if caller.scopes.isdisjoint(scopes) and not any(has_scope(caller, one) for one in scopes):
        raise Forbidden(f"this needs the scope {' or '.join(scopes)}")


def has_all_tenants(caller: Caller) -> bool:
    """Return whether the caller has access to the objects of all tenants, and to those of the house."""
    return "tenants:all" in caller.scopes


def can_access(caller: Caller, tenant: str | None, customer_id: CustomerId | None = None) -> bool:
    """Return whether the caller may see and use an object.

    Args:
        caller: who asks.
        tenant: the tenant that the object belongs to; None for the house.
        customer_id: the customer that it belongs to; None if it belongs to the tenant itself.
    """
    if "tenants:all" in caller.scopes:
        return True
    return tenant == caller.tenant and (caller.customer_id is None or caller.customer_id == customer_id)


class Access(NamedTuple):
    """The tenant and the customer of what a caller has access to; None means any."""

    tenant: str | None
    customer_id: CustomerId | None


def access_of(caller: Caller) -> Access:
    """Return what `can_access` gives the caller access to, for a query."""
    return Access(None, None) if has_all_tenants(caller) else Access(caller.tenant, caller.customer_id)


def can_access_wallet(caller: Caller, wallet: Wallet) -> bool:
    """Return whether the caller may see a wallet and take money out of it."""
    return can_access(caller, None if wallet.house else wallet.tenant, wallet.customer_id)


def can_pay_into(caller: Caller, wallet: Wallet) -> bool:
    """Return whether the caller may send money to a wallet: to any customer's of their tenant."""
    return "tenants:all" in caller.scopes or (wallet.tenant == caller.tenant and wallet.house is None)


def can_see_event(caller: Caller, event: RecordedEvent) -> bool:
    """Return whether the caller may see an event. Customers have no event feed."""
    return can_access(caller, event.tenant)


def can_see_fee_schedule(caller: Caller, schedule: FeeSchedule) -> bool:
    """Return whether the caller may see a fee schedule: those for all tenants, and those for their own."""
    return has_all_tenants(caller) or schedule.tenant in (None, caller.tenant)


def can_use_quote(caller: Caller, quote: Quote) -> bool:
    """Return whether the caller may use a quote: customers those that they asked for themselves."""
    is_own = caller.customer_id is None or quote.created_by == caller.subject
    return has_all_tenants(caller) or (quote.tenant == caller.tenant and is_own)


def visible_transaction(
    caller: Caller, transaction: Transaction, own_wallets: Collection[WalletId]
) -> Transaction | None:
    """Return what the caller may see of a transaction; None if that is nothing.

    A customer sees the transactions and holds of their wallets, with the entries of their wallets only, and the fee if
    they pay it; not those in whose fee they only have a share. Of the rejected ones, these are those that they asked
    for, and those that their tenant asked for about their wallets; not the attempts of other customers.

    Args:
        caller: who asks.
        transaction: the transaction.
        own_wallets: the ids of the caller's wallets, if they are a customer.
    """
    if not can_access(caller, transaction.tenant, caller.customer_id):
        return None
    if caller.customer_id is None:
        return transaction
    if transaction.hold is not None:
        request = transaction.request
        return None if {request.from_wallet_id, request.to_wallet_id}.isdisjoint(own_wallets) else transaction
    if transaction.rejection is None:
        own = tuple(entry for entry in transaction.entries if entry.wallet_id in own_wallets)
        is_party = not {transaction.request.from_wallet_id, transaction.request.to_wallet_id}.isdisjoint(own_wallets)
        shown = replace(transaction, entries=own, request=_shown_request(transaction, own_wallets))
        return shown if own and is_party else None
    if transaction.created_by == caller.subject:
        return transaction
    request = transaction.request
    payer = request.to_wallet_id if is_house_wallet(request.from_wallet_id) else request.from_wallet_id
    is_other_customers = transaction.created_by.startswith(CUSTOMER_SUBJECT)
    return None if is_other_customers or payer not in own_wallets else transaction


def _shown_request(transaction: Transaction, own_wallets: Collection[WalletId]) -> TransactionRequest:
    """Return what a customer sees of the request of a posted transaction: who else pays a fee is not for them."""
    request = transaction.request
    if request.charge is None:
        return request
    from_payer = (request.charge.paid_by == "payer") != (request.type == "reversal")
    payer_id = request.from_wallet_id if from_payer else request.to_wallet_id
    return replace(request, charge=_shown_charge(request.charge, payer_id, own_wallets))


def visible_quote(quote: Quote, own_wallets: Collection[WalletId]) -> Quote:
    """Return what a customer sees of their quote: as of its movement later, the fee if they pay it."""
    if quote.charge is None:
        return quote
    payer_id = quote.from_wallet_id if quote.charge.paid_by == "payer" else quote.to_wallet_id
    return replace(quote, charge=_shown_charge(quote.charge, payer_id, own_wallets))


def _shown_charge(charge: Charge, payer_id: WalletId, own_wallets: Collection[WalletId]) -> Charge | None:
    return replace(charge, shares=()) if payer_id in own_wallets else None


def _has_tenant(caller: Caller, tenant: str) -> bool:
    return has_all_tenants(caller) or tenant == caller.tenant


def can_manage_key(caller: Caller, tenant: str, kind: CallerKind) -> bool:
    """Return whether the caller may see and revoke an API key of this tenant and kind.

    Partners manage keys of partners only; operators also those of operators.
    """
    return _has_tenant(caller, tenant) and (kind == "partner" or caller.kind == "operator")


def require_grantable(caller: Caller, tenant: str, kind: CallerKind, scopes: Iterable[Scope]) -> None:
    """Raise GrantForbidden unless the caller has every right that an API key of these properties gives."""
    if kind == "operator" and caller.kind != "operator":
        raise GrantForbidden("only an operator can give the rights of an operator")
    if not _has_tenant(caller, tenant):
        raise GrantForbidden("a key of another tenant needs the scope tenants:all")
    missing = sorted(one for one in scopes if not has_scope(caller, one))
    if missing:
        raise GrantForbidden(f"you cannot give scopes that you do not have: {', '.join(missing)}")
