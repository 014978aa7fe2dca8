"""What customers sign in with. No method awaits, so each is atomic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from tekana.domain.audit_log import AuditEntry
from tekana.domain.credentials import CODES_MAX, CODES_WINDOW, Credential, OneTimeCode
from tekana.domain.customer import CONTACTS, CUSTOMERS, Contact
from tekana.domain.identifiers import CustomerId
from tekana.domain.identities import Identity
from tekana.domain.refresh_families import FAMILIES_MAX, RefreshFamily
from tekana.domain.signing_keys import SigningKey
from tekana.ports.sign_in_store import Account
from tekana_memory.state import MemoryState, SignInState


class MemoryCustomerCredentials:
    """Implements tekana.ports.sign_in_store.CustomerCredentials."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state
        self._sign_in = state.sign_in

    async def owner_of(self, contact: Contact, tenant: str) -> CustomerId | None:
        owners: dict[str, CustomerId] = self._state.items[CONTACTS.name].get(contact, {})
        return owners.get(tenant)

    async def find(self, customer_id: CustomerId) -> Account | None:
        customer = self._state.customers.get(customer_id)
        if customer is None:
            return None
        return Account(customer.tenant, customer.active, self._sign_in.credentials.get(customer_id))

    async def update(self, customer_id: CustomerId, change: Callable[[Credential], Credential]) -> Credential | None:
        found = self._sign_in.credentials.get(customer_id)
        if found is None:
            return None
        changed = self._sign_in.credentials[customer_id] = change(found)
        return changed

    async def replace(
        self,
        credential: Credential,
        entry: AuditEntry,
        code_id: UUID | None = None,
        compared: Credential | None = None,
    ) -> bool:
        state, customer_id = self._sign_in, credential.customer_id
        if compared is not None and not _is_present(state, compared):
            return False
        if code_id is not None:
            code = state.codes.get(code_id)
            if code is None or code.customer_id != customer_id:
                return False
        state.credentials[customer_id] = credential
        state.codes = {one.id: one for one in state.codes.values() if one.customer_id != customer_id}
        state.end_families(customer_id)
        self._state.audit_log[entry.id] = entry
        return True


def _is_present(state: SignInState, compared: Credential) -> bool:
    """Return whether a credential was not replaced since it was read."""
    present = state.credentials.get(compared.customer_id)
    return present is not None and present.changed_at == compared.changed_at


class MemoryRefreshFamilies:
    """Implements tekana.ports.sign_in_store.RefreshFamilies."""

    def __init__(self, state: MemoryState) -> None:
        self._customers = state.items[CUSTOMERS.name]
        self._state = state.sign_in
        self._audit_log = state.audit_log

    async def add(self, family: RefreshFamily, credential: Credential) -> bool:
        if not self._customers[family.customer_id].active or not _is_present(self._state, credential):
            return False
        families, now = self._state.families, family.created_at
        own = [one for one in families.values() if one.customer_id == family.customer_id]
        alive = sorted((one for one in own if one.is_alive(now)), key=lambda one: one.rotated_at)
        kept = {one.id for one in alive[max(0, len(alive) - FAMILIES_MAX + 1) :]}
        for one in own:
            if one.id not in kept:
                del families[one.id]
        families[family.id] = family
        return True

    async def update(
        self,
        family_id: UUID,
        change: Callable[[RefreshFamily], RefreshFamily],
        entry_of_end: Callable[[RefreshFamily], AuditEntry] | None = None,
    ) -> RefreshFamily | None:
        found = self._state.families.get(family_id)
        if found is None:
            return None
        changed = self._state.families[family_id] = change(found)
        if entry_of_end is not None and changed.ended and not found.ended:
            entry = entry_of_end(changed)
            self._audit_log[entry.id] = entry
        return changed


class MemoryOneTimeCodes:
    """Implements tekana.ports.sign_in_store.OneTimeCodes."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state.sign_in
        self._audit_log = state.audit_log

    async def add(self, code: OneTimeCode, entry: AuditEntry) -> bool:
        codes, oldest = self._state.codes, code.created_at - CODES_WINDOW
        for one in [one for one in codes.values() if one.customer_id == code.customer_id and one.created_at <= oldest]:
            del codes[one.id]
        if sum(one.customer_id == code.customer_id for one in codes.values()) >= CODES_MAX:
            return False
        codes[code.id] = code
        self._audit_log[entry.id] = entry
        return True

    async def update(self, code_id: UUID, change: Callable[[OneTimeCode], OneTimeCode]) -> OneTimeCode | None:
        found = self._state.codes.get(code_id)
        if found is None:
            return None
        changed = self._state.codes[code_id] = change(found)
        return changed


class MemorySigningKeys:
    """Implements tekana.ports.sign_in_store.SigningKeys."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state.sign_in
        self._audit_log = state.audit_log

    async def list(self) -> Sequence[SigningKey]:
        return [self._state.keys[period] for period in sorted(self._state.keys)]

    async def add(self, key: SigningKey, entry: AuditEntry) -> None:
        if key.period not in self._state.keys:
            self._state.keys[key.period] = key
            self._audit_log[entry.id] = entry

    async def remove(self, period: int) -> None:
        self._state.keys = {number: key for number, key in self._state.keys.items() if number >= period}


class MemoryIdentities:
    """Implements tekana.ports.sign_in_store.Identities."""

    def __init__(self, state: MemoryState) -> None:
        self._rows = state.sign_in.identities
        self._audit_log = state.audit_log

    async def find(self, tenant: str, issuer: str, subject: str) -> CustomerId | None:
        found = self._of_subject(tenant, issuer, subject)
        return None if found is None else found.customer_id

    async def list(self, customer_id: CustomerId) -> Sequence[Identity]:
        return sorted((one for one in self._rows.values() if one.customer_id == customer_id), key=lambda one: one.id)

    async def add(self, identity: Identity, entry: AuditEntry) -> Identity:
        found = self._of_subject(identity.tenant, identity.issuer, identity.subject)
        if found is not None:
            return found
        self._audit_log[entry.id] = entry
        return self._rows.setdefault(identity.id, identity)

    async def remove(self, customer_id: CustomerId, identity_id: UUID, entry: AuditEntry) -> bool:
        found = self._rows.get(identity_id)
        if found is None or found.customer_id != customer_id:
            return False
        del self._rows[identity_id]
        self._audit_log[entry.id] = entry
        return True

    def _of_subject(self, tenant: str, issuer: str, subject: str) -> Identity | None:
        wanted = (tenant, issuer, subject)
        return next((one for one in self._rows.values() if (one.tenant, one.issuer, one.subject) == wanted), None)
