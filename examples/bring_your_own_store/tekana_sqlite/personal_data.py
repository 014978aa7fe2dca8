"""What is held about a customer beside their profile and their money. No credentials are kept here."""

from __future__ import annotations

from itertools import islice

from tekana import Caller, CustomerId, Page, PageRequest
from tekana.domain.audit_log import AuditEntry, disclosed
from tekana.domain.caller import CUSTOMER_SUBJECT
from tekana.domain.errors import invalid
from tekana.ports.personal_data import NO_SIGN_IN, SignInData

from .audit_log import entry_of
from .database import Database
from .readers import SqliteCustomers

_ENTRIES = "SELECT body FROM audit_log WHERE ? IS NULL OR id > ? ORDER BY id"


class SqlitePersonalData:
    """Implements tekana.ports.personal_data.PersonalData."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._customers = SqliteCustomers(database, caller)

    async def sign_in(self, customer_id: CustomerId) -> SignInData:
        await self._customers.get(customer_id)
        return NO_SIGN_IN

    async def audit_entries(self, customer_id: CustomerId, page: PageRequest) -> Page[AuditEntry]:
        _, wallets = await self._customers.get(customer_id)
        about = {customer_id, *(one.id for one in wallets)}
        rows = self._database.rows
        if page.cursor is not None and not rows("SELECT 1 FROM audit_log WHERE id = ?", page.cursor):
            raise invalid("cursor", "must be a cursor that this list returned, unchanged")
        entries = (entry_of(body) for [body] in rows(_ENTRIES, page.cursor, page.cursor))
        subject = f"{CUSTOMER_SUBJECT}{customer_id}"
        chosen = (one for one in entries if one.resource_id in about or one.subject == subject)
        found = [disclosed(one, customer_id) for one in islice(chosen, page.limit + 1)]
        items = tuple(found[: page.limit])
        return Page(items, str(items[-1].id) if len(found) > page.limit else None)
