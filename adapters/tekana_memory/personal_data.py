"""What is held about a customer beside their profile and their money."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, NamedTuple
from uuid import NAMESPACE_OID, UUID, uuid5

import msgspec

from tekana.domain.answers import ANSWERS
from tekana.domain.approvals import APPROVALS, Approval
from tekana.domain.audit_log import AuditEntry, disclosed
from tekana.domain.caller import CUSTOMER_SUBJECT, Caller
from tekana.domain.errors import CustomerNotFound
from tekana.domain.identifiers import CustomerId
from tekana.domain.policy import can_access
from tekana.ports.clock import Clock
from tekana.ports.page import Page, PageRequest
from tekana.ports.personal_data import (
    ABOUT_FIELDS,
    NO_SIGN_IN,
    ApprovalAbout,
    SignInData,
    SignInSession,
    StoredAnswer,
)
from tekana_memory.readers import page_of
from tekana_memory.state import MemoryState


class MemoryPersonalData:
    """Implements tekana.ports.personal_data.PersonalData."""

    def __init__(self, state: MemoryState, clock: Clock, caller: Caller) -> None:
        self._state = state
        self._clock = clock
        self._caller = caller

    async def sign_in(self, customer_id: CustomerId) -> SignInData:
        self._require_access(customer_id)
        kept = self._state.sign_in
        one = kept.credentials.get(customer_id)
        known = one and SignInData(one.changed_at, one.attempts, one.attempted_at, one.locked_until)
        families = [one for one in kept.families.values() if one.customer_id == customer_id]
        codes = [one.created_at for one in kept.codes.values() if one.customer_id == customer_id]
        return (known or NO_SIGN_IN)._replace(
            sessions=tuple(sorted(SignInSession(one.created_at, one.rotated_at, one.ended) for one in families)),
            codes_sent_at=tuple(sorted(codes)),
            identities=tuple(one for _, one in sorted(kept.identities.items()) if one.customer_id == customer_id),
        )

    async def audit_entries(self, customer_id: CustomerId, page: PageRequest) -> Page[AuditEntry]:
        self._require_access(customer_id)
        about = {customer_id, *self._state.wallets_of[customer_id]}
        found = {
            key: disclosed(one, customer_id)
            for key, one in sorted(self._state.audit_log.items())
            if one.resource_id in about or one.subject == f"{CUSTOMER_SUBJECT}{customer_id}"
        }
        return page_of([*found.values()], page, lambda one: one.id, found)

    async def approvals(self, customer_id: CustomerId, page: PageRequest) -> Page[ApprovalAbout]:
        self._require_access(customer_id)
        about = {str(one) for one in (customer_id, *self._state.wallets_of[customer_id])}
        now = self._clock()
        found = {
            key: _without_others(one.shown_at(now))
            for key, one in sorted(self._state.items[APPROVALS.name].items())
            if one.asker.customer_id == customer_id or _named_by(one) in about
        }
        return page_of([*found.values()], page, lambda one: one.id, found)

    async def answers(self, customer_id: CustomerId, page: PageRequest) -> Page[StoredAnswer]:
        self._require_access(customer_id)
        found = []
        for key, record in sorted(self._state.keys.items()):
            owner = ANSWERS[type(record.answer)].customer_id
            if owner is not None and owner(record.answer) == customer_id:
                found.append(_KeptAnswer(uuid5(NAMESPACE_OID, repr(key)), deepcopy(record.answer)))
        found.sort(key=lambda one: one.id)
        read = page_of(found, page, lambda one: one.id, {one.id for one in found})
        return Page(tuple(one.answer for one in read.items), read.next_cursor)

    def _require_access(self, customer_id: CustomerId) -> None:
        customer = self._state.customers.get(customer_id)
        if customer is None or not can_access(self._caller, customer.tenant, customer_id):
            raise CustomerNotFound(f"no customer has the id {customer_id}")


class _KeptAnswer(NamedTuple):
    """An answer under a key, and what stands for the key in cursors."""

    id: UUID
    answer: Any


def _named_by(approval: Approval) -> str | None:
    """Return the customer or wallet that the command of an approval names."""
    fields = msgspec.json.decode(approval.data, type=dict[str, Any])
    return next((fields[name] for name in ABOUT_FIELDS if name in fields), None)


def _without_others(approval: Approval) -> ApprovalAbout:
    return ApprovalAbout(*(getattr(approval, name) for name in ApprovalAbout._fields))
