"""The driver for a session in this process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from tekana import application as core
from tekana.application import Session
from tekana.application.commands import MONEY_COMMANDS
from tekana.application.commands.fees.schedule_fields import NewFeeBand, NewFeeShare
from tekana.application.customer_export import CustomerExport
from tekana.application.event_payload import event_payload
from tekana.application.executed import refusal_of
from tekana.application.sign_in.customer_sign_in import CustomerSignIn
from tekana.domain.answers import CustomerWithWallets, OverriddenLimits
from tekana.domain.approvals import Approval
from tekana.domain.audit_log import AuditEntry
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import ApprovalPending, InvalidRequest, Refused, Unauthenticated
from tekana.domain.fees import FeeSchedule
from tekana.domain.hold_state import HoldState
from tekana.domain.holds import Hold
from tekana.domain.identifiers import CustomerId, WebhookEndpointId
from tekana.domain.limit_rules import CustomerLimits, LimitState
from tekana.domain.limits import ReachedLimit, shown_value
from tekana.domain.money import Currency, Money, format_minor
from tekana.domain.quotes import Quote
from tekana.domain.rates import Rate
from tekana.domain.tier_limits import TierLimits
from tekana.domain.transaction import RELATION_FIELDS, Entry, PostedEntry, Transaction, charge_fields
from tekana.domain.wallet import Wallet
from tekana.domain.webhooks import WebhookDelivery, WebhookEndpoint
from tekana.ports.audit_log import AuditFilter
from tekana.ports.customers import CustomerFilter
from tekana.ports.events import FeedEvent
from tekana.ports.page import Page, PageRequest
from tekana.ports.transactions import TransactionFilter
from tekana.ports.wallets import BalanceAt, WalletFilter
from tekana.testing.driver import Kind, Record, Refusal, Reply, Verb
from tekana.testing.sign_in_driver import SIGN_IN_VERBS, SignInDriver

_COMMANDS: dict[Verb, tuple[Callable[..., Any], str | None]] = {
    "register": (core.RegisterCustomer, None),
    "update": (core.UpdateCustomer, "customer_id"),
    "verify": (core.VerifyCustomer, "customer_id"),
    "suspend": (core.SuspendCustomer, "customer_id"),
    "reactivate": (core.ReactivateCustomer, "customer_id"),
    "close_customer": (core.CloseCustomer, "customer_id"),
    "erase": (core.EraseCustomer, "customer_id"),
    "open_wallet": (core.OpenWallet, None),
    "update_wallet": (core.UpdateWallet, "wallet_id"),
    "freeze": (core.FreezeWallet, "wallet_id"),
    "unfreeze": (core.UnfreezeWallet, "wallet_id"),
    "close_wallet": (core.CloseWallet, "wallet_id"),
    "create_webhook": (core.CreateWebhookEndpoint, None),
    "update_webhook": (core.UpdateWebhookEndpoint, "endpoint_id"),
    "resend": (core.ResendWebhookDelivery, "delivery_id"),
    "set_rate": (core.SetRate, None),
    "create_fee_schedule": (core.CreateFeeSchedule, None),
    "end_fee_schedule": (core.EndFeeSchedule, "fee_schedule_id"),
    "set_limits": (core.SetLimits, None),
    "override_limits": (core.OverrideLimits, "customer_id"),
    "approve": (core.ApproveRequest, "approval_id"),
    "reject": (core.RejectRequest, "approval_id"),
    "capture": (core.CaptureHold, "transaction_id"),
    "void": (core.VoidHold, "transaction_id"),
    "reverse": (core.ReverseTransaction, "transaction_id"),
    "change_hold": (core.ChangeHold, "transaction_id"),
    **{type_: (kind, None) for type_, kind in MONEY_COMMANDS.items()},
}

_NESTED: dict[str, Any] = {"bands": NewFeeBand, "shares": NewFeeShare}

Item = TypeVar("Item")


class CoreDriver:
    """Implements `Driver` with a session of a `Tekana`."""

    def __init__(self, app: Session, sign_in: CustomerSignIn | None = None) -> None:
        """Create a driver; `sign_in` is that of the application, for scenarios of sign-in."""
        self._app = app
        self._sign_in = None if sign_in is None else SignInDriver(app.caller, sign_in)

    async def do(self, verb: Verb, subject: str | None, details: Record, *, key: str) -> Reply:
        with _refusals():
            if verb in SIGN_IN_VERBS and self._sign_in is not None:
                return Reply(await self._sign_in.do(verb, subject, details), replayed=False)
            if verb == "batch":
                return _reply(await self._app.submit_batch(_batch(details), key=key))
            try:
                done = await self._app.submit(_command(verb, subject, details), key=key)
            except ApprovalPending as pending:
                return Reply(_record(pending.approval), pending.replayed)
        return Reply(_record(done.answer), done.replayed)

    async def preview(self, verb: Verb, details: Record, subject: str | None = None) -> Reply:
        with _refusals():
            if verb == "batch":
                return _reply(await self._app.preview_batch(_batch(details)), is_kept=False)
            return Reply(_record(await self._app.preview(_command(verb, subject, details))), replayed=False)

    async def get(self, kind: Kind, id: str) -> Record:
        readers: dict[Kind, Any] = {
            "customers": self._app.customers,
            "wallets": self._app.wallets,
            "transactions": self._app.transactions,
            "approvals": self._app.approvals,
        }
        try:
            if kind == "limits":
                return _customer_limits(await self._app.limits.of_customer(CustomerId(UUID(id))))
            if kind == "exports":
                return await _export(self._app.export_customer(CustomerId(UUID(id))))
            return _record(await readers[kind].get(UUID(id)))
        except Refused as error:
            raise Refusal(error.code) from error

    async def find(self, kind: Kind, **which: str) -> list[Record]:
        if kind == "audit-log":
            found = AuditFilter(resource_id=UUID(which["resource_id"]))
            return await _all(lambda page: self._app.audit_log.list(page, found, newest_first=True), _audit_entry)
        lists: dict[Kind, tuple[Any, Callable[..., Any]]] = {
            "customers": (self._app.customers.list, CustomerFilter),
            "wallets": (self._app.wallets.list, WalletFilter),
            "transactions": (self._app.transactions.list, TransactionFilter),
        }
        read, make = lists[kind]
        order = which.pop("order", None)
        wanted = make(**_filter(which))
        newest_first = order == "desc" if order else kind == "transactions"
        return await _all(lambda page: read(wanted, page, newest_first=newest_first))

    async def outcome(self, key: str) -> Record:
        try:
            found = await self._app.outcomes.get(key)
        except Refused as error:
            raise Refusal(error.code) from error
        return {
            "status": found.status,
            "resource": found.resource,
            "resource_id": found.resource_id and str(found.resource_id),
            "rejection_code": found.rejection and found.rejection.code,
        }

    async def entries(self, wallet_id: str) -> list[Record]:
        wallet = UUID(wallet_id)
        return await _all(lambda page: self._app.wallets.entries(wallet, page))  # type: ignore[arg-type]

    async def balance_at(self, wallet_id: str, at: str) -> Record:
        return _record(await self._app.wallets.balance_at(UUID(wallet_id), datetime.fromisoformat(at)))  # type: ignore[arg-type]

    async def statement(self, wallet_id: str, **period: str) -> Record:
        try:
            found = await self._app.statement(UUID(wallet_id), **_filter(period))  # type: ignore[arg-type]
        except InvalidRequest as error:
            raise Refusal(error.code, [one.field for one in error.errors]) from error
        except Refused as error:
            raise Refusal(error.code) from error
        names = ("opening_balance", "total_credits", "total_debits", "closing_balance")
        one = found.summary
        amounts = {name: format_minor(getattr(one, name), one.currency) for name in names}
        entries = [_record(line) async for page in found.pages() for line in page]
        return {**amounts, "currency": one.currency, "entries": entries}

    async def trial_balance(self, at: str) -> Record:
        found = await self._app.reports.trial_balance(datetime.fromisoformat(at))
        return {
            "accounts": [
                {"account": one.account, "currency": one.currency, "debit": one.debit.major, "credit": one.credit.major}
                for one in found.accounts
            ]
        }

    async def exchange_positions(self, currency: str) -> Record:
        found = await self._app.exchange_positions(currency)
        return {
            "positions": [
                {"currency": one.balance.currency, "balance": one.balance.major, "value": one.value and one.value.major}
                for one in found.positions
            ],
            "profit": found.profit and found.profit.major,
        }

    async def events(self) -> list[Record]:
        return await _all(self._app.events.list, _event)

    async def webhook(self, endpoint_id: str) -> Record:
        return _webhook(await self._app.webhooks.get(WebhookEndpointId(UUID(endpoint_id))))

    async def deliveries(self, endpoint_id: str) -> list[Record]:
        endpoint = WebhookEndpointId(UUID(endpoint_id))
        return await _all(lambda page: self._app.webhooks.deliveries(endpoint, page), _delivery)


def operators_of(app: Session) -> Callable[[str], CoreDriver]:
    """Return a function that returns the driver of the operator with a subject, who has all scopes."""
    return lambda subject: CoreDriver(app.as_caller(replace(LOCAL_OPERATOR, subject=subject)))


@contextmanager
def _refusals() -> Iterator[None]:
    """Raise the Refusal of an error."""
    try:
        yield
    except InvalidRequest as error:
        raise Refusal(error.code, [one.field for one in error.errors]) from error
    except Unauthenticated as error:
        raise Refusal(error.code) from error
    except Refused as error:
        limit = None if error.limit is None else _reached(error.limit)
        raise Refusal(error.code, replayed=error.replayed, limit=limit) from error


def _command(verb: Verb, subject: str | None, details: Record) -> Any:
    if verb == "create_quote":
        movement = {name: value for name, value in details.items() if name != "type"}
        return core.CreateQuote(movement=_command(details["type"], None, movement))
    make, name = _COMMANDS[verb]
    return make(**_typed(details if name is None else {**details, name: subject}))


async def _export(export: CustomerExport) -> Record:
    profile = await export.profile()
    return {
        "customer": _record(profile.customer),
        "transactions": await _all(lambda page: export.transactions(profile, page)),
    }


async def _all(
    read: Callable[[PageRequest], Awaitable[Page[Item]]], show: Callable[[Any], Record] | None = None
) -> list[Record]:
    found: list[Record] = []
    page = await read(PageRequest(limit=10))
    while True:
        found += [(show or _record)(item) for item in page.items]
        if page.next_cursor is None:
            return found
        page = await read(PageRequest(10, page.next_cursor))


def _batch(details: Record) -> core.Batch:
    commands = []
    for index, one in enumerate(details["transactions"]):
        make, _ = _COMMANDS[one["type"]]
        try:
            commands.append(make(**_typed({name: value for name, value in one.items() if name != "type"})))
        except InvalidRequest as error:
            wrong = (field._replace(field=f"transactions[{index}].{field.field}") for field in error.errors)
            raise InvalidRequest(*wrong) from error
    return core.Batch(mode=details["mode"], transactions=tuple(commands))


def _reply(done: core.BatchOutcome, *, is_kept: bool = True) -> Reply:
    results = []
    for index, one in enumerate(done.transactions):
        if isinstance(one, Transaction) and one.rejection is None:
            results.append({"index": index, "status": 201, "transaction": _transaction(one)})
        elif (refusal := refusal_of(one)) is not None:
            problem = {"code": refusal.code}
            if refusal.transaction is not None and is_kept:
                problem["transaction_id"] = str(refusal.transaction.id)
            results.append({"index": index, "status": 422, "problem": problem})
    return Reply({"results": results, "failed_index": done.failed_index}, done.replayed)


def _filter(which: dict[str, str]) -> dict[str, Any]:
    """Convert the parameters of a list to the fields of a filter."""
    found = _typed({{"from": "start", "to": "end"}.get(name, name): value for name, value in which.items()})
    for bound in ("amount_min", "amount_max"):
        if bound in found:
            found[bound] = Money.parse(found[bound], which["currency"])
    return found


def _typed(details: Record) -> dict[str, Any]:
    """Convert the ids and times in the details from text."""
    typed = dict(details)
    for name, value in details.items():
        if value is not None and name.endswith("_id") and name != "external_id":
            typed[name] = UUID(value)
        elif name in ("effective_at", "start", "end", "until", "valid_from", "valid_until"):
            typed[name] = datetime.fromisoformat(value)
        elif name in _NESTED:
            typed[name] = tuple(msgspec.convert(one, _NESTED[name]) for one in value)
    return typed


def _record(answer: object) -> Record:
    """Return the fields of an answer that the steps use, as in the HTTP contract."""
    match answer:
        case CustomerWithWallets(customer, wallets):
            names = ("full_name", "email", "phone_number", "country", "external_id", "status", "tier", "version")
            record = {name: getattr(customer, name) for name in names}
            return {"id": str(customer.id), **record, "wallets": [_record(wallet) for wallet in wallets]}
        case Wallet():
            return _wallet(answer)
        case Transaction() | Hold():
            return _transaction(answer.shown() if isinstance(answer, Hold) else answer)
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


def _reached(limit: ReachedLimit) -> Record:
    return {
        "name": limit.name,
        "left": shown_value(limit.name, limit.left, limit.currency),
        "resets_at": limit.resets_at and _time(limit.resets_at),
    }


def _customer_limits(limits: CustomerLimits) -> Record:
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


def _audit_entry(entry: AuditEntry) -> Record:
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
    return _webhook(answer) if isinstance(answer, WebhookEndpoint) else _delivery(answer)


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


def _transaction(transaction: Transaction) -> Record:
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


def _event(item: FeedEvent) -> Record:
    payload: Record = msgspec.to_builtins(event_payload(item.event)._asdict())
    return payload


def _webhook(endpoint: WebhookEndpoint) -> Record:
    names = ("url", "description", "event_types", "status", "disabled_reason")
    return {"id": str(endpoint.id), **{name: getattr(endpoint, name) for name in names}}


def _delivery(delivery: WebhookDelivery) -> Record:
    names = ("event_id", "event_type", "status")
    return {"id": str(delivery.id), **{name: getattr(delivery, name) for name in names}}
