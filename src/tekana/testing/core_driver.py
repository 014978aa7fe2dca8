"""The driver for a session in this process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from tekana import application as core
from tekana.application import Session
from tekana.application.commands import MONEY_COMMANDS
from tekana.application.commands.fees.schedule_fields import NewFeeBand, NewFeeShare
from tekana.application.customer_export import CustomerExport
from tekana.application.executed import refusal_of
from tekana.application.sign_in.customer_sign_in import CustomerSignIn
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import ApprovalPending, InvalidRequest, Refused, Unauthenticated
from tekana.domain.identifiers import CustomerId, WebhookEndpointId
from tekana.domain.money import Money, format_minor
from tekana.domain.transaction import Transaction
from tekana.ports.audit_log import AuditFilter
from tekana.ports.customers import CustomerFilter
from tekana.ports.page import Page, PageRequest
from tekana.ports.transactions import TransactionFilter
from tekana.ports.wallets import WalletFilter
from tekana.testing.core_records import (
    audit_entry_record,
    customer_limits_record,
    delivery_record,
    event_record,
    reached_limit_record,
    record_of,
    transaction_record,
    webhook_record,
)
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
                return Reply(record_of(pending.approval), pending.replayed)
        return Reply(record_of(done.answer), done.replayed)

    async def preview(self, verb: Verb, details: Record, subject: str | None = None) -> Reply:
        with _refusals():
            if verb == "batch":
                return _reply(await self._app.preview_batch(_batch(details)), is_kept=False)
            return Reply(record_of(await self._app.preview(_command(verb, subject, details))), replayed=False)

    async def get(self, kind: Kind, id: str) -> Record:
        readers: dict[Kind, Any] = {
            "customers": self._app.customers,
            "wallets": self._app.wallets,
            "transactions": self._app.transactions,
            "approvals": self._app.approvals,
        }
        try:
            if kind == "limits":
                return customer_limits_record(await self._app.limits.of_customer(CustomerId(UUID(id))))
            if kind == "exports":
                return await _export(self._app.export_customer(CustomerId(UUID(id))))
            return record_of(await readers[kind].get(UUID(id)))
        except Refused as error:
            raise Refusal(error.code) from error

    async def find(self, kind: Kind, **which: str) -> list[Record]:
        if kind == "audit-log":
            found = AuditFilter(resource_id=UUID(which["resource_id"]))
            return await _all(lambda page: self._app.audit_log.list(page, found, newest_first=True), audit_entry_record)
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
        return record_of(await self._app.wallets.balance_at(UUID(wallet_id), datetime.fromisoformat(at)))  # type: ignore[arg-type]

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
        entries = [record_of(line) async for page in found.pages() for line in page]
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
        return await _all(self._app.events.list, event_record)

    async def webhook(self, endpoint_id: str) -> Record:
        return webhook_record(await self._app.webhooks.get(WebhookEndpointId(UUID(endpoint_id))))

    async def deliveries(self, endpoint_id: str) -> list[Record]:
        endpoint = WebhookEndpointId(UUID(endpoint_id))
        return await _all(lambda page: self._app.webhooks.deliveries(endpoint, page), delivery_record)


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
        limit = None if error.limit is None else reached_limit_record(error.limit)
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
        "customer": record_of(profile.customer),
        "transactions": await _all(lambda page: export.transactions(profile, page)),
    }


async def _all(
    read: Callable[[PageRequest], Awaitable[Page[Item]]], show: Callable[[Any], Record] | None = None
) -> list[Record]:
    found: list[Record] = []
    page = await read(PageRequest(limit=10))
    while True:
        found += [(show or record_of)(item) for item in page.items]
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
            results.append({"index": index, "status": 201, "transaction": transaction_record(one)})
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
