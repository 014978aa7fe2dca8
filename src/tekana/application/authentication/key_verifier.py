"""Verification of API keys with the hashes that a store has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from hmac import compare_digest
from typing import Final, NamedTuple, Protocol

from tekana.application.authentication.authenticator import Verified
from tekana.application.authentication.key_text import parse_key
from tekana.domain.api_keys import ApiKey, ApiKeyKind
from tekana.domain.caller import SCOPES, Caller
from tekana.domain.errors import TekanaError
from tekana.domain.identifiers import ApiKeyId
from tekana.ports.credentials import USE_RECORDED_EVERY, Credentials, KnownKey

_log = logging.getLogger("tekana.authentication")

_NO_HASH: Final = "0" * 64
_HASHES_MAX: Final = 2


class VerifiedKey(NamedTuple):
    """What a valid API key stands for.

    Attributes:
        scopes: text, as another version may have others.
        seconds_left: for how long the key, with this secret, is valid; None for no end.
    """

    tenant: str
    subject: str
    kind: ApiKeyKind
    scopes: tuple[str, ...]
    seconds_left: float | None


class KeyVerifier(Protocol):
    """Verifies API keys. Its queries also go over the bus: a gateway has no hashes."""

    async def verify(self, key_id: ApiKeyId, secret_digest: str) -> VerifiedKey | None:
        """Return what the key stands for; None if it does not exist, is not active, or has another secret.

        Raises:
            Unavailable: the key cannot be read now.
        """
        ...


class ApiKeyTokens:
    """Implements TokenVerifier for API keys."""

    def __init__(self, verifier: KeyVerifier) -> None:
        self._verifier = verifier

    async def verify(self, token: str) -> Verified | None:
        """Return the caller of a valid API key; None for any other token."""
        parsed = parse_key(token)
        if parsed is None:
            return None
        verified = await self._verifier.verify(*parsed)
        if verified is None:
            return None
        scopes = SCOPES & frozenset(verified.scopes)
        return Verified(Caller(verified.tenant, verified.subject, scopes, verified.kind), verified.seconds_left)


class StoredKeyVerifier:
    """Implements KeyVerifier with the credentials of a store. Records when a key was used, in the background."""

    def __init__(self, credentials: Credentials, hash_secret: Callable[[str], Awaitable[str]]) -> None:
        self._credentials = credentials
        self._hash_secret = hash_secret
        self._recordings: dict[ApiKeyId, asyncio.Task[None]] = {}

    async def verify(self, key_id: ApiKeyId, secret_digest: str) -> VerifiedKey | None:
        """Return what the key stands for. Does the same work whether the id or the secret is wrong."""
        known = await self._credentials.find(key_id)
        hashes = known.key.valid_hashes(known.at) if known is not None else ()
        given = await self._hash_secret(secret_digest)
        padded = (*hashes, _NO_HASH, _NO_HASH)[:_HASHES_MAX]
        matches = [compare_digest(given, one) for one in padded][: len(hashes)]
        if known is None or not any(matches):
            return None
        self._note_use(known)
        key = known.key
        until = key.expires_at if matches[0] else _earliest(key.expires_at, key.previous_until)
        seconds_left = None if until is None else (until - known.at).total_seconds()
        return VerifiedKey(key.tenant, key.subject, key.kind, key.scopes, seconds_left)

    async def stop(self) -> None:
        """Wait until the uses noted so far are recorded."""
        await asyncio.gather(*self._recordings.values())

    def _note_use(self, known: KnownKey) -> None:
        key = known.key
        if key.id not in self._recordings and _is_due(key, known.at):
            task = self._recordings[key.id] = asyncio.create_task(self._record_use(key.id))
            task.add_done_callback(lambda _: self._recordings.pop(key.id, None))

    async def _record_use(self, key_id: ApiKeyId) -> None:
        try:
            await self._credentials.record_use(key_id)
        except TekanaError as error:
            _log.info("the use of an API key was not recorded: %s", error)


def _is_due(key: ApiKey, at: datetime) -> bool:
    return key.last_used_at is None or at - key.last_used_at >= USE_RECORDED_EVERY


def _earliest(*times: datetime | None) -> datetime | None:
    return min((one for one in times if one is not None), default=None)
