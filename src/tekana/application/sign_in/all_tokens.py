"""All tokens of requests: API keys and access tokens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tekana.application.authentication import ApiKeyTokens, Verified
from tekana.application.authentication.key_text import PREFIX
from tekana.domain.errors import Unauthenticated
from tekana.ports.clock import Clock

if TYPE_CHECKING:  # its libraries are loaded where customers sign in
    from tekana.application.sign_in.verifier import AccessTokenVerifier


class AllTokens:
    """Implements tekana.application.authentication.TokenVerifier for API keys and access tokens, by their beginning.

    Args:
        keys: verifies API keys.
        access_tokens: verifies access tokens; None where customers do not sign in.
        clock: the present time; the system's if None.
    """

    def __init__(self, keys: ApiKeyTokens, access_tokens: AccessTokenVerifier | None, clock: Clock | None) -> None:
        self._keys = keys
        self._access_tokens = access_tokens
        self._clock: Clock = clock or (lambda: datetime.now(UTC))

    async def verify(self, token: str) -> Verified | None:
        """Return the caller of a token; None if it is not valid."""
        if token.startswith(PREFIX) or self._access_tokens is None:
            return await self._keys.verify(token)
        try:
            found = await self._access_tokens.verify(token)
        except Unauthenticated:
            return None
        return Verified(found.caller, (found.expires_at - self._clock()).total_seconds())
