"""The records of the driver for a session in this process: answers as the fields of the HTTP contract."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from tekana.application.event_payload import event_payload
from tekana.domain.answers import CustomerWithWallets, OverriddenLimits
from tekana.domain.approvals import Approval
from tekana.domain.audit_log import AuditEntry
from tekana.domain.fees import FeeSchedule
from tekana.domain.hold_state import HoldState
from tekana.domain.holds import Hold
from tekana.domain.limit_rules import CustomerLimits, LimitState
from tekana.domain.limits import ReachedLimit, shown_value
from tekana.domain.money import Currency, format_minor
from tekana.domain.quotes import Quote
from tekana.domain.rates import Rate
from tekana.domain.tier_limits import TierLimits
from tekana.domain.transaction import RELATION_FIELDS, Entry, PostedEntry, Transaction, charge_fields
from tekana.domain.wallet import Wallet
from tekana.domain.webhooks import WebhookDelivery, WebhookEndpoint
from tekana.ports.events import FeedEvent
from tekana.ports.wallets import BalanceAt
from tekana.testing.driver import Record


def record_of(answer: object) -> Record:
    """Return the fields of an answer that the steps use, as in the HTTP contract."""
    match answer:
        case CustomerWithWallets(customer, wallets):
            names = ("full_name", "email", "phone_number", "country", "external_id", "status", "tier", "version")
            record = {name: getattr(customer, name) for name in names}
            return {"id": str(customer.id), **record, "wallets": [record_of(wallet) for wallet in wallets]}
        case Wallet():
            return _wallet(answer)
        case Transaction() | Hold():
            return transaction_record(answer.shown() if isinstance(answer, Hold) else answer)
        case PostedEntry(entry=entry):
            return {**_entry(entry), "type": answer.type, "reference": answer.reference}
        case (
            WebhookEndpoint()
            | WebhookDelivery()
            | Approval()
            | Rate()
            | TierLimits()
            | OverriddenLimits()
            | FeeSchedule()
            | Quote()
        ):
            return _other(answer)
        case BalanceAt():
            return {"ledger_balance": answer.ledger_balance.major, "version": answer.version}
        case _:
            raise TypeError(f"no record for answers of type {type(answer).__name__}")


def reached_limit_record(limit: ReachedLimit) -> Record:
    return {
        "name": limit.name,
        "left": shown_value(limit.name, limit.left, limit.currency),
        "resets_at": limit.resets_at and _time(limit.resets_at),
    }


def customer_limits_record(limits: CustomerLimits) -> Record:
    def state(one: LimitState, currency: Currency) -> Record:
        left = None if one.left is None else shown_value(one.name, one.left, currency)
        return {"name": one.name, "left": left, "resets_at": one.resets_at and _time(one.resets_at)}

    return {
        "currencies": [
            {"currency": one.currency, "limits": [state(each, one.currency) for each in one.limits]}
            for one in limits.currencies
        ]
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def audit_entry_record(entry: AuditEntry) -> Record:
    return {name: getattr(entry, name) for name in ("action", "outcome", "code", "before", "after")}


def _other(
    answer: WebhookEndpoint | WebhookDelivery | Approval | Rate | TierLimits | OverriddenLimits | FeeSchedule | Quote,
) -> Record:
    if isinstance(answer, Rate | TierLimits | OverriddenLimits):
        return {}
    if isinstance(answer, FeeSchedule | Quote):
        return {"id": str(answer.id)} if isinstance(answer, FeeSchedule) else _quote(answer)
    if isinstance(answer, Approval):
        return {"id": str(answer.id), "status": answer.status, "asked_by": answer.asked_by}
    return webhook_record(answer) if isinstance(answer, WebhookEndpoint) else delivery_record(answer)


def _wallet(wallet: Wallet) -> Record:
    return {
        "id": str(wallet.id),
        "customer_id": wallet.customer_id and str(wallet.customer_id),
        "currency": wallet.currency,
        "name": wallet.name,
        "kind": wallet.kind,
        "status": wallet.status,
        "freeze_scope": wallet.freeze_scope,
        "ledger_balance": format_minor(wallet.ledger_balance, wallet.currency),
        "held": format_minor(wallet.held, wallet.currency),
        "available_balance": format_minor(wallet.available_balance, wallet.currency),
        "version": wallet.version,
    }


def transaction_record(transaction: Transaction) -> Record:
    movement = transaction.request
    relation = movement.relates_to
    return {
        "id": str(transaction.id),
        "type": movement.type,
        "status": transaction.status,
        "amount": movement.amount.major,
        "currency": movement.amount.currency,
        "description": movement.description,
        "reference": movement.reference,
        "entries": [_entry(entry) for entry in transaction.entries],
        "rejection_code": transaction.rejection and transaction.rejection.code,
        **({} if relation is None else {RELATION_FIELDS[relation.kind]: str(relation.transaction_id)}),
        **({} if movement.charge is None else charge_fields(movement.charge)),
        **({} if transaction.hold is None else _hold(transaction.hold, movement.amount.currency)),
    }


def _quote(quote: Quote) -> Record:
    return {
        "id": str(quote.id),
        "total_debit": quote.total_debit.major,
        "currency": quote.amount.currency,
        "total_credit": quote.total_credit.major,
        "credit_currency": quote.total_credit.currency,
        "expires_at": _time(quote.expires_at),
        **({} if quote.charge is None else charge_fields(quote.charge)),
    }


def _hold(state: HoldState, currency: Currency) -> Record:
    return {
        "amount": format_minor(state.amount_minor, currency),
        "captured_amount": format_minor(state.captured_minor, currency),
        "held_amount": format_minor(state.left_minor, currency),
        "expires_at": state.expires_at.isoformat().replace("+00:00", "Z"),
    }


def _entry(entry: Entry) -> Record:
    return {
        "wallet_id": str(entry.wallet_id),
        "version": entry.version,
        "direction": entry.direction,
        "amount": _major(abs(entry.amount_minor), entry.currency),
        "currency": entry.currency,
        "ledger_balance_after": _major(entry.ledger_balance_after, entry.currency),
    }


def _major(minor: int, currency: Currency) -> str:
    return format_minor(minor, currency)


def event_record(item: FeedEvent) -> Record:
    payload: Record = msgspec.to_builtins(event_payload(item.event)._asdict())
    return payload


def webhook_record(endpoint: WebhookEndpoint) -> Record:
    names = ("url", "description", "event_types", "status", "disabled_reason")
    return {"id": str(endpoint.id), **{name: getattr(endpoint, name) for name in names}}


def delivery_record(delivery: WebhookDelivery) -> Record:
    names = ("event_id", "event_type", "status")
    return {"id": str(delivery.id), **{name: getattr(delivery, name) for name in names}}
