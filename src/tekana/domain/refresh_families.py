"""Refresh tokens: each use returns the next one of its family, and the use of an older one ends the family."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from tekana.domain.identifiers import CustomerId

IDLE_LIFETIME: Final = timedelta(days=30)
LONGEST_LIFETIME: Final = timedelta(days=90)
GRACE: Final = timedelta(minutes=1)
"""For so long after its use, the previous token returns the same next one: its answer was lost, or two tabs used it.

It is twice the time after which a client gets 503 and has to repeat the request: 30 seconds.
"""

FAMILIES_MAX: Final = 20
"""A customer is signed in on at most this many devices; the oldest family ends first."""

SECRET_BYTES: Final = 32


class RefreshToken(NamedTuple):
    """A refresh token: the id of its family, and a random secret. Its representation hides both."""

    family_id: UUID
    secret: bytes

    def __repr__(self) -> str:
        return "RefreshToken(…)"

    def encode(self) -> str:
        """Return the text that clients get."""
        return base64.urlsafe_b64encode(self.family_id.bytes + self.secret).decode("ascii")

    @property
    def digest(self) -> bytes:
        """Return what is stored of it. The secret is random, so a plain hash cannot be reversed."""
        return hashlib.sha256(self.secret).digest()

    @classmethod
    def decode(cls, text: str) -> RefreshToken | None:
        """Parse the text of a token; None if it cannot be one."""
        try:
            data = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            return None
        if len(data) != 16 + SECRET_BYTES:
            return None
        return cls(UUID(bytes=data[:16]), data[16:])


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshFamily:
    """The refresh tokens of one sign-in, of which only the newest is valid.

    Attributes:
        id: random, and in no other place than the tokens.
        digest: of the newest token.
        previous_digest: of the one before; None for the first.
        sealed_successor: the newest token, encrypted with a key that only the previous one gives.
        rotated_at: when the newest token was issued.
        ended: whether the family was ended: by sign-out, reuse, a new password, or the customer's suspension.
    """

    id: UUID = field(repr=False)
    customer_id: CustomerId
    tenant: str
    created_at: datetime
    rotated_at: datetime
    digest: bytes = field(repr=False)
    previous_digest: bytes | None = field(default=None, repr=False)
    sealed_successor: bytes | None = field(default=None, repr=False)
    ended: bool = False

    @property
    def expires_at(self) -> datetime:
        """Return the time from which on no token of the family is valid."""
        return min(self.rotated_at + IDLE_LIFETIME, self.created_at + LONGEST_LIFETIME)

    def is_alive(self, now: datetime) -> bool:
        """Return whether the newest token is valid."""
        return not self.ended and now < self.expires_at

    def is_repetition(self, digest: bytes, now: datetime) -> bool:
        """Return whether the previous token was used again, within the grace."""
        return digest == self.previous_digest and now < self.rotated_at + GRACE

    def rotate(self, digest: bytes, sealed_successor: bytes, now: datetime) -> RefreshFamily:
        """Return the family with a next token."""
        return replace(
            self, digest=digest, previous_digest=self.digest, sealed_successor=sealed_successor, rotated_at=now
        )

    def end(self) -> RefreshFamily:
        """Return the ended family."""
        return replace(self, ended=True)
