"""Which customer an access token is of: one of our own, or of an outside issuer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import jwt

from tekana.application.authentication.authenticator import TOKEN_LENGTH_MAX
from tekana.application.sign_in.access_tokens import OwnTokenChecker, VerifiedToken
from tekana.domain.errors import Unauthenticated
from tekana.ports.clock import Clock

CACHED_MAX: Final = 20_000


class TokenChecker(Protocol):
    """Checks tokens."""

    async def verify(self, token: str, header: Mapping[str, object]) -> VerifiedToken:
        """Check a token. Raises Unauthenticated."""
        ...


class IssuerChecker(TokenChecker, Protocol):
    """Checks the tokens of one issuer."""

    issuer: str


class AccessTokenVerifier:
    """Verifies access tokens. A verified one is kept, by its digest, until it expires.

    Nothing is looked up for one of our own: after sign-out, suspension or closing it is valid until it expires. What
    a suspended or closed customer may do then is decided by the wallets, which move no money.

    Args:
        tokens: checks our own tokens.
        outside: the checkers of outside issuers.
        clock: the present time.
        others: checks the tokens of all other issuers; None refuses them.
    """

    def __init__(
        self,
        tokens: OwnTokenChecker,
        outside: Sequence[IssuerChecker],
        clock: Clock,
        others: TokenChecker | None = None,
    ) -> None:
        checkers: list[IssuerChecker] = [*outside, tokens]
        self._checkers: dict[str, TokenChecker] = {one.issuer: one for one in checkers}
        self._others = others
        self._clock = clock
        self._verified: dict[bytes, VerifiedToken] = {}

    async def verify(self, token: str) -> VerifiedToken:
        """Return the caller of a token, and when the token has to be checked again.

        Raises:
            Unauthenticated: the same for everything that can be wrong with it.
            Unavailable: the keys of its issuer cannot be read.
        """
        if len(token) > TOKEN_LENGTH_MAX:
            raise Unauthenticated
        digest = _digest(token)
        found = self._verified.get(digest)
        if found is not None and found.expires_at > self._clock():
            return found
        header, checker = self._parse(token)
        verified = await checker.verify(token, header)
        while len(self._verified) >= CACHED_MAX:
            del self._verified[next(iter(self._verified))]  # the oldest
        self._verified[digest] = verified
        return verified

    def _parse(self, token: str) -> tuple[Mapping[str, object], TokenChecker]:
        """Return the header of a token, and the checker of the issuer that it names. Nothing is trusted yet."""
        try:
            parsed = jwt.decode_complete(token, options={"verify_signature": False})
            issuer = parsed["payload"].get("iss")
        except Exception:
            raise Unauthenticated from None
        checker = self._checkers.get(issuer, self._others) if isinstance(issuer, str) else None
        if checker is None:
            raise Unauthenticated
        return parsed["header"], checker


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
