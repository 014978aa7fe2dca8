"""In-memory stores, each with one bug in what customers sign in with, that the contract suite has to detect."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

from tekana.domain.audit_log import AuditEntry
from tekana.domain.credentials import Credential, OneTimeCode
from tekana.domain.customer import CONTACTS, Contact
from tekana.domain.identifiers import CustomerId
from tekana.domain.identities import Identity
from tekana.domain.refresh_families import RefreshFamily
from tekana.domain.signing_keys import SigningKey
from tekana_memory import MemoryStore
from tekana_memory.sign_in import (
    MemoryCustomerCredentials,
    MemoryIdentities,
    MemoryOneTimeCodes,
    MemoryRefreshFamilies,
    MemorySigningKeys,
)
from tekana_memory.state import SignInState


def broken_sign_in(name: str, kind: Callable[[Any], Any]) -> type[MemoryStore]:
    """Return a store with a part that has a bug."""

    class Broken(MemoryStore):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            setattr(self, name, kind(self._state))

    Broken.__name__ = getattr(kind, "__name__", name)
    return Broken


class FindsOwnersOfAnyTenant(MemoryCustomerCredentials):
    """A contact leads to a customer of another tenant."""

    async def owner_of(self, contact: Contact, tenant: str) -> CustomerId | None:
        return next(iter(self._state.items[CONTACTS.name].get(contact, {}).values()), None)


class FindsClosedOwners(MemoryCustomerCredentials):
    """A contact leads to a customer who is closed."""

    async def owner_of(self, contact: Contact, tenant: str) -> CustomerId | None:
        for one in self._state.customers.values():
            if contact in one.contacts and one.tenant == tenant:
                return one.id
        return None


class LosesAttempts(MemoryCustomerCredentials):
    """Attempts at the same time are counted once."""

    async def update(self, customer_id: CustomerId, change: Callable[[Credential], Credential]) -> Credential | None:
        found = self._sign_in.credentials.get(customer_id)
        await asyncio.sleep(0)
        if found is not None:
            self._sign_in.credentials[customer_id] = change(found)
        return self._sign_in.credentials.get(customer_id)


class KeepsFamilies(MemoryCustomerCredentials):
    """A new password ends no family."""

    async def replace(self, *given: Any, **compared: Any) -> bool:
        families = dict(self._sign_in.families)
        done = await super().replace(*given, **compared)
        self._sign_in.families = families
        return done


class AcceptsAnyCode(MemoryCustomerCredentials):
    """A code of another customer, or one that was used, sets a password."""

    async def replace(self, credential: Credential, entry: AuditEntry, *_: UUID, **compared: Any) -> bool:
        return await super().replace(credential, entry, **compared)


class ForgetsWhatWasCompared(MemoryCustomerCredentials):
    """A password that was replaced meanwhile still sets another one."""

    async def replace(self, *given: Any, compared: Credential | None = None) -> bool:
        return await super().replace(*given)


class LosesEntries(MemoryCustomerCredentials):
    """A password is set without an entry of the audit log."""

    async def replace(self, credential: Credential, entry: AuditEntry, *code: UUID, **compared: Any) -> bool:
        done = await super().replace(credential, entry, *code, **compared)
        self._state.audit_log.pop(entry.id, None)
        return done


class AddsEntriesOfFailures(MemoryIdentities):
    """What removes nothing is in the audit log, too."""

    async def remove(self, customer_id: CustomerId, identity_id: UUID, entry: AuditEntry) -> bool:
        self._audit_log[entry.id] = entry
        return await super().remove(customer_id, identity_id, entry)


class BeginsFamiliesOfAll(MemoryRefreshFamilies):
    """A suspended customer can begin a family, and one with a password that was replaced."""

    async def add(self, family: RefreshFamily, credential: Credential) -> bool:
        self._state.families[family.id] = family
        return True


class RotatesTwice(MemoryRefreshFamilies):
    """Two requests at the same time rotate the same token."""

    async def update(
        self,
        family_id: UUID,
        change: Callable[[RefreshFamily], RefreshFamily],
        entry_of_end: Callable[[RefreshFamily], AuditEntry] | None = None,
    ) -> RefreshFamily | None:
        found = self._state.families.get(family_id)
        await asyncio.sleep(0)
        if found is None:
            return None
        changed = self._state.families[family_id] = change(found)
        return changed


class SendsAnyNumber(MemoryOneTimeCodes):
    """The number of codes in an hour has no bound."""

    async def add(self, code: OneTimeCode, entry: AuditEntry) -> bool:
        self._state.codes[code.id] = code
        return True


class ReplacesKeys(MemorySigningKeys):
    """The last process that adds the key of a period wins, so tokens of the others cannot be verified."""

    async def add(self, key: SigningKey, entry: AuditEntry) -> None:
        self._state.keys[key.period] = key


class SharesIdentities(MemoryIdentities):
    """A subject of one tenant is a customer of another."""

    async def find(self, tenant: str, issuer: str, subject: str) -> CustomerId | None:
        return next((one.customer_id for one in self._rows.values() if one.subject == subject), None)


class LinksTwice(MemoryIdentities):
    """A subject can be linked with two customers."""

    async def add(self, identity: Identity, entry: AuditEntry) -> Identity:
        self._rows[identity.id] = identity
        return identity


class KeepsFamiliesOfSuspended(MemoryStore):
    """A suspension ends no family."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._state.sign_in = _NeverEnds()
        self.refresh_families = MemoryRefreshFamilies(self._state)
        self.customer_credentials = MemoryCustomerCredentials(self._state)


class _NeverEnds(SignInState):
    def end_families(self, customer_id: CustomerId) -> None:
        """End nothing."""
