"""Passwords and PINs: the first one, a change that needs the present one, and a reset by a one-time code."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from tekana.application.sign_in.audit_entries import Attempt, SignInAudit
from tekana.application.sign_in.contacts import SignInContact, account_for, find_customer
from tekana.application.sign_in.hashing import Hashing
from tekana.application.sign_in.sign_in import SignIn, even_time
from tekana.domain.audit_log import HERE, Origin
from tekana.domain.caller import MAIN_TENANT, Caller
from tekana.domain.credentials import CODE_DIGITS, CODE_LIFETIME, Credential, OneTimeCode, check_new_password
from tekana.domain.errors import Overloaded, SignInRefused, SignInUnavailable
from tekana.domain.identifiers import CustomerId
from tekana.domain.policy import require_scope
from tekana.ports.clock import Clock
from tekana.ports.message_sender import CodeMessage, MessageSender
from tekana.ports.sign_in_store import Account, SignInStore

MESSAGES_MAX: Final = 1_000
"""Messages that wait for the sender; requests for codes beyond are refused, for everyone alike."""

_SENT_AT_ONCE: Final = 8
_SEND_SECONDS: Final = 30.0

_log = logging.getLogger("tekana.sign_in")


class Challenge(NamedTuple):
    """What a client gets that asked for a code: the id that it presents with the code, and when the code ends."""

    id: UUID
    expires_at: datetime

    def __repr__(self) -> str:
        return "Challenge(…)"


class Passwords:
    """Sets the passwords of customers. A new one ends all their refresh families, and every lock.

    Args:
        store: where credentials and codes are stored.
        sign_in: compares present passwords.
        hashing: hashes new ones.
        clock: the present time.
        audit: makes the entries of the audit log.
        sender: delivers codes; None if this installation sends none.
        new_code: returns a new code.
    """

    def __init__(
        self,
        store: SignInStore,
        sign_in: SignIn,
        hashing: Hashing,
        clock: Clock,
        audit: SignInAudit,
        sender: MessageSender | None,
        *,
        new_code: Callable[[], str] = lambda: f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}",
    ) -> None:
        self._store = store
        self._sign_in = sign_in
        self._hashing = hashing
        self._clock = clock
        self._audit = audit
        self.sender = sender
        self._new_code = new_code
        self._sending: set[asyncio.Task[None]] = set()
        self._at_once = asyncio.Semaphore(_SENT_AT_ONCE)

    async def request_code(self, contact: SignInContact, tenant: str = MAIN_TENANT, origin: Origin = HERE) -> Challenge:
        """Send a one-time code to a phone number or email, if it is that of an active customer.

        The answer and its time are the same if it is not, or if the customer was sent too many codes.

        Raises:
            SignInUnavailable: this installation sends no codes.
            Overloaded: too many requests at once.
        """
        if self.sender is None:
            raise SignInUnavailable("this installation sends no codes: the setting message_sender is not given")
        if len(self._sending) >= MESSAGES_MAX:
            raise Overloaded("too many codes are waiting to be sent: try again later")
        async with even_time(self._hashing, always=True):
            with self._audit.attempt("RequestCode", origin) as attempt:
                return await self._request_code(contact, tenant, self.sender, attempt)

    async def _request_code(
        self, contact: SignInContact, tenant: str, sender: MessageSender, attempt: Attempt
    ) -> Challenge:
        now, code = self._clock(), self._new_code()
        customer_id = await find_customer(self._store.customer_credentials, contact, tenant)
        account = await self._store.customer_credentials.find(customer_id or CustomerId(uuid4()))
        code_hash = await self._hashing.hash(code)
        challenge = Challenge(uuid4(), now + CODE_LIFETIME)
        if account is not None and customer_id is not None:
            attempt.found(tenant, customer_id)
            if account.active:
                stored = OneTimeCode(
                    id=challenge.id, customer_id=customer_id, tenant=tenant, code_hash=code_hash, created_at=now
                )
                if await self._store.one_time_codes.add(stored, attempt.done()):
                    message = CodeMessage(tenant, contact.channel, contact.value, code, challenge.expires_at)
                    self._send(sender, message)
                    return challenge
        attempt.note_refusal()
        return challenge

    async def set_by_code(self, challenge_id: UUID, code: str, password: str, origin: Origin = HERE) -> None:
        """Set the first or a new password of the customer to whom a code was sent.

        Raises:
            InvalidRequest: the password is too weak; the code was not compared.
            SignInRefused: the code is not right, was used, has ended, or had too many attempts.
            Overloaded: too many requests at once; nothing was counted.
        """
        text = check_new_password("password", password)
        async with even_time(self._hashing):
            with self._audit.attempt("ResetPassword", origin) as attempt:
                await self._set_by_code(challenge_id, code, text, attempt)

    async def _set_by_code(self, challenge_id: UUID, code: str, text: str, attempt: Attempt) -> None:
        now, usable = self._clock(), False

        def count(found: OneTimeCode) -> OneTimeCode:
            nonlocal usable
            attempt.found(found.tenant, found.customer_id)
            usable = found.is_usable(now)
            return found.count_attempt() if usable else found

        counted = await self._store.one_time_codes.update(challenge_id, count)
        compared = counted.code_hash if counted is not None and usable else None
        if not await self._hashing.matches(code, compared) or counted is None:
            raise SignInRefused
        account = await self._store.customer_credentials.find(counted.customer_id)
        if account is None or not account.active:
            raise SignInRefused
        attempt.authenticated(account.tenant, counted.customer_id)
        credential = await self._new_credential(counted.customer_id, account, text)
        if not await self._store.customer_credentials.replace(credential, attempt.done(), counted.id):
            raise SignInRefused

    async def change(
        self,
        contact: SignInContact,
        password: str,
        new_password: str,
        tenant: str = MAIN_TENANT,
        origin: Origin = HERE,
    ) -> None:
        """Change a password, with the present one. All devices have to sign in again.

        Raises:
            InvalidRequest: the new password is too weak.
            SignInRefused, Overloaded: as for SignIn.sign_in.
        """
        text = check_new_password("new_password", new_password)
        async with even_time(self._hashing):
            with self._audit.attempt("ChangePassword", origin) as attempt:
                found = await self._sign_in.verify_password(contact, password, tenant, attempt)
                account = Account(found.tenant, active=True, credential=found)
                credential = await self._new_credential(found.customer_id, account, text)
                if not await self._store.customer_credentials.replace(credential, attempt.done(), compared=found):
                    raise SignInRefused  # a new password, in between

    async def set_for(self, caller: Caller, customer_id: CustomerId, password: str, origin: Origin = HERE) -> None:
        """Set the password of a customer, for a partner or operator who has established who they are.

        Raises:
            Forbidden: the caller lacks the scope customers:write.
            InvalidRequest: the password is too weak.
            CustomerNotFound: there is no such customer that the caller has access to.
            CustomerNotActive: the customer is suspended or closed.
        """
        with self._audit.attempt("SetPassword", origin, caller, customer_id) as attempt:
            require_scope(caller, "customers:write")
            text = check_new_password("password", password)
            account = await account_for(caller, self._store.customer_credentials, customer_id, active=True)
            attempt.found(account.tenant, customer_id)
            async with self._hashing.slot():
                credential = await self._new_credential(customer_id, account, text)
                await self._store.customer_credentials.replace(credential, attempt.done())

    async def stop(self) -> None:
        """Wait for the messages that are being sent, and release the sender."""
        if self._sending:
            await asyncio.wait(self._sending)
        if self.sender is not None:
            await self.sender.stop()

    async def _new_credential(self, customer_id: CustomerId, account: Account, text: str) -> Credential:
        password_hash = await self._hashing.hash(text)
        return Credential(
            customer_id=customer_id, tenant=account.tenant, password_hash=password_hash, changed_at=self._clock()
        )

    def _send(self, sender: MessageSender, message: CodeMessage) -> None:
        """Send a message in the background, so that the answer does not take longer for those who get one."""
        task = asyncio.create_task(self._deliver(sender, message), name="one-time code")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _deliver(self, sender: MessageSender, message: CodeMessage) -> None:
        try:
            async with self._at_once, asyncio.timeout(_SEND_SECONDS):
                await sender.send(message)
        except Exception as error:
            _log.warning("a one-time code was not sent by %s: %s", message.channel, type(error).__name__)
