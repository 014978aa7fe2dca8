"""The cache of verified tokens in front of their verification.

A revocation takes effect within CACHE_SECONDS in every process: no entry is older, counted from before it was read.
"""

from __future__ import annotations

import asyncio
import logging
from hashlib import sha256
from time import monotonic
from typing import Final, NamedTuple, Protocol, TypeVar

from tekana.domain.caller import Caller
from tekana.domain.errors import TekanaError, Unauthenticated

_log = logging.getLogger("tekana.authentication")

CACHE_SECONDS: Final = 4.0
"""For how long a verified token is used without being verified again."""

REFRESH_SECONDS: Final = 2.0
"""The age at which an entry in use is verified again in the background, so that requests rarely wait for it."""

REFUSED_SECONDS: Final = 1.0
"""For how long a token that is not valid is refused without being verified again."""

TOKEN_LENGTH_MAX: Final = 8192

_ValueT = TypeVar("_ValueT")

_ENTRIES_MAX: Final = 10_000
_REFUSED_MAX: Final = 1_000
_FIRST_VERIFICATIONS_MAX: Final = 4  # at once, of tokens without an entry: invalid ones take no more connections


class Verified(NamedTuple):
    """The caller of a valid token, and for how long it is valid; None for no end."""

    caller: Caller
    seconds_left: float | None = None


class TokenVerifier(Protocol):
    """Verifies the tokens of one kind or of several."""

    async def verify(self, token: str) -> Verified | None:
        """Return the caller of a token; None if the token is not valid.

        Raises:
            Unavailable: it cannot be verified now.
        """
        ...


class _Entry(NamedTuple):
    caller: Caller
    refresh_at: float
    ends_at: float


class Authenticator:
    """Authenticates requests by their tokens. Keeps digests of tokens only.

    While tokens cannot be verified, those that were verified last remain valid for the rest of CACHE_SECONDS, and no
    longer.
    """

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier
        self._entries: dict[bytes, _Entry] = {}
        self._refused: dict[bytes, float] = {}
        self._verifications: dict[bytes, asyncio.Task[Caller | None]] = {}
        self._slots = asyncio.Semaphore(_FIRST_VERIFICATIONS_MAX)

    def cached(self, token: str) -> Caller | None:
        """Return the caller of a token that was verified recently; None otherwise. Does no I/O, and does not wait."""
        return self._find(_digest(token), token) if len(token) <= TOKEN_LENGTH_MAX else None

    async def authenticate(self, token: str) -> Caller:
        """Return the caller of a token.

        Raises:
            Unauthenticated: the token is not valid.
            Unavailable: the token cannot be verified now.
        """
        if len(token) > TOKEN_LENGTH_MAX:
            raise Unauthenticated
        digest = _digest(token)
        caller = self._find(digest, token)
        if caller is None and self._refused.get(digest, 0.0) <= monotonic():
            running = self._verifications.get(digest)
            caller = await asyncio.shield(running or self._start(digest, token, refresh=False))
        if caller is None:
            raise Unauthenticated
        return caller

    async def stop(self) -> None:
        """Wait for the verifications in progress."""
        await asyncio.gather(*self._verifications.values(), return_exceptions=True)

    def _find(self, digest: bytes, token: str) -> Caller | None:
        entry = self._entries.get(digest)
        if entry is None:
            return None
        now = monotonic()
        if now < entry.refresh_at:
            return entry.caller
        if now >= entry.ends_at:
            return None
        if digest not in self._verifications:
            self._start(digest, token, refresh=True)
        return entry.caller

    def _start(self, digest: bytes, token: str, *, refresh: bool) -> asyncio.Task[Caller | None]:
        verify = self._verify(digest, token) if refresh else self._verify_first(digest, token)
        task = self._verifications[digest] = asyncio.create_task(verify)
        task.add_done_callback(lambda done: self._end(digest, done))
        return task

    def _end(self, digest: bytes, done: asyncio.Task[Caller | None]) -> None:
        del self._verifications[digest]
        error = None if done.cancelled() else done.exception()
        if error is not None:  # those who wait for it get it, too
            log = _log.info if isinstance(error, TekanaError) else _log.error
            log("a token could not be verified: %r", error)

    async def _verify_first(self, digest: bytes, token: str) -> Caller | None:
        async with self._slots:
            return await self._verify(digest, token)

    async def _verify(self, digest: bytes, token: str) -> Caller | None:
        started_at = monotonic()
        verified = await self._verifier.verify(token)
        self._entries.pop(digest, None)
        if verified is None:
            _add(self._refused, digest, monotonic() + REFUSED_SECONDS, _REFUSED_MAX)
            return None
        self._refused.pop(digest, None)
        left = CACHE_SECONDS if verified.seconds_left is None else min(CACHE_SECONDS, verified.seconds_left)
        entry = _Entry(verified.caller, started_at + min(REFRESH_SECONDS, left), started_at + left)
        _add(self._entries, digest, entry, _ENTRIES_MAX)
        return verified.caller


def _digest(token: str) -> bytes:
    return sha256(token.encode(errors="replace")).digest()


def _add(entries: dict[bytes, _ValueT], digest: bytes, value: _ValueT, size_max: int) -> None:
    """Add an entry as the newest; the oldest one makes room for it."""
    while len(entries) >= size_max:
        del entries[next(iter(entries))]
    entries[digest] = value
