"""Sign-in of customers: by phone number or email with a password or PIN, refresh, and sign-out."""

from __future__ import annotations

import asyncio
import hashlib
import math
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import uuid4

from cryptography.exceptions import InvalidTag

from tekana.application.sign_in.access_tokens import LIFETIME, AccessTokens
from tekana.application.sign_in.audit_entries import Attempt, SignInAudit
from tekana.application.sign_in.contacts import SignInContact, find_customer
from tekana.application.sign_in.hashing import Hashing
from tekana.application.sign_in.sealing import seal, unseal
from tekana.domain.audit_log import HERE, AuditEntry, Origin
from tekana.domain.caller import MAIN_TENANT
from tekana.domain.credentials import Credential, normalize_password
from tekana.domain.errors import SignInRefused
from tekana.domain.identifiers import CustomerId
from tekana.domain.refresh_families import SECRET_BYTES, RefreshFamily, RefreshToken
from tekana.ports.clock import Clock
from tekana.ports.sign_in_store import Account, SignInStore

REFUSAL_STEP_SECONDS = 0.5
"""A refusal is given at a multiple of this after its work began, so that its time does not depend on its reason."""


class Tokens(NamedTuple):
    """What a customer gets by signing in. Its representation hides the tokens."""

    access_token: str
    refresh_token: str
    expires_in_seconds: int = int(LIFETIME.total_seconds())

    def __repr__(self) -> str:
        return "Tokens(…)"


class SignIn:
    """Signs customers in, and keeps them signed in.

    Args:
        store: where credentials and families are stored.
        tokens: issues access tokens.
        hashing: compares passwords.
        clock: the present time.
        audit: makes the entries of the audit log.
    """

    def __init__(
        self, store: SignInStore, tokens: AccessTokens, hashing: Hashing, clock: Clock, audit: SignInAudit
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._hashing = hashing
        self._clock = clock
        self._audit = audit

    async def sign_in(
        self, contact: SignInContact, password: str, tenant: str = MAIN_TENANT, origin: Origin = HERE
    ) -> Tokens:
        """Return tokens for the customer with this phone number or email.

        Raises:
            SignInRefused: with the same message, after the same work and time, whatever the reason.
            Overloaded: too many sign-ins at once; nothing was counted.
        """
        async with even_time(self._hashing):
            with self._audit.attempt("SignIn", origin) as attempt:
                return await self._sign_in(contact, password, tenant, attempt)

    async def _sign_in(self, contact: SignInContact, password: str, tenant: str, attempt: Attempt) -> Tokens:
        credential = await self.verify_password(contact, password, tenant, attempt)
        tokens = await self._begin_family(credential)
        if tokens is None:  # suspended, or a new password, in between
            raise SignInRefused
        return tokens

    async def verify_password(self, contact: SignInContact, password: str, tenant: str, attempt: Attempt) -> Credential:
        """Return the credential of a customer whose password this is. The caller has a slot of the hashing.

        Args:
            contact, password, tenant: as for `sign_in`.
            attempt: what it is for; the customer is noted in it.

        Raises:
            SignInRefused: it is not right, or cannot be compared at present.
        """
        customer_id = await find_customer(self._store.customer_credentials, contact, tenant)
        # A customer that does not exist is looked for as well, so that the work is the same.
        account = await self._store.customer_credentials.find(customer_id or CustomerId(uuid4()))
        if account is not None and customer_id is not None:
            attempt.found(account.tenant, customer_id)
        counted = await self._count_attempt(account, customer_id, attempt)
        text = normalize_password(password)
        compared = None if counted is None else counted.password_hash
        if not await self._hashing.matches(text, compared) or counted is None:
            raise SignInRefused
        outdated = self._hashing.is_outdated(counted.password_hash)
        new_hash = await self._hashing.hash(text) if outdated else None

        def accept(found: Credential) -> Credential:
            return found.accept(new_hash) if found.changed_at == counted.changed_at else found

        accepted = await self._store.customer_credentials.update(counted.customer_id, accept)
        if accepted is None or accepted.changed_at != counted.changed_at:
            raise SignInRefused
        attempt.locked = False
        attempt.authenticated(accepted.tenant, accepted.customer_id)
        return accepted

    async def refresh(self, refresh_token: str, origin: Origin = HERE) -> Tokens:
        """Return new tokens for a refresh token, which is used up with it.

        The previous token of the family returns the same next one for some seconds: its answer was lost, or two tabs
        used it at once. Any older token, and the previous one later on, ends the family: it was stolen, or the newest
        one was.

        Raises:
            SignInRefused: the token is not valid.
        """
        with self._audit.attempt("RefreshTokens", origin) as attempt:
            token = RefreshToken.decode(refresh_token)
            if token is None:
                raise SignInRefused
            return await self._refresh(token, attempt)

    async def _refresh(self, token: RefreshToken, attempt: Attempt) -> Tokens:
        await self._tokens.check_ready()  # the token must not be used up without an answer
        now = self._clock()
        successor = RefreshToken(token.family_id, secrets.token_bytes(SECRET_BYTES))
        sealed = seal(_key_of(token), successor.secret, token.family_id.bytes)

        def rotate(found: RefreshFamily) -> RefreshFamily:
            attempt.found(found.tenant, found.customer_id)
            if not found.is_alive(now) or found.is_repetition(token.digest, now):
                return found
            return found.rotate(successor.digest, sealed, now) if found.digest == token.digest else found.end()

        def entry_of_reuse(_ended: RefreshFamily) -> AuditEntry:
            attempt.action = "ReuseRefreshToken"
            return attempt.refused()

        family = await self._store.refresh_families.update(token.family_id, rotate, entry_of_reuse)
        if family is None or not family.is_alive(now) or family.sealed_successor is None:
            raise SignInRefused
        try:
            # It is the token above, or the one that another request with the same token made.
            secret = unseal(_key_of(token), family.sealed_successor, token.family_id.bytes)
        except InvalidTag:
            raise SignInRefused from None
        access_token = await self._tokens.issue(family.tenant, family.customer_id)
        return Tokens(access_token, RefreshToken(token.family_id, secret).encode())

    async def sign_out(self, refresh_token: str, origin: Origin = HERE) -> None:
        """End the family of a refresh token. Do nothing if it is not valid."""
        token = RefreshToken.decode(refresh_token)
        if token is None:
            return
        digest = token.digest

        def end(found: RefreshFamily) -> RefreshFamily:
            return found.end() if digest in (found.digest, found.previous_digest) else found

        with self._audit.attempt("SignOut", origin) as attempt:

            def entry_of_end(ended: RefreshFamily) -> AuditEntry:
                attempt.authenticated(ended.tenant, ended.customer_id)
                return attempt.done()

            await self._store.refresh_families.update(token.family_id, end, entry_of_end)

    async def _count_attempt(
        self, account: Account | None, customer_id: CustomerId | None, attempt: Attempt
    ) -> Credential | None:
        """Count an attempt, before its password is compared. Return None if it is not to be compared."""
        if account is None or account.credential is None or not account.active or customer_id is None:
            return None
        now, locked = self._clock(), False

        def count(found: Credential) -> Credential:
            nonlocal locked
            locked = found.is_locked(now)
            return found if locked else found.count_attempt(now)

        counted = await self._store.customer_credentials.update(customer_id, count)
        attempt.locked = counted is not None and counted.is_locked(now)
        return None if locked else counted

    async def _begin_family(self, credential: Credential) -> Tokens | None:
        now = self._clock()
        token = RefreshToken(uuid4(), secrets.token_bytes(SECRET_BYTES))
        family = RefreshFamily(
            id=token.family_id,
            customer_id=credential.customer_id,
            tenant=credential.tenant,
            created_at=now,
            rotated_at=now,
            digest=token.digest,
        )
        access_token = await self._tokens.issue(credential.tenant, credential.customer_id)
        if not await self._store.refresh_families.add(family, credential):
            return None
        return Tokens(access_token, token.encode())


def _key_of(token: RefreshToken) -> bytes:
    """Return the key that seals the successor of a token: only the token itself leads to it."""
    return hashlib.sha256(b"successor" + token.secret).digest()


@asynccontextmanager
async def even_time(hashing: Hashing, *, always: bool = False) -> AsyncIterator[None]:
    """Take a slot of the hashing, and delay a SignInRefused, or any end, until a multiple of REFUSAL_STEP_SECONDS.

    The steps begin when the slot is had, as the work takes a small part of one then. With the wait for the slot, which
    others can prolong, it could begin just before the next step, and a little more work would end a whole step later.

    Raises:
        Overloaded: at once, if too many wait for a slot already.
    """
    clock = asyncio.get_running_loop().time
    began: float | None = None
    refused = always
    try:
        async with hashing.slot():
            began = clock()
            yield
    except SignInRefused:
        refused = True
        raise
    finally:
        if refused and began is not None:
            spent = clock() - began
            await asyncio.sleep(math.ceil(spent / REFUSAL_STEP_SECONDS) * REFUSAL_STEP_SECONDS - spent)
