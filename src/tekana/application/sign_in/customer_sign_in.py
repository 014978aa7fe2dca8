"""The whole sign-in of customers: its parts, built for a store or a gateway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from tekana.application.audit_recorder import AuditRecorder
from tekana.application.secrets.data_keys import DataKeys
from tekana.application.sign_in.access_tokens import AccessTokens, OwnTokenChecker
from tekana.application.sign_in.audit_entries import SignInAudit
from tekana.application.sign_in.hashing import Hashing
from tekana.application.sign_in.identities import CustomerIdentities
from tekana.application.sign_in.issuers import Issuer, OutsideTokens
from tekana.application.sign_in.key_ring import KeyRing, PublicKeys
from tekana.application.sign_in.passwords import Passwords
from tekana.application.sign_in.ports import IdentitiesPort, PasswordsPort, SignInPort, SignInPorts, TokensPort
from tekana.application.sign_in.sign_in import SignIn
from tekana.application.sign_in.token_service import RemoteChecker, TokenService
from tekana.application.sign_in.verifier import AccessTokenVerifier
from tekana.domain.errors import invalid
from tekana.ports.clock import Clock, NewId
from tekana.ports.key_set_reader import KeySetReader
from tekana.ports.message_sender import MessageSender
from tekana.ports.sign_in_store import SignInStore


@dataclass(frozen=True, slots=True)
class CustomerSignIn:
    """The parts of sign-in.

    Attributes:
        sign_in: signs in, refreshes and signs out.
        passwords: sets passwords.
        identities: links customers with subjects of outside issuers.
        token_service: what gateways ask about tokens.
        tokens: checks our own access tokens, and publishes their keys.
        verifier: finds the customer of an access token.
    """

    sign_in: SignInPort
    passwords: PasswordsPort
    identities: IdentitiesPort
    token_service: TokensPort
    tokens: OwnTokenChecker
    verifier: AccessTokenVerifier

    async def stop(self) -> None:
        """Release all resources."""


@dataclass(frozen=True, slots=True)
class StoredSignIn(CustomerSignIn):
    """The parts of sign-in on a store.

    Attributes:
        hashing: the threads that hash.
        reader: reads the keys of outside issuers; None without any.
    """

    passwords: Passwords
    hashing: Hashing
    reader: KeySetReader | None

    async def stop(self) -> None:
        """Wait for messages that are being sent, and release all resources."""
        await self.passwords.stop()
        self.hashing.stop()
        if self.reader is not None:
            await self.reader.stop()


class TokenSettings(NamedTuple):
    """Which access tokens are issued and accepted.

    Attributes:
        issuer: the `iss` of our own tokens.
        audience: the `aud` of our own tokens.
        outside: the outside issuers whose tokens are accepted.
    """

    issuer: str
    audience: str
    outside: Sequence[Issuer] = ()


def build_sign_in(
    store: SignInStore,
    data_keys: DataKeys,
    settings: TokenSettings,
    *,
    sender: MessageSender | None,
    reader: KeySetReader | None,
    clock: Clock | None,
    new_id: NewId,
    audit_recorder: AuditRecorder,
) -> StoredSignIn:
    """Build the parts of sign-in on a store. Nothing is started.

    Args:
        store: where everything is stored.
        data_keys: encrypt the private keys.
        settings: which access tokens are issued and accepted.
        sender: delivers one-time codes; None if this installation sends none.
        reader: reads the keys of outside issuers; None if there are none.
        clock: the present time; the system's if None.
        new_id: returns a new id.
        audit_recorder: records what is refused.

    Raises:
        InvalidRequest: an outside issuer has the name of our own.
    """
    if any(one.issuer == settings.issuer for one in settings.outside):
        raise invalid("outside_issuers", "must not name the issuer of our own tokens, which is token_issuer")
    now: Clock = clock or (lambda: datetime.now(UTC))
    hashing = Hashing()
    audit = SignInAudit(audit_recorder, now, new_id)
    key_ring = KeyRing(store.signing_keys, data_keys, now, audit)
    tokens = AccessTokens(key_ring, settings.issuer, settings.audience, now)
    sign_in = SignIn(store, tokens, hashing, now, audit)
    outside = () if reader is None else [OutsideTokens(one, store, reader, now) for one in settings.outside]
    verifier = AccessTokenVerifier(tokens, outside, now)
    return StoredSignIn(
        sign_in=sign_in,
        passwords=Passwords(store, sign_in, hashing, now, audit, sender),
        identities=CustomerIdentities(store, now, new_id, audit),
        token_service=TokenService(key_ring, verifier),
        tokens=tokens,
        verifier=verifier,
        hashing=hashing,
        reader=reader,
    )


def build_remote_sign_in(ports: SignInPorts, settings: TokenSettings, *, clock: Clock | None) -> CustomerSignIn:
    """Build the parts of sign-in at a gateway. Nothing is started.

    Our own tokens are verified here, with the public keys of the service; those of other issuers by the service.

    Args:
        ports: send operations to the service.
        settings: which of our own access tokens are accepted; the service has the outside issuers.
        clock: the present time; the system's if None.
    """
    now: Clock = clock or (lambda: datetime.now(UTC))
    service = ports.token_service
    tokens = OwnTokenChecker(PublicKeys(service.public_keys), settings.issuer, settings.audience, now)
    return CustomerSignIn(*ports, tokens=tokens, verifier=AccessTokenVerifier(tokens, (), now, RemoteChecker(service)))
