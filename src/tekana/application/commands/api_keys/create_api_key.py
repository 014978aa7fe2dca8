"""Create an API key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec.structs import force_setattr

from tekana.application.commands.api_keys.keys import KeyCommand
from tekana.application.commands.api_keys.validation import (
    DIGEST_EXAMPLE,
    check_digest,
    check_kind,
    check_scopes,
    check_tenant,
    normal_scopes,
)
from tekana.application.commands.validation import Time, check_all, normal_name, to_time
from tekana.domain.api_keys import API_KEYS, ApiKey, ApiKeyKind
from tekana.domain.book import Book
from tekana.domain.caller import MAIN_TENANT, ROLES, Caller, Scope
from tekana.domain.errors import GrantForbidden, Refused, invalid
from tekana.domain.policy import require_grantable

_DEFAULT_SCOPES: Mapping[ApiKeyKind, frozenset[Scope]] = {
    "operator": ROLES["administrator"],
    "partner": ROLES["partner"],
}
_NAME_LENGTH_MAX = 100


class CreateApiKey(KeyCommand, frozen=True, kw_only=True):
    """Create an API key. The sender makes its id and its secret, and alone has the secret.

    The key of an operator belongs to the main tenant. That of a partner belongs to the caller's tenant if the caller is
    a partner; otherwise to the `tenant` given, or else to a new tenant, which has the id of the key as its name.

    Attributes:
        key_id: the id of the key, a new UUIDv7.
        secret_digest: the SHA-256 of the secret in hexadecimal; not part of the fingerprint, like the id.
        scopes: None for those of the role administrator or partner.
        acts_as_creator: whether requests with the key have the caller's subject. Then they share idempotency keys.
    """

    NAME: ClassVar[str] = "CreateApiKey"
    REFUSALS: ClassVar[tuple[type[Refused], ...]] = (GrantForbidden,)
    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "name": "Checkout",
        "kind": "partner",
        "secret_digest": DIGEST_EXAMPLE,
        "scopes": ["transactions:read", "transactions:write"],
    }

    name: str
    kind: ApiKeyKind
    secret_digest: str
    scopes: tuple[Scope, ...] | None = None
    tenant: str | None = None
    expires_at: Time | None = None
    acts_as_creator: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_all(
            lambda: force_setattr(self, "name", normal_name("name", self.name, most=_NAME_LENGTH_MAX)),
            lambda: check_kind(self.kind),
            lambda: check_scopes(self.scopes),
            lambda: check_tenant(self.tenant),
            lambda: check_digest(self.secret_digest),
            self._read_expiry,
        )
        if self.scopes is not None:
            force_setattr(self, "scopes", normal_scopes(self.scopes))

    def _read_expiry(self) -> None:
        if self.expires_at is not None:
            force_setattr(self, "expires_at", to_time("expires_at", self.expires_at))

    def fingerprinted(self) -> tuple[str, object]:
        """Return what fingerprints are made of: all but what a repeated request has anew, the id and the digest."""
        return self.NAME, (self.name, self.kind, self.scopes, self.tenant, self.expires_at, self.acts_as_creator)

    def decide(self, book: Book) -> ApiKey:
        if self.expires_at is not None and to_time("expires_at", self.expires_at) <= book.now:
            raise invalid("expires_at", "must be in the future")
        tenant = self._tenant(book.caller)
        scopes = self.scopes if self.scopes is not None else normal_scopes(_DEFAULT_SCOPES[self.kind])
        require_grantable(book.caller, tenant, self.kind, scopes)
        if self.key_id in book.locked.of(API_KEYS):
            raise GrantForbidden("an API key with this id exists already")
        key = ApiKey(
            id=self.key_id,
            tenant=tenant,
            name=self.name,
            kind=self.kind,
            scopes=scopes,
            subject=book.caller.subject if self.acts_as_creator else f"key:{self.key_id}",
            secret_hash=book.hash_secret(self.secret_digest),
            expires_at=self.expires_at,
            created_by=book.caller.subject,
            created_at=book.now,
            updated_at=book.now,
        )
        book.add(API_KEYS, key.id, key)
        return key.without_hashes()

    def _tenant(self, caller: Caller) -> str:
        if self.kind == "operator":
            if self.tenant not in (None, MAIN_TENANT):
                raise invalid("tenant", f"must be left out for an operator, whose tenant is {MAIN_TENANT}")
            return MAIN_TENANT
        if self.tenant is not None:
            return self.tenant
        return str(self.key_id) if caller.kind == "operator" else caller.tenant
