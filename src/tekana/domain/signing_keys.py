"""The keys that sign access tokens: one for each period of 30 days, published before and after its use."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

PERIOD: Final = timedelta(days=30)
OVERLAP: Final = timedelta(days=1)
"""A key is published this long before it signs, and as long after, when all that it signed has expired."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """The Ed25519 key of a period.

    Attributes:
        period: the number of the period in which it signs.
        kid: the id of the key in the headers of tokens.
        public_key: the 32 bytes of the public key.
        sealed_private_key: the private key, encrypted.
    """

    period: int
    kid: str
    public_key: bytes
    sealed_private_key: bytes = field(repr=False)


def period_of(moment: datetime) -> int:
    """Return the number of the period that a moment is in."""
    return (moment - _EPOCH) // PERIOD


def published_periods(now: datetime) -> range:
    """Return the periods whose keys are published: the present one, the last one and the next one in the overlap."""
    return range(period_of(now - OVERLAP), period_of(now + OVERLAP) + 1)
