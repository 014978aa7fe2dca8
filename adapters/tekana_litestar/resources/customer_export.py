"""The export of everything that is held about a customer, and their erasure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Router
from litestar.di import NamedDependency

from tekana import CustomerId, CustomerNotFound, EraseCustomer, Page, PageRequest
from tekana import Wallet as DomainWallet
from tekana.application.customer_export import CustomerExport as DomainExport
from tekana.application.customer_export import Profile
from tekana.domain.approvals import ApprovalStatus
from tekana.domain.audit_log import AuditEntry as DomainEntry
from tekana.domain.audit_log import AuditOutcome, AuditValue
from tekana.domain.caller import CallerKind
from tekana.ports.page import PAGE_SIZE_MAX
from tekana.ports.personal_data import ApprovalAbout as DomainApproval
from tekana.ports.personal_data import StoredAnswer as DomainAnswer
from tekana.ports.readers import SessionReaders
from tekana_litestar import fields
from tekana_litestar.bodies import Body
from tekana_litestar.export import Export, pages_of
from tekana_litestar.fields import meta
from tekana_litestar.operation import Call, Returns, command, query
from tekana_litestar.queries import Query
from tekana_litestar.resources.customers import Customer
from tekana_litestar.resources.identities import Identity
from tekana_litestar.resources.wallets import Wallet
from tekana_litestar.responses import Response, encode, json_response
from tekana_litestar.transaction_view import Transaction
from tekana_litestar.views import shown, utc


class SignInSession(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in on a device."""

    started_at: Annotated[datetime, fields.time()]
    refreshed_at: Annotated[datetime, fields.time("When its tokens were last renewed.")]
    ended: Annotated[bool, meta("Whether it was ended, by sign-out for example.", False)]


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """How the customer signs in, without secrets."""

    password_changed_at: Annotated[datetime | None, fields.time("When the password was set; null without one.")]
    failed_attempts: Annotated[int, meta("Since the last right password.", 0)]
    attempted_at: Annotated[datetime | None, fields.time("The last of these attempts.")]
    locked_until: Annotated[datetime | None, fields.time("Until when attempts are refused.")]
    sessions: tuple[SignInSession, ...]
    codes_sent_at: tuple[Annotated[datetime, fields.time("When a one-time code was sent.")], ...]
    identities: tuple[Identity, ...]


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the customer did, or that was done about them or their wallets, or refused."""

    at: Annotated[datetime, fields.time()]
    kind: Annotated[CallerKind | None, meta("What kind of caller acted; null if unknown.", "operator")]
    action: Annotated[str, meta("The command or another act. There will be more.", "FreezeWallet")]
    outcome: AuditOutcome
    code: Annotated[str | None, meta("Why it was refused: the code of the error; null if it was done.")]
    resource: Annotated[str | None, meta("What kind of thing it is about.", "wallet")]
    resource_id: Annotated[UUID | None, meta(None, fields.WALLET_ID)]
    address: Annotated[str | None, meta("Where the request came from; only if the customer acted.", "192.0.2.17")]
    before: Annotated[
        dict[str, AuditValue] | None, meta("What changed, as it was; null for something new.", {"status": "active"})
    ]
    after: Annotated[dict[str, AuditValue] | None, meta("The same, as it is afterwards.", {"status": "frozen"})]
    personal_fields: Annotated[
        tuple[str, ...], meta("The names of changed fields whose values are not kept.", ["freeze_reason"])
    ]

    @classmethod
    def from_domain(cls, one: DomainEntry) -> Activity:
        """Return what the customer sees of an entry of the audit log."""
        return shown(cls, one)


class ApprovalAbout(msgspec.Struct, frozen=True, kw_only=True):
    """A request about the customer or their wallets that needs the approval of a second person, or needed it."""

    id: Annotated[UUID, meta(None, fields.APPROVAL_ID)]
    command: Annotated[str, meta("What was asked for.", "AdjustBalance")]
    status: Annotated[ApprovalStatus, meta("What became of it.", "approved")]
    asked_at: Annotated[datetime, fields.time()]
    expires_at: Annotated[datetime, fields.time("Until when it can be decided.")]
    decided_at: Annotated[datetime | None, fields.time("When it was approved or rejected; null if it was not.")]

    @classmethod
    def from_domain(cls, one: DomainApproval) -> ApprovalAbout:
        """Return what the customer sees of an approval."""
        return shown(cls, one)


class StoredAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to an earlier request, as it is kept for repetitions of it: the customer or a wallet at that time."""

    customer: Annotated[Customer | None, meta("Null if the answer is a wallet.")]
    wallet: Annotated[Wallet | None, meta("Null if the answer is the customer.")]

    @classmethod
    def from_domain(cls, one: DomainAnswer) -> StoredAnswer:
        """Return what the customer sees of an answer."""
        if isinstance(one, DomainWallet):
            return cls(customer=None, wallet=Wallet.from_domain(one))
        return cls(customer=Customer.from_domain(one), wallet=None)


class CustomerExport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is held about a customer. The lists begin with the oldest, except for `answers`."""

    customer: Customer
    sign_in: SignIn
    transactions: Annotated[tuple[Transaction, ...], meta("With the entries of the customer's wallets only.")]
    activities: tuple[Activity, ...]
    approvals: tuple[ApprovalAbout, ...]
    answers: Annotated[tuple[StoredAnswer, ...], meta("To earlier requests, in no particular order.")]


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """A customer whose personal data were erased."""

    id: Annotated[UUID, fields.THE_CUSTOMER]
    erased_at: Annotated[datetime, fields.time()]


_ReadList = Callable[[PageRequest], Awaitable[Page[Any]]]
_View = Callable[[Any], msgspec.Struct]


@query("/export", Returns(200, CustomerExport), refusals=(CustomerNotFound,), does=SessionReaders.personal_data)
async def export_customer(call: NamedDependency[Call[None, Query]]) -> Response:
    """Export everything about a customer.

    What is held about a person, to be given to them: their details and wallets, how they sign in, their transactions
    as they see them, what was done and asked for about them, without who else acted, and the answers that are kept for
    repeated requests. It is one document, and read while it is sent: a connection that is cut off before its end means
    that the rest is missing. That it was read is in the audit log.
    """
    export = call.session.export_customer(CustomerId(call.ids["customer_id"]))
    return await Export.begin(call.streams, _document(export))


async def _document(export: DomainExport) -> AsyncIterator[bytes]:
    """Yield the parts of the document of a CustomerExport."""
    profile = await export.profile()
    yield b'{"customer":%b,"sign_in":%b' % (
        encode(Customer.from_domain(profile.customer)),
        encode(_sign_in(profile)),
    )

    lists: tuple[tuple[str, _ReadList, _View], ...] = (
        ("transactions", partial(export.transactions, profile), Transaction.from_domain),
        ("activities", export.audit_entries, Activity.from_domain),
        ("approvals", export.approvals, ApprovalAbout.from_domain),
        ("answers", export.answers, StoredAnswer.from_domain),
    )
    for name, read, view in lists:
        async for part in _list(name, read, view):
            yield part
    yield b"}"


async def _list(name: str, read: _ReadList, view: _View) -> AsyncIterator[bytes]:
    """Yield the parts of a member of the document that is a list."""
    before = b',"%b":[' % name.encode()
    async for items in pages_of(lambda cursor: read(PageRequest(PAGE_SIZE_MAX, cursor))):
        yield before + b",".join([encode(view(one)) for one in items])
        before = b","
    yield b"]"


def _sign_in(profile: Profile) -> SignIn:
    found = profile.sign_in
    return shown(
        SignIn,
        found,
        sessions=tuple([shown(SignInSession, one) for one in found.sessions]),
        codes_sent_at=tuple(map(utc, found.codes_sent_at)),
        identities=tuple([Identity.from_domain(one) for one in found.identities]),
    )


@command("/erase", Returns(200, Erased), body=Body(EraseCustomer, without=("customer_id",)))
async def erase_customer(call: NamedDependency[Call[EraseCustomer, Query]]) -> Response:
    """Erase a customer's personal data.

    Destroys the key of a closed customer's personal data, once the retention period is over. Final. The ledger stays
    whole, with the customer's id only. From then on, their name and contacts are empty, and requests repeated under
    the keys of earlier ones about them are answered with 404.
    """
    done = await call.submit(call.input)
    return json_response(200, shown(Erased, done.answer), replayed=done.replayed)


ROUTER: Final = Router(
    "/v1/customers/{customer_id:str}",
    tags=["Customers"],
    route_handlers=[export_customer, erase_customer],
)
