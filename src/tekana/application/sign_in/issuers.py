"""Outside OpenID Connect issuers: their settings, their published keys, and the customers that their subjects are."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import jwt
import msgspec

from tekana.application.commands.customers.validation import normal_phone_number
from tekana.application.sign_in.access_tokens import VerifiedToken, decode, expiry_of
from tekana.application.sign_in.contacts import SignInContact, find_customer, is_storable
from tekana.domain.caller import MAIN_TENANT, customer_caller
from tekana.domain.errors import InvalidRequest, Unauthenticated, Unavailable, invalid
from tekana.domain.identifiers import CustomerId
from tekana.ports.clock import Clock
from tekana.ports.key_set_reader import KeySetReader, Unreadable
from tekana.ports.sign_in_store import SignInStore

RELOAD_SECONDS: Final = 600.0
"""How old the keys of an issuer get before they are read again."""

UNKNOWN_KEY_RELOAD_SECONDS: Final = 60.0
"""How often an unknown key, or a failure to read, has them read again."""

LOOKED_UP_FOR: Final = timedelta(minutes=5)
"""How long a token is valid before its customer is looked up again: to be linked, and not suspended."""

KEYS_MAX: Final = 100
_REQUIRED: Final = ["exp", "iat", "iss", "aud", "sub"]

ALGORITHMS: Final = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
)
"""What an issuer may sign with: signatures alone, no shared secrets, and never none."""

_log = logging.getLogger("tekana.sign_in")


class Issuer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An outside issuer, as the operator trusts it.

    Attributes:
        issuer: the exact `iss` of its tokens.
        audience: what the `aud` of its tokens must contain.
        algorithms: the algorithms that its tokens may be signed with.
        jwks_url: where its keys are; None reads the address from `<issuer>/.well-known/openid-configuration`.
        customer_claim: the claim with the customer's id or verified phone number; None: the subject is linked with a
            customer beforehand.
        tenant: the tenant whose customers they are.
    """

    issuer: str
    audience: str
    algorithms: tuple[str, ...] = ("RS256",)
    jwks_url: str | None = None
    customer_claim: str | None = None
    tenant: str = MAIN_TENANT

    def __post_init__(self) -> None:
        if not self.issuer or not self.audience:
            raise invalid("outside_issuers", "must have an issuer and an audience each")
        if not self.algorithms or not ALGORITHMS.issuperset(self.algorithms):
            raise invalid("outside_issuers", f"may have the algorithms {', '.join(sorted(ALGORITHMS))} only")
        if not is_safe_url(self.jwks_url or self.issuer):
            raise invalid("outside_issuers", "must have URLs with https://, or with http:// and a loopback address")


def is_safe_url(url: str) -> bool:
    """Return whether a URL is https, or http at a loopback address."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    try:
        return parts.scheme == "http" and ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def read_issuers(text: bytes) -> Sequence[Issuer]:
    """Read the issuers of a file in JSON. Raises InvalidRequest if it is not a list of issuers."""
    try:
        found = msgspec.json.decode(text, type=list[Issuer])
    except msgspec.ValidationError as error:
        cause = error.__cause__
        raise cause if isinstance(cause, InvalidRequest) else invalid("outside_issuers", str(error)) from None
    except msgspec.DecodeError:
        raise invalid("outside_issuers", "must be a file with a list of issuers in JSON") from None
    if len({one.issuer for one in found}) != len(found):
        raise invalid("outside_issuers", "must name each issuer once")
    return found


class IssuerKeys:
    """The published keys of an issuer: read when they are needed first, when they are old, or a key is unknown.

    Args:
        issuer: the issuer.
        reader: reads them.
    """

    def __init__(self, issuer: Issuer, reader: KeySetReader) -> None:
        self._issuer = issuer
        self._reader = reader
        self._reading = asyncio.Lock()
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None

    async def find(self, kid: str) -> jwt.PyJWK | None:
        """Return the key of this id; None if the issuer has none.

        Raises:
            Unavailable: its keys were never read, and cannot be read now.
        """
        is_known = kid in self._keys
        if not is_known or (_is_older(self._read_at, RELOAD_SECONDS) and not self._reading.locked()):
            await self._read()
        if self._read_at is None:
            raise Unavailable("the keys of the token's issuer cannot be read")
        return self._keys.get(kid)

    async def _read(self) -> None:
        """Read the keys, or wait while another task does. Keys that were read stay if it fails."""
        async with self._reading:
            if not _is_older(self._tried_at, UNKNOWN_KEY_RELOAD_SECONDS):
                return
            try:
                self._keys = _keys_of(await self._reader.read(await self._jwks_url()))
                self._read_at = time.monotonic()
            except (Unreadable, msgspec.DecodeError, jwt.PyJWTError) as error:
                reason = str(error) if isinstance(error, Unreadable) else "it holds no keys"
                _log.warning("the keys of the issuer %s cannot be read: %s", self._issuer.issuer, reason)
            finally:
                self._tried_at = time.monotonic()

    async def _jwks_url(self) -> str:
        if self._issuer.jwks_url is not None:
            return self._issuer.jwks_url
        url = f"{self._issuer.issuer.rstrip('/')}/.well-known/openid-configuration"
        found = msgspec.json.decode(await self._reader.read(url), type=dict[str, Any])
        jwks_url = found.get("jwks_uri")
        if found.get("issuer") != self._issuer.issuer or not isinstance(jwks_url, str) or not is_safe_url(jwks_url):
            raise Unreadable("its configuration is of another issuer, or has no safe jwks_uri")
        return jwks_url


def _is_older(moment: float | None, seconds: float) -> bool:
    return moment is None or time.monotonic() - moment >= seconds


def _keys_of(document: bytes) -> dict[str, jwt.PyJWK]:
    found = msgspec.json.decode(document, type=dict[str, Any]).get("keys")
    if not isinstance(found, list) or len(found) > KEYS_MAX:
        raise Unreadable("its key set is malformed")
    keys = jwt.PyJWKSet([one for one in found if _can_sign(one)]).keys  # without those that PyJWT does not know
    return {one.key_id: one for one in keys if one.key_id is not None}


def _can_sign(key: object) -> bool:
    """Return whether a key is named, and may sign; PyJWT fails for an `alg` that is no text."""
    if not isinstance(key, dict) or key.get("use", "sig") != "sig":
        return False
    return isinstance(key.get("kid"), str) and isinstance(key.get("alg"), str | None)


class OutsideTokens:
    """Checks the tokens of one outside issuer.

    Args:
        issuer: the issuer.
        store: where identities and customers are.
        reader: reads the keys.
        clock: the present time.
    """

    def __init__(self, issuer: Issuer, store: SignInStore, reader: KeySetReader, clock: Clock) -> None:
        self.issuer = issuer.issuer
        self._issuer = issuer
        self._store = store
        self._keys = IssuerKeys(issuer, reader)
        self._clock = clock

    async def verify(self, token: str, header: Mapping[str, Any]) -> VerifiedToken:
        """Check a token whose header was parsed, and find its customer.

        Raises:
            Unauthenticated: anything is wrong with it, or it is of no active customer.
            Unavailable: the keys of the issuer were never read, or the store cannot be reached.
        """
        kid, algorithm = header.get("kid"), header.get("alg")
        if not isinstance(kid, str) or algorithm not in self._issuer.algorithms:
            raise Unauthenticated
        key = await self._keys.find(kid)
        if key is None or not _fits(key, algorithm):
            raise Unauthenticated
        now = self._clock()
        claims = decode(
            token, key.key, [algorithm], self._issuer.issuer, self._issuer.audience, now, required=_REQUIRED
        )
        customer_id = await self._customer_of(claims)
        account = None if customer_id is None else await self._store.customer_credentials.find(customer_id)
        if customer_id is None or account is None or not account.active or account.tenant != self._issuer.tenant:
            raise Unauthenticated
        return VerifiedToken(customer_caller(account.tenant, customer_id), min(expiry_of(claims), now + LOOKED_UP_FOR))

    async def _customer_of(self, claims: Mapping[str, Any]) -> CustomerId | None:
        tenant, name = self._issuer.tenant, self._issuer.customer_claim
        if name is None:
            subject = claims["sub"]
            if not isinstance(subject, str) or not is_storable(subject):
                return None
            return await self._store.identities.find(tenant, self._issuer.issuer, subject)
        value = claims.get(name)
        if not isinstance(value, str):
            return None
        try:
            return CustomerId(UUID(value))
        except ValueError:
            pass
        try:
            contact = SignInContact("phone_number", normal_phone_number(value))
        except InvalidRequest:
            return None
        return await find_customer(self._store.customer_credentials, contact, tenant)


def _fits(key: jwt.PyJWK, algorithm: str) -> bool:
    """Return whether a key may have signed with an algorithm: that of its kind, and the one it names, if any."""
    families = {"RSA": ("RS", "PS"), "EC": ("ES",), "OKP": ("Ed",)}
    named = key._jwk_data.get("alg")  # noqa: SLF001 - PyJWT fills the public property with a default
    return algorithm.startswith(families.get(key.key_type or "", ())) and named in (None, algorithm)
