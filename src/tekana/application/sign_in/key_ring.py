"""The keys that sign access tokens: made, loaded, published and removed in time."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tekana.application.secrets.data_keys import DataKeys
from tekana.application.sign_in.audit_entries import SignInAudit
from tekana.application.sign_in.sealing import seal, unseal
from tekana.domain.errors import Unavailable
from tekana.domain.signing_keys import SigningKey, period_of, published_periods
from tekana.ports.clock import Clock
from tekana.ports.data_keys import DataKeyId
from tekana.ports.sign_in_store import SigningKeys

RELOAD_SECONDS: Final = 60.0
UNKNOWN_KEY_RELOAD_SECONDS: Final = 5.0

PURPOSE: Final = "signing-keys"
"""The purpose of the data key that encrypts private keys."""

_ID_BYTES: Final = 16

_log = logging.getLogger("tekana.sign_in")


class Signer(NamedTuple):
    """The key that signs at present."""

    kid: str
    private_key: Ed25519PrivateKey


class PublicKey(NamedTuple):
    """A key that verifies tokens: its id, and the 32 bytes of an Ed25519 key."""

    kid: str
    value: bytes


class PublicKeys:
    """The keys that verify tokens, loaded once a minute, and when a token has an unknown one.

    Args:
        load: returns them.
    """

    def __init__(self, load: Callable[[], Awaitable[Sequence[PublicKey]]]) -> None:
        self._load_keys = load
        self._loading = asyncio.Lock()
        self._loaded_at: float | None = None
        self._published: Sequence[PublicKey] = ()
        self._public: dict[str, Ed25519PublicKey] = {}

    async def public_key(self, kid: str) -> Ed25519PublicKey | None:
        """Return the published key of this id; None if there is none. An unknown id has the keys loaded again."""
        await self._load(RELOAD_SECONDS)
        if kid not in self._public:
            await self._load(UNKNOWN_KEY_RELOAD_SECONDS)
        return self._public.get(kid)

    async def published(self) -> Sequence[PublicKey]:
        """Return the keys that verify tokens."""
        await self._load(RELOAD_SECONDS)
        return self._published

    async def _load(self, age_seconds: float) -> None:
        if self._is_loaded(age_seconds):
            return
        async with self._loading:
            if self._is_loaded(age_seconds):
                return
            self._published = await self._load_keys()
            self._public = {kid: Ed25519PublicKey.from_public_bytes(value) for kid, value in self._published}
            self._loaded_at = time.monotonic()

    def _is_loaded(self, age_seconds: float) -> bool:
        return self._loaded_at is not None and time.monotonic() - self._loaded_at < age_seconds


class KeyRing(PublicKeys):
    """The signing keys of the store. Every process makes missing ones; the store keeps one each.

    Args:
        keys: where they are stored.
        data_keys: the data keys, one of which encrypts the private ones.
        clock: the present time.
        audit: makes the entries of the audit log.
    """

    def __init__(self, keys: SigningKeys, data_keys: DataKeys, clock: Clock, audit: SignInAudit) -> None:
        super().__init__(self._load_or_make)
        self._keys = keys
        self._data_keys = data_keys
        self._clock = clock
        self._audit = audit
        self._stored: Sequence[SigningKey] = ()
        self._signers: dict[int, Signer] = {}

    async def signer(self) -> Signer:
        """Return the key that signs at present."""
        await self._load(RELOAD_SECONDS)
        period = period_of(self._clock())
        signer = self._signers.get(period)
        if signer is None:
            key = next((one for one in self._stored if one.period == period), None)
            if key is None:  # the period began since the keys were loaded
                await self._load(0)
                key = next(one for one in self._stored if one.period == period)
            signer = Signer(key.kid, await self._private_key(key))
            self._signers = {period: signer}
        return signer

    async def _load_or_make(self) -> Sequence[PublicKey]:
        wanted = published_periods(self._clock())
        found = await self._keys.list()
        missing = set(wanted) - {one.period for one in found}
        missing.discard(wanted.start if wanted.start < period_of(self._clock()) else -1)  # signs no more
        if missing:
            for period in sorted(missing):
                key = await self._new_key(period)
                await self._keys.add(key, self._audit.signing_key_added(key))
            await self._keys.remove(wanted.start)
            found = await self._keys.list()
            _log.info("signing keys added: %d", len(missing))
        self._stored = [one for one in found if one.period in wanted]
        return [PublicKey(one.kid, one.public_key) for one in self._stored]

    async def _private_key(self, key: SigningKey) -> Ed25519PrivateKey:
        sealed = key.sealed_private_key
        data_key = await self._data_keys.get(PURPOSE, DataKeyId(UUID(bytes=sealed[:_ID_BYTES])))
        try:
            return Ed25519PrivateKey.from_private_bytes(unseal(data_key.value, sealed[_ID_BYTES:], key.kid.encode()))
        except InvalidTag:
            raise Unavailable("a signing key was changed in the database") from None

    async def _new_key(self, period: int) -> SigningKey:
        private, kid = Ed25519PrivateKey.generate(), secrets.token_urlsafe(12)
        data_key = await self._data_keys.current(PURPOSE)
        return SigningKey(
            period=period,
            kid=kid,
            public_key=private.public_key().public_bytes_raw(),
            # With the id of the data key, as there may be a newer one by the time the key is read.
            sealed_private_key=data_key.id.bytes + seal(data_key.value, private.private_bytes_raw(), kid.encode()),
        )
