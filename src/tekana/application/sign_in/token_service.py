"""The verification of access tokens for gateways: what a service answers, and the checker at a gateway that asks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from tekana.application.sign_in.access_tokens import VerifiedToken
from tekana.application.sign_in.key_ring import PublicKey, PublicKeys
from tekana.application.sign_in.ports import CustomerOfToken, TokensPort
from tekana.application.sign_in.verifier import AccessTokenVerifier
from tekana.domain.caller import customer_caller
from tekana.domain.errors import Unauthenticated
from tekana.domain.identifiers import CustomerId


class TokenService:
    """Implements TokensPort where customers and signing keys are stored.

    Args:
        keys: the keys that verify our own tokens.
        verifier: verifies all access tokens.
    """

    def __init__(self, keys: PublicKeys, verifier: AccessTokenVerifier) -> None:
        self._keys = keys
        self._verifier = verifier

    async def public_keys(self) -> Sequence[PublicKey]:
        """Return the keys that verify our own tokens."""
        return await self._keys.published()

    async def verify(self, token: str) -> CustomerOfToken | None:
        """Return the customer of a token; None if it is not valid."""
        try:
            caller, expires_at = await self._verifier.verify(token)
        except Unauthenticated:
            return None
        return CustomerOfToken(caller.tenant, cast("CustomerId", caller.customer_id), expires_at)


class RemoteChecker:
    """Implements TokenChecker at a gateway: a service checks the token, as it has the issuers and their customers.

    Args:
        service: what checks it.
    """

    def __init__(self, service: TokensPort) -> None:
        self._service = service

    async def verify(self, token: str, header: Mapping[str, object]) -> VerifiedToken:  # noqa: ARG002 - the signature of TokenChecker
        """Check a token. Raises Unauthenticated, or Unavailable if there is no answer."""
        found = await self._service.verify(token)
        if found is None:
            raise Unauthenticated
        return VerifiedToken(customer_caller(found.tenant, found.customer_id), found.expires_at)
