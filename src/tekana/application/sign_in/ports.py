"""The operations of sign-in that also go over a bus, as a gateway has none of the data that they need.

A method with a parameter `caller` acts in the name of that caller: over a bus, it is the principal of the message.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from tekana.application.sign_in.contacts import SignInContact
from tekana.application.sign_in.key_ring import PublicKey
from tekana.application.sign_in.passwords import Challenge
from tekana.application.sign_in.sign_in import Tokens
from tekana.domain.audit_log import HERE, Origin
from tekana.domain.caller import MAIN_TENANT, Caller
from tekana.domain.identifiers import CustomerId
from tekana.domain.identities import Identity


class SignInPort(Protocol):
    """Implemented by `SignIn`, which describes the methods."""

    async def sign_in(
        self, contact: SignInContact, password: str, tenant: str = MAIN_TENANT, origin: Origin = HERE
    ) -> Tokens:
        """Return tokens for the customer with this phone number or email."""
        ...

    async def refresh(self, refresh_token: str, origin: Origin = HERE) -> Tokens:
        """Return new tokens for a refresh token."""
        ...

    async def sign_out(self, refresh_token: str, origin: Origin = HERE) -> None:
        """End the family of a refresh token."""
        ...


class PasswordsPort(Protocol):
    """Implemented by `Passwords`, which describes the methods."""

    async def request_code(self, contact: SignInContact, tenant: str = MAIN_TENANT, origin: Origin = HERE) -> Challenge:
        """Send a one-time code."""
        ...

    async def set_by_code(self, challenge_id: UUID, code: str, password: str, origin: Origin = HERE) -> None:
        """Set a password by a one-time code."""
        ...

    async def change(
        self, contact: SignInContact, password: str, new_password: str, tenant: str = MAIN_TENANT, origin: Origin = HERE
    ) -> None:
        """Change a password, with the present one."""
        ...

    async def set_for(self, caller: Caller, customer_id: CustomerId, password: str, origin: Origin = HERE) -> None:
        """Set the password of a customer."""
        ...


class IdentitiesPort(Protocol):
    """Implemented by `CustomerIdentities`, which describes the methods."""

    async def add(
        self, caller: Caller, customer_id: CustomerId, issuer: str, subject: str, origin: Origin = HERE
    ) -> Identity:
        """Link the subject of an issuer with a customer."""
        ...

    async def list(self, caller: Caller, customer_id: CustomerId) -> Sequence[Identity]:
        """Return the links of a customer."""
        ...

    async def remove(self, caller: Caller, customer_id: CustomerId, identity_id: UUID, origin: Origin = HERE) -> None:
        """Remove a link."""
        ...


class CustomerOfToken(NamedTuple):
    """The customer that a valid access token is of, and when the token has to be checked again."""

    tenant: str
    customer_id: CustomerId
    expires_at: datetime


class TokensPort(Protocol):
    """What a gateway needs to verify access tokens."""

    async def public_keys(self) -> Sequence[PublicKey]:
        """Return the keys that verify our own tokens."""
        ...

    async def verify(self, token: str) -> CustomerOfToken | None:
        """Return the customer of a token; None if it is not valid.

        Raises:
            Unavailable: the keys of its issuer cannot be read.
        """
        ...


class SignInPorts(NamedTuple):
    """All of them: at a gateway, those of the services."""

    sign_in: SignInPort
    passwords: PasswordsPort
    identities: IdentitiesPort
    token_service: TokensPort
