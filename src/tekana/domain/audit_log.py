"""The audit log: who did what, and what was refused.

A privileged command gets an entry whether it is done or refused, in its own unit of work. What an entry shows of an
aggregate, its class declares: the AUDITED_FIELDS with their values, and of the PERSONAL_FIELDS, which are personal data
and free text, the names of those that changed. Secrets are in neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from uuid import UUID

from tekana.domain.caller import CUSTOMER_SUBJECT, MAIN_TENANT, Caller, CallerKind
from tekana.domain.identifiers import CustomerId
from tekana.domain.lock_set import LockSet
from tekana.domain.wallet import WALLETS

if TYPE_CHECKING:
    from tekana.domain.book import Book
    from tekana.domain.errors import Refused

AuditOutcome = Literal["done", "refused"]

AuditValue = str | bool | None | tuple[str, ...]
"""The value of a field that an entry shows. A time is text in RFC 3339 form."""

UNKNOWN_SUBJECT: Final = "unknown"
"""The subject of an entry about a request without a valid credential."""

AUTHENTICATE: Final = "Authenticate"
"""The action of an entry about failed authentications."""

REQUEST_APPROVAL: Final = "RequestApproval"
"""The action of an entry about a command that waits for an approval."""

READ_AUDIT_LOG: Final = "ReadAuditLog"
"""The action of an entry about reads of the audit log."""

EXPORT_CUSTOMER: Final = "ExportCustomer"
"""The action of an entry about an export of what is held about a customer."""

ENTRIES_DROPPED: Final = "EntriesDropped"
"""The action of an entry that counts those that were not written, as there were too many at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One act, or several equal ones that were refused within a minute.

    Attributes:
        at: the time of the act by the store's clock; of a refusal before a unit of work, the time of writing.
        tenant: the tenant that the resource belongs to; of a refusal, the caller's.
        subject: who acted; UNKNOWN_SUBJECT for a request without a valid credential.
        kind: the kind of caller; None if it is unknown.
        action: the name of the command, of the reader, or of another act, which never changes.
        code: the code of the error; None if it was done.
        resource: the kind of what it was done to; None for nothing in particular.
        request_id: the id of the request; of several, that of the first.
        address: the address that the request came from; None if it came from this process.
        before: the fields that changed, with their values before; None for a new resource, or if nothing changed.
        after: the same fields afterwards.
        personal_fields: the names of the personal fields that changed.
        occurrences: how many equal acts this entry stands for.
    """

    id: UUID
    at: datetime
    tenant: str
    subject: str
    kind: CallerKind | None
    action: str
    outcome: AuditOutcome
    code: str | None = None
    resource: str | None = None
    resource_id: UUID | None = None
    request_id: str | None = None
    address: str | None = None
    before: Mapping[str, AuditValue] | None = None
    after: Mapping[str, AuditValue] | None = None
    personal_fields: tuple[str, ...] = ()
    occurrences: int = 1


class Resource(NamedTuple):
    """What an act is about."""

    kind: str
    id: UUID


class Origin(NamedTuple):
    """Where a request comes from: its address and its id, as far as they are known."""

    address: str | None = None
    request_id: str | None = None


HERE: Final = Origin()
"""The origin of what this process does by itself."""


class Act(NamedTuple):
    """An act or a refusal outside a unit of work. Equal ones share an entry.

    Attributes:
        resource: what it was done to, if acts on different things are not to share an entry.
    """

    tenant: str
    subject: str
    kind: CallerKind | None
    action: str
    outcome: AuditOutcome
    code: str | None = None
    address: str | None = None
    resource: Resource | None = None

    @classmethod
    def of(cls, caller: Caller, action: str, outcome: AuditOutcome, code: str | None, address: str | None) -> Act:
        """Return the act of a caller."""
        return cls(caller.tenant, caller.subject, caller.kind, action, outcome, code, address)

    @classmethod
    def failed_authentication(cls, address: str | None, code: str) -> Act:
        """Return the act of a request without a valid credential."""
        return cls(MAIN_TENANT, UNKNOWN_SUBJECT, None, AUTHENTICATE, "refused", code, address)

    def entry(
        self, id: UUID, at: datetime, request_id: str | None = None, resource: Resource | None = None
    ) -> AuditEntry:
        """Return the entry of this act.

        Args:
            id: the id of the entry.
            at: its time.
            request_id: the id of the request, if that is known.
            resource: what it was done to, if the act does not contain it.
        """
        about = self.resource or resource
        return AuditEntry(
            id=id,
            at=at,
            tenant=self.tenant,
            subject=self.subject,
            kind=self.kind,
            action=self.action,
            outcome=self.outcome,
            code=self.code,
            resource=None if about is None else about.kind,
            resource_id=None if about is None else about.id,
            request_id=request_id,
            address=self.address,
        )


def named_resource(locks: LockSet) -> Resource | None:
    """Return the first resource that a command names, which need not exist."""
    return next(_named(locks), None)


def _named(locks: LockSet) -> Iterator[Resource]:
    for ref in locks.others:
        if isinstance(ref.id, UUID):
            yield Resource(ref.kind.name, ref.id)
    for wallet_id in locks.wallets:
        yield Resource(WALLETS.name, wallet_id)


class _State(NamedTuple):
    """The fields of an aggregate, as its class declares them: what entries show, and what they only name."""

    shown: Mapping[str, AuditValue]
    personal: Mapping[str, object]


_NOTHING: Final = _State({}, {})


class Observation:
    """The state of what a command names before it is decided, to find out afterwards what it changed."""

    def __init__(self, book: Book, locks: LockSet) -> None:
        self._book = book
        self._before = {one: _state_of(_find(book, one)) for one in _named(locks)}

    def done(self, action: str, resource: Resource | None) -> AuditEntry:
        """Return the entry of a command that was done.

        Args:
            action: the name of the command.
            resource: what its answer is about. The entry is about it if the command named or added it; otherwise about
                the first that it named, such as an approval of something else.
        """
        book = self._book
        if resource not in self._before and not _is_added(book, resource):
            resource = next(iter(self._before), resource)
        item = None if resource is None else _find(book, resource)
        before = _NOTHING if resource is None else self._before.get(resource, _NOTHING)
        after = _state_of(item)
        names = [one for one, value in after.shown.items() if before.shown.get(one) != value]
        personal = [one for one, value in after.personal.items() if before.personal.get(one) != value]
        is_new = before is _NOTHING
        entry = _entry(book, action, resource)
        return replace(
            entry,
            tenant=getattr(item, "tenant", None) or entry.tenant,
            before=None if is_new or not names else {one: before.shown[one] for one in names},
            after={one: after.shown[one] for one in names} or None,
            personal_fields=tuple(personal),
        )


def disclosed(entry: AuditEntry, customer_id: CustomerId) -> AuditEntry:
    """Return what a customer may know of an entry about them: all of their own acts, and not who else acted."""
    if entry.subject == f"{CUSTOMER_SUBJECT}{customer_id}":
        return entry
    return replace(entry, subject="", request_id=None, address=None)


def requested_entry(book: Book, approval: Resource) -> AuditEntry:
    """Return the entry of a command that waits for an approval, which was just added."""
    entry = _entry(book, REQUEST_APPROVAL, approval)
    return replace(entry, after={one: value for one, value in _state_of(_find(book, approval)).shown.items() if value})


def refused_entry(book: Book, action: str, locks: LockSet, refusal: Refused) -> AuditEntry:
    """Return the entry of a command that was refused. It belongs to the caller's tenant, as it did nothing."""
    return _entry(book, action, named_resource(locks), "refused", refusal.code)


def _entry(
    book: Book, action: str, resource: Resource | None, outcome: AuditOutcome = "done", code: str | None = None
) -> AuditEntry:
    act = Act.of(book.caller, action, outcome, code, book.address)
    return act.entry(book.new_id(), book.now, book.request_id, resource)


def _is_added(book: Book, resource: Resource | None) -> bool:
    return resource is not None and resource.id in book.changes.added.get(resource.kind, ())


def _find(book: Book, resource: Resource) -> Any:
    wallets: Mapping[Any, Any] = book.locked.wallets
    items = wallets if resource.kind == WALLETS.name else book.locked.others.get(resource.kind, {})
    return items.get(resource.id)


def _state_of(item: Any) -> _State:
    """Return the declared fields of an aggregate; of None, and of a class that declares none, nothing."""
    kind = type(item)
    shown = {one: _shown(getattr(item, one)) for one in getattr(kind, "AUDITED_FIELDS", ())}
    personal = {one: getattr(item, one) for one in getattr(kind, "PERSONAL_FIELDS", ())}
    return _State(shown, personal) if shown or personal else _NOTHING


def _shown(value: Any) -> AuditValue:
    match value:
        case None | bool() | str():
            return value
        case datetime():
            return value.isoformat()
        case tuple():
            return tuple(map(str, value)) or None
    return str(value)
