"""Stores with planted bugs in the erasure and the export of customers, each of which the suite has to catch."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from tekana.domain.answers import CustomerWithWallets
from tekana.domain.audit_log import AuditEntry
from tekana.domain.identifiers import CustomerId
from tekana.ports.customers import CustomerFilter
from tekana.ports.page import Page, PageRequest
from tekana.ports.personal_data import ApprovalAbout, StoredAnswer
from tekana_memory.personal_data import MemoryPersonalData
from tekana_memory.readers import MemoryCustomers
from tekana_memory.unit_of_work import MemoryUnitOfWork
from tests.contracts.broken_stores import BrokenStore


class ShowsWhoActed(MemoryPersonalData):
    async def audit_entries(self, customer_id: CustomerId, page: PageRequest) -> Page[AuditEntry]:
        found = await super().audit_entries(customer_id, page)
        return found._replace(items=tuple(self._state.audit_log[one.id] for one in found.items))


class ForgetsApprovalsOfWallets(MemoryPersonalData):
    """Approvals about a customer's wallets are left out."""

    async def approvals(self, customer_id: CustomerId, page: PageRequest) -> Page[ApprovalAbout]:
        found = await super().approvals(customer_id, page)
        return found._replace(items=tuple(one for one in found.items if one.command != "AdjustBalance"))


class ForgetsAnswersAboutWallets(MemoryPersonalData):
    """Answers about a customer's wallets are left out."""

    async def answers(self, customer_id: CustomerId, page: PageRequest) -> Page[StoredAnswer]:
        found = await super().answers(customer_id, page)
        return found._replace(items=tuple(one for one in found.items if isinstance(one, CustomerWithWallets)))


class KeepsAnswersOfErased(BrokenStore):
    """Answers under keys stay as they were when the customer is erased."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        def _erase_answers(self, erased: Collection[CustomerId]) -> None:
            for one in erased:
                self._state.sign_in.erase(one)


class KeepsSignInOfErased(BrokenStore):
    """Passwords, sessions, codes and identities stay when the customer is erased."""

    class unit(MemoryUnitOfWork):  # noqa: N801
        def _erase_answers(self, erased: Collection[CustomerId]) -> None:
            credentials = dict(self._state.sign_in.credentials)
            super()._erase_answers(erased)
            self._state.sign_in.credentials = credentials


class FindsErasedByContact(MemoryCustomers):
    """An erased customer is still found by contacts."""

    async def list(
        self, which: CustomerFilter, page: PageRequest, newest_first: bool = False
    ) -> Page[CustomerWithWallets]:
        found = await super().list(which, page, newest_first)
        erased = [one for one in self._state.customers.values() if one.erased_at and which.by_contact]
        return found._replace(items=(*found.items, *(CustomerWithWallets(replace(one), ()) for one in erased)))
