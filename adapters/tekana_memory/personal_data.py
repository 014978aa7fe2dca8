"""What is held about a customer beside their profile and their money."""

from __future__ import annotations

from tekana.domain.audit_log import AuditEntry, disclosed
from tekana.domain.caller import CUSTOMER_SUBJECT, Caller
from tekana.domain.errors import CustomerNotFound
from tekana.domain.identifiers import CustomerId
from tekana.domain.policy import can_access
from tekana.ports.page import Page, PageRequest
from tekana.ports.personal_data import NO_SIGN_IN, SignInData, SignInSession
from tekana_memory.readers import page_of
from tekana_memory.state import MemoryState


class MemoryPersonalData:
    """Implements tekana.ports.personal_data.PersonalData."""

    def __init__(self, state: MemoryState, caller: Caller) -> None:
        self._state = state
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

    def _require_access(self, customer_id: CustomerId) -> None:
        customer = self._state.customers.get(customer_id)
        if customer is None or not can_access(self._caller, customer.tenant, customer_id):
            raise CustomerNotFound(f"no customer has the id {customer_id}")
