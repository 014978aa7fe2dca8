"""What a caller's session reads, with what their scopes allow."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tekana.application.audit_recorder import AuditRecorder
from tekana.application.authentication import KeyVerifier
from tekana.application.commands.command import Command
from tekana.application.commands.validation import check_period
from tekana.application.customer_export import CustomerExport, RecordedPersonalData
from tekana.application.engine.engine import Engine
from tekana.application.exchange_positions import ExchangePositions, exchange_positions
from tekana.application.readers import checked
from tekana.application.recipients import Recipient, find_recipient
from tekana.application.statements import FORMS, Statement
from tekana.application.webhooks.webhooks import Webhooks
from tekana.domain.audit_log import (
    EXPORT_CUSTOMER,
    HERE,
    READ_AUDIT_LOG,
    Act,
    AuditOutcome,
    Origin,
    Resource,
    named_resource,
)
from tekana.domain.caller import AUTHENTICATION, Caller, Scope
from tekana.domain.customer import CUSTOMERS
from tekana.domain.errors import (
    Forbidden,
    SignInUnavailable,
    Unavailable,
)
from tekana.domain.identifiers import CustomerId, WalletId
from tekana.domain.money import parse_currency
from tekana.domain.policy import require_scope
from tekana.domain.terms import DEFAULT_TIME_ZONE
from tekana.ports.audit import Audit
from tekana.ports.audit_log import AuditRecords
from tekana.ports.journal import JournalSnapshot
from tekana.ports.personal_data import PersonalData
from tekana.ports.readers import PortT, Reader, Readers, SessionReaders
from tekana.ports.statement_form import StatementForm
from tekana.ports.store import Store

if TYPE_CHECKING:  # its libraries are loaded where customers sign in
    from tekana.application.sign_in.customer_sign_in import CustomerSignIn


class Parts(NamedTuple):
    """The parts of an application that its sessions share.

    Attributes:
        store: the readers of a database, or of a gateway.
        engine: executes commands, in this process or through a gateway.
        webhooks: returns the reader of webhooks of a caller; None if the application has no webhooks.
        key_verifier: verifies API keys for gateways; None if the application is not a service.
        sign_in: the sign-in of customers; None with a store that keeps no credentials.
        audit_recorder: records refusals, and reads of the audit log; None leaves them out.
        find_statement_form: returns the form of statements of a name; None if there are no more than those of the core.
        time_zone: the operator's, by its name, in which statements show times to people.
    """

    store: Readers
    engine: Engine
    webhooks: Callable[[Caller], Webhooks] | None = None
    key_verifier: KeyVerifier | None = None
    sign_in: CustomerSignIn | None = None
    audit_recorder: AuditRecorder | None = None
    find_statement_form: Callable[[str], type[StatementForm]] | None = None
    time_zone: str = DEFAULT_TIME_ZONE


class SessionReads(SessionReaders):
    """What one caller can read. All of it raises Forbidden if the caller lacks the required scope."""

    __slots__ = ("_origin", "_parts", "_store", "caller")

    def __init__(self, caller: Caller, parts: Parts, origin: Origin = HERE) -> None:
        self.caller = caller
        self._parts = parts
        self._store = parts.store
        self._origin = origin

    def require_scope(self, action: str, *scopes: Scope, resource: Resource | None = None) -> None:
        """Check that the caller has one of the scopes. Otherwise it is recorded as a refusal.

        All operations do this by themselves. An adapter does it before it reads the rest of a request.

        Args:
            action: the name of the command or reader.
            scopes: the scopes, of which one is enough.
            resource: what the caller wants to do it to, if that is known.

        Raises:
            Forbidden: the caller has none of them.
        """
        try:
            require_scope(self.caller, *scopes)
        except Forbidden as error:
            self._note(action, "refused", error.code, resource)
            raise

    def _require_scope_of(self, command: Command[Any]) -> None:
        try:
            require_scope(self.caller, command.SCOPE)
        except Forbidden as error:
            self._note(command.NAME, "refused", error.code, named_resource(command.locks()))
            raise

    def _note(
        self, action: str, outcome: AuditOutcome, code: str | None = None, resource: Resource | None = None
    ) -> None:
        recorder, (address, request_id) = self._parts.audit_recorder, self._origin
        if recorder is not None:
            recorder.note(Act.of(self.caller, action, outcome, code, address), request_id, resource)

    def note_failed_authentication(self, code: str) -> None:
        """Have a request or message without a valid credential recorded, with the code of its error."""
        recorder, (address, request_id) = self._parts.audit_recorder, self._origin
        if recorder is not None:
            recorder.note(Act.failed_authentication(address, code), request_id)

    def open_reader(self, reader: Reader[PortT]) -> PortT:
        """Return a reader of the session's caller, which checks and converts identifiers."""
        self.require_scope(reader.name, reader.scope)
        if reader.all_tenants:
            self.require_scope(reader.name, "tenants:all")
        port = checked(reader, reader.of(self._store, self.caller))
        if reader is SessionReaders.audit_log and isinstance(self._store, Store):  # at a gateway, the service notes it
            self._note(READ_AUDIT_LOG, "done")
        if reader is SessionReaders.personal_data and isinstance(self._store, Store):
            return cast("PortT", RecordedPersonalData(cast("PersonalData", port), self._record_export))
        return port

    async def _record_export(self, customer_id: CustomerId) -> None:
        recorder, (address, request_id) = self._parts.audit_recorder, self._origin
        if recorder is not None:
            act = Act.of(self.caller, EXPORT_CUSTOMER, "done", None, address)
            await recorder.record(act, request_id, Resource(CUSTOMERS.name, customer_id))

    def export_customer(self, customer_id: CustomerId) -> CustomerExport:
        """Return everything that is held about a customer, which is read as it is asked for.

        Raises:
            Forbidden: the caller lacks the scope.
        """
        return CustomerExport(customer_id, self.customers, self.personal_data, self._store)

    async def statement(
        self, wallet_id: WalletId, start: datetime | None = None, end: datetime | None = None
    ) -> Statement:
        """Return the statement of a wallet for a period, whose entries are read as they are asked for.

        Args:
            wallet_id: the wallet.
            start: the moment (aware) from which entries are in the period; None for that of the wallet's opening.
            end: the moment (aware) before which they are; None for all entries until now.

        Raises:
            Forbidden, Unavailable
            InvalidRequest: the period ends before it begins.
            WalletNotFound: there is no such wallet, or it is not the caller's.
        """
        check_period(start, end)
        wallets = self.wallets
        summary = await wallets.statement(wallet_id, start, end)
        check_period(summary.start, end)
        return Statement(summary, wallets, self._customer_name, self._statement_form, self._parts.time_zone)

    async def _customer_name(self, customer_id: CustomerId) -> str | None:
        return (await self.customers.get(customer_id)).customer.full_name or None

    def _statement_form(self, name: str) -> type[StatementForm]:
        if name in FORMS:
            return FORMS[name]
        if self._parts.find_statement_form is None:
            raise Unavailable(f"this application writes no statements as {name}")
        return self._parts.find_statement_form(name)

    @property
    def webhooks(self) -> Webhooks:
        """Read webhook endpoints and their deliveries. Raises Unavailable if this application has none."""
        self.require_scope("webhooks", "webhooks:read")
        if self._parts.webhooks is None:
            raise Unavailable("this application delivers no webhooks")
        return self._parts.webhooks(self.caller)

    @property
    def key_verifier(self) -> KeyVerifier:
        """The verifier of API keys, for gateways only.

        Raises:
            Forbidden: the caller is not a gateway.
            Unavailable: this application is not a service.
        """
        self._require_gateway()
        if self._parts.key_verifier is None:
            raise Unavailable("this application verifies no API keys for gateways")
        return self._parts.key_verifier

    @property
    def audit_records(self) -> AuditRecords:
        """The audit log, to which gateways add the refusals of their requests.

        Raises:
            Forbidden: the caller is not a gateway.
            Unavailable: this application has no audit log.
        """
        self._require_gateway()
        if self._parts.audit_recorder is None:
            raise Unavailable("this application has no audit log")
        return self._parts.audit_recorder.records

    @property
    def sign_in(self) -> CustomerSignIn:
        """The sign-in of customers. Raises SignInUnavailable where there is none."""
        return require_sign_in(self._parts.sign_in)

    def _require_gateway(self) -> None:
        if self.caller != AUTHENTICATION:
            raise Forbidden("only a gateway can request this")

    @property
    def audit(self) -> Audit:
        """The check of all invariants of the ledger. Raises Unavailable at a gateway, which has no ledger."""
        self.require_scope("audit", "audit:read")
        self.require_scope("audit", "tenants:all")
        if not isinstance(self._store, Store):
            raise Unavailable("there is no ledger here: audit it where it is kept")
        return self._store.audit

    def journal(
        self, start: datetime | None = None, end: datetime | None = None
    ) -> AbstractAsyncContextManager[JournalSnapshot]:
        """Return a context with the journal of a period, on one snapshot of the ledger.

        Args:
            start: the moment (aware) from which transactions are in the period; None for the first one.
            end: the moment (aware) before which they are; None for the last one.

        Raises:
            Forbidden
            InvalidRequest: the period ends before it begins.
            Unavailable: this is a gateway, which has no ledger; or, in the context, the store cannot be reached.
        """
        self.require_scope("journal", "reports:read")
        self.require_scope("journal", "tenants:all")
        check_period(start, end)
        if not isinstance(self._store, Store):
            raise Unavailable("there is no ledger here: export it where it is kept")
        return self._store.journal(start, end)

    async def exchange_positions(self, currency: str) -> ExchangePositions:
        """Return what the operator holds of each currency from exchanges, and its value in a currency.

        Raises:
            Forbidden, Unavailable
            InvalidRequest: there is no such currency.
        """
        valued_in = parse_currency(currency)
        balance = await self.reports.trial_balance()
        return exchange_positions(balance, await self._store.rates(self.caller).list(), valued_in)

    async def find_recipient(self, phone_number: str) -> Recipient:
        """Return the customer of the caller's tenant who can be paid at a phone number, with a masked name.

        Raises:
            Forbidden, InvalidRequest, Unavailable
            RecipientNotFound: there is none.
        """
        self.require_scope("recipients", "recipients:read")
        return await find_recipient(self._store, self.caller, phone_number)


def require_sign_in(sign_in: CustomerSignIn | None) -> CustomerSignIn:
    """Return sign-in. Raise SignInUnavailable if there is none."""
    if sign_in is None:
        raise SignInUnavailable("customers do not sign in here: the store keeps no credentials of customers")
    return sign_in
