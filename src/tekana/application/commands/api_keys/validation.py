"""Validation of the fields of API keys. Every check raises InvalidRequest with the name of the field."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, get_args

from tekana.domain.api_keys import ApiKeyKind
from tekana.domain.caller import SCOPES, Scope
from tekana.domain.errors import invalid

DIGEST_EXAMPLE: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

_KINDS: Final[tuple[str, ...]] = get_args(ApiKeyKind)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_TENANT: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def check_kind(kind: object) -> None:
    """Check a kind of callers that have API keys."""
    if kind not in _KINDS:
        raise invalid("kind", f"must be one of: {', '.join(_KINDS)}")


def check_scopes(scopes: object) -> None:
    """Check a list of scopes: at least one, each known. None stands for those of the kind."""
    if scopes is None:
        return
    if not isinstance(scopes, tuple | list) or not scopes:
        raise invalid("scopes", "must name at least one scope; without it, the key has those of its kind")
    for index, one in enumerate(scopes):
        if not isinstance(one, str) or one not in SCOPES:
            raise invalid(f"scopes[{index}]", f"must be one of: {', '.join(sorted(SCOPES))}")


def normal_scopes(scopes: Iterable[Scope]) -> tuple[Scope, ...]:
    """Return scopes in order, each once."""
    return tuple(sorted(set(scopes)))


def check_tenant(tenant: Any) -> None:
    """Check the name of a tenant. None stands for the tenant that follows from the caller."""
    if tenant is not None and not (isinstance(tenant, str) and _TENANT.fullmatch(tenant)):
        raise invalid("tenant", "must be 1 to 64 of the characters a to z, 0 to 9, dot, underscore and hyphen")


def check_digest(digest: Any) -> None:
    """Check the SHA-256 of a secret in hexadecimal."""
    if not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
        raise invalid("secret_digest", "must be a SHA-256 in lower-case hexadecimal")
