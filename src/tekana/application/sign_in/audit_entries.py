"""The entries of the audit log about sign-in, which has no commands. They never contain a secret, a code or a contact.

What was done is saved by the sign-in store, in the transaction of the change. What was refused goes through the
recorder, which counts equal refusals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, Literal

from tekana.application.audit_recorder import AuditRecorder
from tekana.domain.audit_log import UNKNOWN_SUBJECT, Act, AuditEntry, AuditOutcome, AuditValue, Origin, Resource
from tekana.domain.caller import LOCAL_OPERATOR, MAIN_TENANT, Caller, customer_caller
from tekana.domain.customer import CUSTOMERS
from tekana.domain.errors import Forbidden, Refused, SignInRefused
from tekana.domain.identifiers import CustomerId
from tekana.domain.signing_keys import SigningKey
from tekana.ports.clock import Clock, NewId

SignInAction = Literal[
    "SignIn",
    "RefreshTokens",
    "ReuseRefreshToken",
    "SignOut",
    "RequestCode",
    "SetPassword",
    "ChangePassword",
    "ResetPassword",
    "LinkIdentity",
    "UnlinkIdentity",
]
"""The action of an entry about sign-in. Stable."""

ADD_SIGNING_KEY: Final = "AddSigningKey"
"""The action of an entry about the rotation of the keys that sign access tokens."""

SIGN_IN_LOCKED: Final = "sign_in_locked"
"""The code of an entry about an attempt that began a wait, or came during one. The client gets `sign_in_refused`."""


class Attempt:
    """One attempt to do something about sign-in: what is known of it by now.

    Args:
        audit: makes its entries.
        action: what is attempted.
        origin: where the request came from.
        caller: who attempts it; None without a credential.
        customer_id: whom a caller wants to do it to; the customer need not exist.
    """

    def __init__(
        self,
        audit: SignInAudit,
        action: SignInAction,
        origin: Origin,
        caller: Caller | None,
        customer_id: CustomerId | None,
    ) -> None:
        self._audit = audit
        self._origin = origin
        self._caller = caller
        self._customer_id = customer_id
        self._tenant: str | None = None
        self.action = action
        self.locked = False
        self.is_saved = False

    def found(self, tenant: str, customer_id: CustomerId) -> None:
        """Note the customer whom it is about."""
        self._tenant, self._customer_id = tenant, customer_id

    def authenticated(self, tenant: str, customer_id: CustomerId) -> None:
        """Note that it is this customer who attempts it."""
        self.found(tenant, customer_id)
        self._caller = customer_caller(tenant, customer_id)

    def done(self, after: Mapping[str, AuditValue] | None = None, personal_fields: tuple[str, ...] = ()) -> AuditEntry:
        """Return the entry for the store to save with the change, which belongs to the tenant of the customer.

        Args:
            after: what is new.
            personal_fields: the names of what is new and not shown.
        """
        act = self._act("done", None, self._tenant)
        return replace(self._audit.entry(act, self._origin.request_id), after=after, personal_fields=personal_fields)

    def refused(self) -> AuditEntry:
        """Return the entry of a refusal for the store to save with what it changed."""
        self.is_saved = True
        return self._audit.entry(self._act("refused", SignInRefused.code, self._tenant), self._origin.request_id)

    def note_refusal(self, code: str = SignInRefused.code) -> None:
        """Have the refusal recorded, with the code of its error. Does not wait."""
        if self.is_saved:
            return
        tenant = self._tenant if self._caller is None else self._caller.tenant
        act = self._act("refused", SIGN_IN_LOCKED if self.locked else code, tenant)
        if self._caller is None:
            self._audit.note(act, self._origin.request_id)
        else:  # attempts on different customers share an entry, as refusals of commands do
            self._audit.note(act._replace(resource=None), self._origin.request_id, act.resource)

    def _act(self, outcome: AuditOutcome, code: str | None, tenant: str | None) -> Act:
        resource = None if self._customer_id is None else Resource(CUSTOMERS.name, self._customer_id)
        subject, kind = (UNKNOWN_SUBJECT, None) if self._caller is None else (self._caller.subject, self._caller.kind)
        return Act(tenant or MAIN_TENANT, subject, kind, self.action, outcome, code, self._origin.address, resource)


class SignInAudit:
    """Makes entries about sign-in, and has refusals recorded.

    Args:
        recorder: records refusals.
        clock: the present time.
        new_id: makes the ids of entries.
    """

    def __init__(self, recorder: AuditRecorder, clock: Clock, new_id: NewId) -> None:
        self._recorder = recorder
        self._clock = clock
        self._new_id = new_id

    @contextmanager
    def attempt(
        self,
        action: SignInAction,
        origin: Origin,
        caller: Caller | None = None,
        customer_id: CustomerId | None = None,
    ) -> Iterator[Attempt]:
        """Begin an attempt, and have it recorded if it ends with a refusal."""
        attempt = Attempt(self, action, origin, caller, customer_id)
        try:
            yield attempt
        except (SignInRefused, Forbidden, Refused) as error:
            attempt.note_refusal(error.code)
            raise

    def signing_key_added(self, key: SigningKey) -> AuditEntry:
        """Return the entry about a new signing key, which the process adds by itself."""
        act = Act.of(LOCAL_OPERATOR, ADD_SIGNING_KEY, "done", None, None)
        return replace(self.entry(act), resource="signing_key", after={"kid": key.kid})

    def entry(self, act: Act, request_id: str | None = None) -> AuditEntry:
        """Return the entry of an act at this moment."""
        return act.entry(self._new_id(), self._clock(), request_id)

    def note(self, act: Act, request_id: str | None, resource: Resource | None = None) -> None:
        """Have an act recorded soon."""
        self._recorder.note(act, request_id, resource)
