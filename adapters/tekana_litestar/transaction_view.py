"""What clients see of a transaction, with its entries."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tekana import Entry as DomainEntry
from tekana import Refused, Session
from tekana import Transaction as DomainTransaction
from tekana.application.commands.command import AnswerT, Command
from tekana.application.executed import Executed
from tekana.domain.events import TransactionType
from tekana.domain.hold_state import HoldDetails
from tekana.domain.identifiers import is_house_wallet
from tekana.domain.metadata import Metadata
from tekana.domain.money import format_minor
from tekana.domain.transaction import (
    RELATION_FIELDS,
    TRANSACTION_TYPES,
    AdjustmentDetails,
    Direction,
    ExchangeDetails,
    ReversalDetails,
    TransactionStatus,
    charge_fields,
)
from tekana_litestar import fields
from tekana_litestar.fields import POSTED_AT, meta
from tekana_litestar.responses import HttpResponse, json_response
from tekana_litestar.views import utc


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One leg of a transaction: a debit takes money out of the wallet, a credit puts it in."""

    wallet_id: Annotated[UUID, fields.THE_WALLET]
    direction: Annotated[Direction, meta(None, "debit")]
    amount: Annotated[str, fields.AMOUNT]
    currency: Annotated[str, fields.CURRENCY]
    version: Annotated[int, fields.ENTRY_VERSION]
    ledger_balance_after: Annotated[str, fields.BALANCE_AFTER]

    @classmethod
    def from_domain(cls, one: DomainEntry) -> Entry:
        """Return what clients see of an entry."""
        return cls(
            wallet_id=one.wallet_id,
            direction=one.direction,
            amount=format_minor(abs(one.amount_minor), one.currency),
            currency=one.currency,
            version=one.version,
            ledger_balance_after=format_minor(one.ledger_balance_after, one.currency),
        )


_DEBIT: Final = {
    "wallet_id": fields.WALLET_ID,
    "direction": "debit",
    "amount": "1500",
    "currency": "RWF",
    "version": 2,
    "ledger_balance_after": "8500",
}
_CREDIT: Final = {
    **_DEBIT,
    "wallet_id": fields.OTHER_WALLET_ID,
    "direction": "credit",
    "version": 1,
    "ledger_balance_after": "1500",
}


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """A movement of money that was decided: posted with its entries, held for a capture, or rejected with a reason."""

    id: Annotated[UUID, meta(None, fields.TRANSACTION_ID)]
    type: Annotated[TransactionType, meta(None, "transfer")]
    status: Annotated[TransactionStatus, meta(None, "posted")]
    amount: Annotated[str, fields.AMOUNT]
    currency: Annotated[str, fields.CURRENCY]
    description: Annotated[str | None, fields.DESCRIPTION]
    reference: Annotated[str | None, fields.REFERENCE]
    metadata: Annotated[Metadata | None, fields.METADATA]
    wallet_id: Annotated[
        UUID | None, meta("The customer's wallet of a deposit, withdrawal or adjustment; null for a transfer.")
    ]
    from_wallet_id: Annotated[UUID, fields.FROM_WALLET]
    to_wallet_id: Annotated[UUID, fields.TO_WALLET]
    entries: Annotated[
        tuple[Entry, ...], meta("They sum to zero; a hold and a rejected transaction have none.", [_DEBIT, _CREDIT])
    ]
    rejection_code: Annotated[str | None, meta("Why it was rejected, for programs; null if it was not.")]
    rejection_detail: Annotated[str | None, meta("Why it was rejected, for people; null if it was not.")]
    created_at: Annotated[datetime, fields.time(None, POSTED_AT)]
    posted_at: Annotated[datetime | None, fields.time(None, POSTED_AT)]
    effective_at: Annotated[datetime, fields.EFFECTIVE_AT]
    reason: (
        Annotated[str, meta("Why a balance was adjusted, a hold voided, or money given back; only of these.")]
        | UnsetType
    ) = UNSET
    expires_at: Annotated[datetime, fields.time("From when on a hold cannot be captured.")] | UnsetType = UNSET
    captured_amount: Annotated[str, fields.balance("What was captured of a hold.", "1200")] | UnsetType = UNSET
    held_amount: Annotated[str, fields.balance("What a hold still reserves.", "1800")] | UnsetType = UNSET
    hold_id: Annotated[UUID, meta("The hold that a capture is of.", fields.TRANSACTION_ID)] | UnsetType = UNSET
    received_amount: Annotated[str, fields.RECEIVED_AMOUNT] | UnsetType = UNSET
    received_currency: Annotated[str, fields.RECEIVED_CURRENCY] | UnsetType = UNSET
    price: Annotated[str, fields.PRICE] | UnsetType = UNSET
    reverses: (
        Annotated[UUID, meta("What a reversal gives back, or what a hold is for.", fields.TRANSACTION_ID)] | UnsetType
    ) = UNSET
    fee: (
        Annotated[
            str, fields.balance("What was charged beside the amount; of a reversal, given back. Only with a fee.", "50")
        ]
        | UnsetType
    ) = UNSET
    tax: Annotated[str, fields.TAX] | UnsetType = UNSET
    fee_currency: Annotated[str, fields.FEE_CURRENCY] | UnsetType = UNSET
    fee_paid_by: Annotated[str, fields.FEE_PAID_BY] | UnsetType = UNSET

    @classmethod
    def from_domain(cls, one: DomainTransaction) -> Transaction:
        """Return what clients see of a transaction. `wallet_id` is as in the requests that have one."""
        movement, rejection = one.request, one.rejection
        rules = TRANSACTION_TYPES[movement.type]
        own_wallet = movement.to_wallet_id if rules.payer else movement.from_wallet_id if rules.payee else None
        if rules.either:
            is_credit = is_house_wallet(movement.from_wallet_id)
            own_wallet = movement.to_wallet_id if is_credit else movement.from_wallet_id
        created_at = utc(one.created_at)
        shown = cls(
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
            entries=tuple([Entry.from_domain(each) for each in one.entries]),
            rejection_code=rejection.code if rejection else None,
            rejection_detail=rejection.detail if rejection else None,
            created_at=created_at,
            posted_at=created_at if one.posted_at is one.created_at else utc(one.posted_at) if one.posted_at else None,
            effective_at=utc(movement.effective_at) if movement.effective_at else created_at,
            reason=movement.details.reason if isinstance(movement.details, AdjustmentDetails) else UNSET,
        )
        if movement.charge is not None:
            shown = msgspec.structs.replace(shown, **charge_fields(movement.charge))
        if isinstance(movement.details, ExchangeDetails):
            return _with_exchange(shown, movement.details)
        return shown if one.hold is None and movement.relates_to is None else _with_relation(shown, one)


def _with_exchange(shown: Transaction, details: ExchangeDetails) -> Transaction:
    """Return what clients see of an exchange."""
    received = format_minor(details.received, details.received_currency)
    about = {"received_amount": received, "received_currency": details.received_currency, "price": details.price}
    return msgspec.structs.replace(shown, **about)


def _with_relation(shown: Transaction, one: DomainTransaction) -> Transaction:
    """Return what clients see of a hold, or of a transaction that follows an earlier one."""
    request, state = one.request, one.hold
    relation = request.relates_to
    name = None if relation is None else RELATION_FIELDS.get(relation.kind)
    related = {} if relation is None or name is None else {name: relation.transaction_id}
    reason = (isinstance(request.details, ReversalDetails | HoldDetails) and request.details.reason) or UNSET
    if state is None:
        return msgspec.structs.replace(shown, **related, reason=reason)
    currency = request.amount.currency
    return msgspec.structs.replace(
        shown,
        **related,
        amount=format_minor(state.amount_minor, currency),
        expires_at=utc(state.expires_at),
        captured_amount=format_minor(state.captured_minor, currency),
        held_amount=format_minor(state.left_minor, currency),
        reason=state.reason or reason,
    )


def posted_response(executed: Executed[DomainTransaction]) -> HttpResponse:
    """Return a transaction that was posted, as a response. Also for the hot route."""
    transaction, replayed = executed
    location = ("Location", f"/v1/transactions/{msgspec.to_builtins(transaction.id)}")  # faster than str()
    return json_response(201, Transaction.from_domain(transaction), location, replayed=replayed)


async def previewed(session: Session, command: Command[AnswerT]) -> AnswerT:
    """Return what a command would lead to. Raises its refusal."""
    try:
        return await session.preview(command)
    except Refused as refusal:
        refusal.transaction = None  # it was not kept, so it cannot be looked up
        raise


async def previewed_response(session: Session, command: Command[DomainTransaction]) -> HttpResponse:
    """Return the transaction that a command would lead to, as a response."""
    return json_response(200, Transaction.from_domain(await previewed(session, command)))
