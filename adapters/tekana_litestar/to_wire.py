"""From the domain to the wire: one function for each kind of answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tekana import BalanceAt, CustomerWithWallets, Entry, Page, PostedEntry, Transaction, Wallet
from tekana.application.event_payload import event_payload
from tekana.domain.money import format_minor
from tekana.domain.transaction import TRANSACTION_TYPES
from tekana.domain.webhooks import DeliveryAttempt, WebhookDelivery, WebhookEndpoint
from tekana.ports.events import FeedEvent
from tekana_litestar import webhook_wire, wire


def wallet(one: Wallet) -> wire.Wallet:
    """A wallet on the wire."""
    return wire.Wallet(
        id=one.id,
        customer_id=one.customer_id,
        house=one.house,
        currency=one.currency,
        name=one.name,
        status=one.status,
        freeze_scope=one.freeze_scope,
        freeze_reason=one.freeze_reason,
        ledger_balance=format_minor(one.ledger_balance, one.currency),
        held=format_minor(one.held, one.currency),
        available_balance=format_minor(one.available_balance, one.currency),
        version=one.version,
        metadata=one.metadata,
        created_at=utc(one.created_at),
        updated_at=utc(one.updated_at),
    )


def customer(both: CustomerWithWallets) -> wire.Customer:
    """A customer on the wire, with their wallets."""
    one = both.customer
    return wire.Customer(
        id=one.id,
        full_name=one.full_name,
        email=one.email,
        phone_number=one.phone_number,
        country=one.country,
        external_id=one.external_id,
        status=one.status,
        tier=one.tier,
        suspension_reason=one.suspension_reason,
        metadata=one.metadata,
        version=one.version,
        wallets=tuple([wallet(each) for each in both.wallets]),
        created_at=utc(one.created_at),
        updated_at=utc(one.updated_at),
    )


def _entry(one: Entry) -> wire.Entry:
    return wire.Entry(
        wallet_id=one.wallet_id,
        direction=one.direction,
        amount=format_minor(abs(one.amount_minor), one.currency),
        currency=one.currency,
        version=one.version,
        ledger_balance_after=format_minor(one.ledger_balance_after, one.currency),
    )


def transaction(one: Transaction) -> wire.Transaction:
    """A transaction on the wire. `wallet_id` is the customer's wallet of a deposit or withdrawal, as in its request."""
    movement, rejection = one.request, one.rejection
    rules = TRANSACTION_TYPES[movement.type]
    own_wallet = movement.to_wallet_id if rules.payer else movement.from_wallet_id if rules.payee else None
    return wire.Transaction(
        id=one.id,
        type=movement.type,
        status=one.status,
        amount=movement.amount.major,
        currency=movement.amount.currency,
        description=movement.description,
        reference=movement.reference,
        metadata=movement.metadata,
        wallet_id=own_wallet,
        from_wallet_id=movement.from_wallet_id,
        to_wallet_id=movement.to_wallet_id,
        entries=tuple([_entry(each) for each in one.entries]),
        rejection_code=rejection.code if rejection else None,
        rejection_detail=rejection.detail if rejection else None,
        created_at=utc(one.created_at),
        posted_at=utc(one.posted_at) if one.posted_at else None,
        effective_at=utc(one.effective_at),
    )


def wallet_entry(line: PostedEntry) -> wire.WalletEntry:
    """A line of a wallet's history on the wire."""
    one = line.entry
    return wire.WalletEntry(
        version=one.version,
        transaction_id=line.transaction_id,
        type=line.type,
        direction=one.direction,
        amount=format_minor(abs(one.amount_minor), one.currency),
        currency=one.currency,
        ledger_balance_after=format_minor(one.ledger_balance_after, one.currency),
        description=line.description,
        reference=line.reference,
        posted_at=utc(line.posted_at),
        wallet_id=one.wallet_id,
    )


def balance(one: BalanceAt) -> wire.Balance:
    """A balance at a moment on the wire."""
    return wire.Balance(
        wallet_id=one.wallet_id,
        at=utc(one.at),
        currency=one.ledger_balance.currency,
        ledger_balance=one.ledger_balance.major,
        version=one.version,
    )


def event(fed: FeedEvent) -> wire.Event:
    """An event on the wire, with its place in the feed."""
    return wire.Event(cursor=fed.cursor, **event_payload(fed.event)._asdict())


def customers(page: Page[CustomerWithWallets]) -> wire.CustomerPage:
    """A page of customers on the wire."""
    return wire.CustomerPage(items=tuple([customer(one) for one in page.items]), next_cursor=page.next_cursor)


def wallets(page: Page[Wallet]) -> wire.WalletPage:
    """A page of wallets on the wire."""
    return wire.WalletPage(items=tuple([wallet(one) for one in page.items]), next_cursor=page.next_cursor)


def wallet_entries(page: Page[PostedEntry]) -> wire.EntryPage:
    """A page of a wallet's history on the wire."""
    return wire.EntryPage(items=tuple([wallet_entry(one) for one in page.items]), next_cursor=page.next_cursor)


def transactions(page: Page[Transaction]) -> wire.TransactionPage:
    """A page of transactions on the wire."""
    return wire.TransactionPage(items=tuple([transaction(one) for one in page.items]), next_cursor=page.next_cursor)


def events(page: Page[FeedEvent]) -> wire.EventPage:
    """A page of events on the wire."""
    return wire.EventPage(items=tuple([event(one) for one in page.items]), next_cursor=page.next_cursor)


def webhook_endpoint(one: WebhookEndpoint) -> webhook_wire.WebhookEndpoint:
    """A webhook endpoint on the wire, without its secret."""
    return webhook_wire.WebhookEndpoint(**_of_endpoint(one))


def webhook_endpoint_with_secret(one: WebhookEndpoint) -> webhook_wire.WebhookEndpointWithSecret:
    """A webhook endpoint on the wire, where its secret is new."""
    return webhook_wire.WebhookEndpointWithSecret(**_of_endpoint(one), secret=one.secret)


def _of_endpoint(one: WebhookEndpoint) -> dict[str, Any]:
    return {
        "id": one.id,
        "url": one.url,
        "description": one.description,
        "event_types": one.event_types,
        "status": one.status,
        "disabled_reason": one.disabled_reason,
        "failing_since": utc(one.failing_since) if one.failing_since else None,
        "created_at": utc(one.created_at),
        "updated_at": utc(one.updated_at),
    }


def _attempt(one: DeliveryAttempt) -> webhook_wire.WebhookAttempt:
    return webhook_wire.WebhookAttempt(**one._replace(at=utc(one.at))._asdict())


def webhook_delivery(one: WebhookDelivery) -> webhook_wire.WebhookDelivery:
    """A delivery on the wire, with its attempts."""
    return webhook_wire.WebhookDelivery(
        id=one.id,
        endpoint_id=one.endpoint_id,
        event_id=one.event_id,
        event_type=one.event_type,
        status=one.status,
        attempts=tuple([_attempt(each) for each in one.attempts]),
        created_at=utc(one.created_at),
        ended_at=utc(one.ended_at) if one.ended_at else None,
    )


def webhook_endpoints(page: Page[WebhookEndpoint]) -> webhook_wire.WebhookEndpointPage:
    """A page of webhook endpoints on the wire."""
    items = tuple([webhook_endpoint(one) for one in page.items])
    return webhook_wire.WebhookEndpointPage(items=items, next_cursor=page.next_cursor)


def webhook_deliveries(page: Page[WebhookDelivery]) -> webhook_wire.WebhookDeliveryPage:
    """A page of deliveries on the wire."""
    items = tuple([webhook_delivery(one) for one in page.items])
    return webhook_wire.WebhookDeliveryPage(items=items, next_cursor=page.next_cursor)


def utc(moment: datetime) -> datetime:
    """The same moment in UTC, which JSON shows as Z."""
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
