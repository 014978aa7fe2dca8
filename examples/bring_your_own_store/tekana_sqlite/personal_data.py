"""What is held about a customer beside their profile and their money. No credentials are kept here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from msgspec import json

from tekana import Caller, CustomerId, Page, PageRequest
from tekana.domain.approvals import Approval
from tekana.domain.audit_log import AuditEntry, disclosed
from tekana.domain.caller import CUSTOMER_SUBJECT
from tekana.domain.errors import invalid
from tekana.ports.clock import Clock
from tekana.ports.personal_data import ABOUT_FIELDS, NO_SIGN_IN, ApprovalAbout, SignInData, StoredAnswer

from .approvals import approval_of
from .audit_log import entry_of
from .database import Database
from .readers import SqliteCustomers
from .unit_of_work import CUSTOMER_PATHS, record_of

T = TypeVar("T")


class SqlitePersonalData:
    """Implements tekana.ports.personal_data.PersonalData. It reads whole tables: exports are rare."""

    def __init__(self, database: Database, clock: Clock, caller: Caller) -> None:
        self._database = database
        self._clock = clock
        self._customers = SqliteCustomers(database, caller)

    async def sign_in(self, customer_id: CustomerId) -> SignInData:
        await self._customers.get(customer_id)
        return NO_SIGN_IN

    async def audit_entries(self, customer_id: CustomerId, page: PageRequest) -> Page[AuditEntry]:
        about, subject = await self._ids_of(customer_id), f"{CUSTOMER_SUBJECT}{customer_id}"
        entries = [entry_of(body) for [body] in self._database.rows("SELECT body FROM audit_log ORDER BY id")]
        found = [one for one in entries if str(one.resource_id) in about or one.subject == subject]
        return _page_of([_Item(str(one.id), disclosed(one, customer_id)) for one in found], page)

    async def approvals(self, customer_id: CustomerId, page: PageRequest) -> Page[ApprovalAbout]:
        about, now = await self._ids_of(customer_id), self._clock()
        approvals = [approval_of(body) for [body] in self._database.rows("SELECT body FROM approvals ORDER BY id")]
        found = [one for one in approvals if one.asker.customer_id == customer_id or _named_by(one) in about]
        return _page_of([_Item(str(one.id), _without_others(one.shown_at(now))) for one in found], page)

    async def answers(self, customer_id: CustomerId, page: PageRequest) -> Page[StoredAnswer]:
        await self._customers.get(customer_id)
        found: list[_Item[StoredAnswer]] = []
        for kind, path in CUSTOMER_PATHS:
            statement = "SELECT rowid, body FROM keys WHERE kind = ? AND json_extract(body, ?) = ? ORDER BY rowid"
            for row_id, body in self._database.rows(statement, kind, path, customer_id):
                answer: Any = record_of(0, kind, body).answer
                found.append(_Item(str(row_id), answer))
        return _page_of(found, page)

    async def _ids_of(self, customer_id: CustomerId) -> set[str]:
        """Return the ids of a customer and their wallets, as text."""
        customer, wallets = await self._customers.get(customer_id)
        return {str(customer.id), *(str(one.id) for one in wallets)}


class _Item(NamedTuple, Generic[T]):
    """An item of a list, and the cursor of what comes after it."""

    cursor: str
    value: T


def _page_of(items: Sequence[_Item[T]], page: PageRequest) -> Page[T]:
    cursors = [one.cursor for one in items]
    if page.cursor is not None and page.cursor not in cursors:
        raise invalid("cursor", "must be a cursor that this list returned, unchanged")
    after = 0 if page.cursor is None else cursors.index(page.cursor) + 1
    found = items[after : after + page.limit]
    has_more = after + page.limit < len(items)
    return Page(tuple([one.value for one in found]), found[-1].cursor if has_more else None)


def _named_by(approval: Approval) -> str | None:
    """Return the customer or wallet that the command of an approval names."""
    fields = json.decode(approval.data, type=dict[str, Any])
    return next((fields[name] for name in ABOUT_FIELDS if name in fields), None)


def _without_others(approval: Approval) -> ApprovalAbout:
    return ApprovalAbout(*(getattr(approval, name) for name in ApprovalAbout._fields))
