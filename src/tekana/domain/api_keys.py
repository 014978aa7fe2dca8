"""API keys: the credentials of partners and operators."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar, Final, Literal

from tekana.domain.caller import Scope
from tekana.domain.errors import ApiKeyNotActive, ApiKeyNotFound
from tekana.domain.identifiers import ApiKeyId
from tekana.domain.lock_set import LockKind

ApiKeyKind = Literal["operator", "partner"]
"""The kinds of callers that have API keys."""

ROTATION_OVERLAP: Final = timedelta(hours=24)
"""How long the previous secret of a rotated key is still valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A credential of a partner or an operator. Its secret is not part of it: only a keyed hash is stored.

    Attributes:
        subject: the subject of the callers that use the key.
        secret_hash: the keyed hash of the secret; empty where the key is shown.
        previous_secret_hash: that of the secret before the last rotation, valid until `previous_until`.
        expires_at: the end of its validity; None for no end.
        revoked_at: the time of its revocation; None for a key that is not revoked.
        last_used_at: the time of a recent use, at most about a minute before the last one; None for an unused key. It
            is recorded apart from commands, which do not change it.
    """

    AUDITED_FIELDS: ClassVar[tuple[str, ...]] = (
        *("kind", "scopes", "subject", "expires_at", "previous_until", "revoked_at"),
    )
    PERSONAL_FIELDS: ClassVar[tuple[str, ...]] = ("name",)

    id: ApiKeyId
    tenant: str
    name: str
    kind: ApiKeyKind
    scopes: tuple[Scope, ...]
    subject: str
    secret_hash: str
    previous_secret_hash: str | None = None
    previous_until: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    created_by: str
    created_at: datetime
    updated_at: datetime
    last_used_at: datetime | None = None

    def is_active(self, at: datetime) -> bool:
        """Return whether the key is neither revoked nor expired at this time."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)

    def valid_hashes(self, at: datetime) -> tuple[str, ...]:
        """Return the hashes of the secrets that are valid at this time, newest first; none of an inactive key."""
        if not self.is_active(at):
            return ()
        if self.previous_secret_hash is None or self.previous_until is None or self.previous_until <= at:
            return (self.secret_hash,)
        return (self.secret_hash, self.previous_secret_hash)

    def require_active(self, at: datetime) -> None:
        """Raise ApiKeyNotActive if the key is revoked or has expired."""
        if not self.is_active(at):
            raise ApiKeyNotActive("the API key is revoked or has expired: create a new one")

    def rotate(self, secret_hash: str, at: datetime) -> ApiKey:
        """Return the key with a new secret. The previous one is valid for ROTATION_OVERLAP."""
        return replace(
            self,
            secret_hash=secret_hash,
            previous_secret_hash=self.secret_hash,
            previous_until=at + ROTATION_OVERLAP,
            updated_at=at,
        )

    def revoke(self, at: datetime) -> ApiKey:
        """Return the revoked key."""
        return replace(self, revoked_at=at, updated_at=at)

    def without_hashes(self) -> ApiKey:
        """Return the key as it is shown."""
        return replace(self, secret_hash="", previous_secret_hash=None)


API_KEYS: Final = LockKind[ApiKeyId, ApiKey]("api_key")


def api_key_not_found(key_id: ApiKeyId) -> ApiKeyNotFound:
    """Build the refusal of a request about a key that the caller may not manage."""
    return ApiKeyNotFound(f"no API key has the id {key_id}")
