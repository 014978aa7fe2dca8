"""Access tokens: what our own contain, and how they are checked. They are JWTs of RFC 9068, signed with Ed25519."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

import jwt

from tekana.application.sign_in.key_ring import KeyRing, PublicKeys
from tekana.domain.caller import Caller, customer_caller
from tekana.domain.errors import Unauthenticated
from tekana.domain.identifiers import CustomerId
from tekana.ports.clock import Clock

LIFETIME: Final = timedelta(minutes=10)
"""At most fifteen minutes: a token is not looked up, so it is valid for this long after sign-out or suspension."""

SKEW: Final = timedelta(seconds=60)
ALGORITHM: Final = "EdDSA"
_TYPE: Final = "at+jwt"
_REQUIRED: Final = ["exp", "iat", "nbf", "iss", "aud", "sub", "jti"]


class VerifiedToken(NamedTuple):
    """A valid token: its caller, and the time from which on it is not valid any more."""

    caller: Caller
    expires_at: datetime


class OwnTokenChecker:
    """Checks our own access tokens.

    Args:
        keys: the keys that verify them.
        issuer: the `iss` of all tokens.
        audience: the `aud` of all tokens.
        clock: the present time.
    """

    def __init__(self, keys: PublicKeys, issuer: str, audience: str, clock: Clock) -> None:
        self.issuer = issuer
        self._keys = keys
        self._audience = audience
        self._clock = clock

    async def verify(self, token: str, header: Mapping[str, Any]) -> VerifiedToken:
        """Check a token whose header was parsed. Raises Unauthenticated if anything is wrong with it."""
        kid = header.get("kid")
        if header.get("typ") != _TYPE or not isinstance(kid, str):
            raise Unauthenticated
        key = await self._keys.public_key(kid)
        if key is None:
            raise Unauthenticated
        claims = decode(
            token, key, [ALGORITHM], self.issuer, self._audience, self._clock(), required=_REQUIRED, strict=True
        )
        try:
            caller = customer_caller(_text(claims["tenant"]), CustomerId(UUID(_text(claims["customer_id"]))))
        except (KeyError, ValueError):
            raise Unauthenticated from None
        if claims["sub"] != caller.subject:
            raise Unauthenticated
        return VerifiedToken(caller, expiry_of(claims))

    async def jwks(self) -> dict[str, Any]:
        """Return the public keys as a JSON Web Key Set (RFC 7517, RFC 8037)."""
        return {
            "keys": [
                {
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "use": "sig",
                    "alg": ALGORITHM,
                    "kid": one.kid,
                    "x": _base64(one.value),
                }
                for one in await self._keys.published()
            ]
        }


class AccessTokens(OwnTokenChecker):
    """Issues and checks our own access tokens.

    Args:
        keys: the signing keys.
        issuer, audience, clock: as for OwnTokenChecker.
    """

    def __init__(self, keys: KeyRing, issuer: str, audience: str, clock: Clock) -> None:
        super().__init__(keys, issuer, audience, clock)
        self._key_ring = keys

    async def check_ready(self) -> None:
        """Read the key that signs at present. Raises Unavailable if it cannot be read."""
        await self._key_ring.signer()

    async def issue(self, tenant: str, customer_id: CustomerId) -> str:
        """Return a token of a customer."""
        signer, now = await self._key_ring.signer(), int(self._clock().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": self._audience,
            "sub": customer_caller(tenant, customer_id).subject,
            "iat": now,
            "nbf": now,
            "exp": now + int(LIFETIME.total_seconds()),
            "jti": str(uuid4()),
            "tenant": tenant,
            "customer_id": str(customer_id),
        }
        return jwt.encode(claims, signer.private_key, ALGORITHM, headers={"kid": signer.kid, "typ": _TYPE})


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def _text(value: object) -> str:
    """Return a claim that is a text. Raises ValueError for anything else."""
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def decode(
    token: str,
    key: Any,
    algorithms: list[str],
    issuer: str,
    audience: str,
    now: datetime,
    *,
    required: list[str],
    strict: bool = False,
) -> dict[str, Any]:
    """Check the signature, the issuer, the audience and the times of a token, and return its claims.

    Raises:
        Unauthenticated: anything is wrong with it; never with a reason.
    """
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=algorithms,
            issuer=issuer,
            audience=audience,
            # Times are checked below, by the clock of the application.
            options={
                "require": required,
                "strict_aud": strict,
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
        times = {name: _number(claims[name]) for name in ("exp", "nbf", "iat") if name in claims}
    except Exception:
        raise Unauthenticated from None
    seconds, skew = now.timestamp(), SKEW.total_seconds()
    if seconds >= times["exp"] + skew or any(times[name] > seconds + skew for name in ("nbf", "iat") if name in times):
        raise Unauthenticated
    return claims


def _number(value: object) -> float:
    """Return a time of a token. Raises ValueError for what is no JSON number of a time."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise ValueError
    return value


def expiry_of(claims: Mapping[str, Any]) -> datetime:
    """Return the time of `exp`, with the skew that is tolerated."""
    return datetime.fromtimestamp(claims["exp"], UTC) + SKEW
