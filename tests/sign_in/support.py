"""A whole sign-in on a store, with a clock that tests set and messages that they read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from uuid_utils.compat import uuid7

from tekana.application import PostingEngine, Session, Tekana
from tekana.application.audit_recorder import AuditRecorder
from tekana.application.secrets.data_keys import DataKeys
from tekana.application.sign_in.access_tokens import AccessTokens
from tekana.application.sign_in.audit_entries import SignInAudit
from tekana.application.sign_in.contacts import SignInContact
from tekana.application.sign_in.hashing import Hashing
from tekana.application.sign_in.key_ring import KeyRing
from tekana.application.sign_in.passwords import Passwords
from tekana.application.sign_in.sign_in import SignIn
from tekana.application.sign_in.verifier import AccessTokenVerifier
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.customer import Customer
from tekana.ports.message_sender import CodeMessage
from tekana.testing.builders import RWF, person, readable_secret
from tekana.testing.clock import FrozenClock
from tekana_keyfile import MemoryKeys
from tekana_memory import MemoryStore
from tekana_memory.message_sender import MemoryMessageSender

ISSUER, AUDIENCE = "https://wallet.example", "wallet-api"
PASSWORD, PIN = "correct horse battery", "739184"


@dataclass
class World:
    """The parts of a running sign-in."""

    store: Any
    app: Session
    clock: FrozenClock
    hashing: Hashing
    data_keys: DataKeys
    key_ring: KeyRing
    tokens: AccessTokens
    sign_in: SignIn
    passwords: Passwords
    verifier: AccessTokenVerifier
    sender: MemoryMessageSender
    audit: SignInAudit
    recorder: AuditRecorder

    async def register(self, password: str | None = PASSWORD, **changes: Any) -> Customer:
        """Register a customer, with a password."""
        customer = (await self.app.execute(person(**changes))).customer
        if password is not None:
            await self.passwords.set_for(LOCAL_OPERATOR, customer.id, password)
        return customer

    def message(self) -> str:
        """Return the code of the last message."""
        return self.sender.messages[-1].code


def messages_of(app: Tekana | Session) -> list[CodeMessage]:
    """Return the messages of an application with `message_sender="memory://"`."""
    assert isinstance(app.sign_in.passwords.sender, MemoryMessageSender)
    return app.sign_in.passwords.sender.messages


def phone_of(customer: Customer) -> SignInContact:
    """Return the customer's phone number, to sign in with."""
    return SignInContact("phone_number", customer.phone_number)


@asynccontextmanager
async def sign_in_world(
    store: Any = None, *, clock: FrozenClock | None = None, key_provider: Any = None, **hashing: Any
) -> AsyncIterator[World]:
    """Run an application with sign-in. Hashes are cheap unless a test says otherwise."""
    clock = clock or FrozenClock()
    store = store or MemoryStore(clock=clock)
    hasher = Hashing(**({"iterations": 1, "memory_kib": 64} | hashing))
    data_keys = DataKeys(store, key_provider or MemoryKeys(), uuid7)
    recorder = AuditRecorder(store.audit_records, uuid7)
    audit = SignInAudit(recorder, clock, uuid7)
    ring = KeyRing(store.signing_keys, data_keys, clock, audit)
    tokens = AccessTokens(ring, ISSUER, AUDIENCE, clock)
    sign_in, sender = SignIn(store, tokens, hasher, clock, audit), MemoryMessageSender()
    passwords = Passwords(store, sign_in, hasher, clock, audit, sender)
    engine = PostingEngine(store.begin, uuid7, default_currency=RWF, new_secret=readable_secret)
    engine.start()
    app = Tekana(store, engine).as_caller(LOCAL_OPERATOR)
    verifier = AccessTokenVerifier(tokens, (), clock)
    try:
        yield World(
            store, app, clock, hasher, data_keys, ring, tokens, sign_in, passwords, verifier, sender, audit, recorder
        )
    finally:
        await passwords.stop()
        hasher.stop()
        await engine.stop()
        await recorder.stop()
