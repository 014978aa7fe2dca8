"""Links between customers and the subjects of outside issuers, made by partners and operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tekana.application.commands.validation import check_text
from tekana.application.sign_in.audit_entries import SignInAudit
from tekana.domain.audit_log import HERE, Origin
from tekana.domain.caller import Caller
from tekana.domain.errors import CustomerNotActive, CustomerNotFound, IdentityExists, IdentityNotFound
from tekana.domain.identifiers import CustomerId
from tekana.domain.identities import Identity
from tekana.domain.policy import can_access, require_scope
from tekana.ports.clock import Clock, NewId
from tekana.ports.sign_in_store import Account, SignInStore

ISSUER_LENGTH_MAX: Final = 500
SUBJECT_LENGTH_MAX: Final = 255


class CustomerIdentities:
    """Adds, lists and removes the identities of customers.

    Args:
        store: where they are stored.
        clock: the present time.
        new_id: returns a new id.
        audit: makes the entries of the audit log.
    """

    def __init__(self, store: SignInStore, clock: Clock, new_id: NewId, audit: SignInAudit) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._audit = audit

    async def add(
        self, caller: Caller, customer_id: CustomerId, issuer: str, subject: str, origin: Origin = HERE
    ) -> Identity:
        """Link the subject of an issuer with a customer. A second call returns the same link.

        Raises:
            Forbidden: the caller lacks the scope customers:write.
            InvalidRequest: the issuer or the subject is malformed.
            CustomerNotFound: there is no such customer that the caller has access to.
            CustomerNotActive: the customer is suspended or closed.
            IdentityExists: the subject is linked with another customer.
        """
        with self._audit.attempt("LinkIdentity", origin, caller, customer_id) as attempt:
            require_scope(caller, "customers:write")
            check_text("issuer", issuer, most=ISSUER_LENGTH_MAX, one_line=True)
            check_text("subject", subject, most=SUBJECT_LENGTH_MAX, one_line=True)
            account = await self._account(caller, customer_id)
            tenant = account.tenant
            attempt.found(tenant, customer_id)
            if not account.active:  # that of an erased customer could not be erased any more
                raise CustomerNotActive("the customer is suspended or closed")
            identity = Identity(
                id=self._new_id(),
                tenant=tenant,
                issuer=issuer,
                subject=subject,
                customer_id=customer_id,
                created_by=caller.subject,
                created_at=self._clock(),
            )
            entry = attempt.done({"identity_id": str(identity.id)}, personal_fields=("issuer", "subject"))
            stored = await self._store.identities.add(identity, entry)
            if stored.customer_id != customer_id:
                raise IdentityExists("this subject of the issuer is linked with another customer")
            return stored

    async def list(self, caller: Caller, customer_id: CustomerId) -> Sequence[Identity]:
        """Return the links of a customer. Raises Forbidden, CustomerNotFound."""
        require_scope(caller, "customers:read")
        await self._account(caller, customer_id)
        return await self._store.identities.list(customer_id)

    async def remove(self, caller: Caller, customer_id: CustomerId, identity_id: UUID, origin: Origin = HERE) -> None:
        """Remove a link. Raises Forbidden, CustomerNotFound, IdentityNotFound."""
        with self._audit.attempt("UnlinkIdentity", origin, caller, customer_id) as attempt:
            require_scope(caller, "customers:write")
            attempt.found((await self._account(caller, customer_id)).tenant, customer_id)
            entry = attempt.done({"identity_id": str(identity_id)})
            if not await self._store.identities.remove(customer_id, identity_id, entry):
                raise IdentityNotFound(f"the customer has no identity with the id {identity_id}")

    async def _account(self, caller: Caller, customer_id: CustomerId) -> Account:
        account = await self._store.customer_credentials.find(customer_id)
        if account is None or not can_access(caller, account.tenant, customer_id):
            raise CustomerNotFound(f"no customer has the id {customer_id}")
        return account
