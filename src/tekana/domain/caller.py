"""The caller: the tenant, subject and scopes of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

Scope = Literal[
    "customers:read",
    "customers:write",
    "wallets:read",
    "wallets:write",
    "transactions:read",
    "transactions:write",
    "events:read",
    "webhooks:read",
    "webhooks:write",
    "audit:read",
]
"""A right of a caller. Each command and each query requires one."""

SCOPES: Final[frozenset[Scope]] = frozenset(get_args(Scope))

MAIN_TENANT: Final = "main"
"""The only tenant of a single-tenant installation."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The subject of a request. Every command and every reader requires one; every change is recorded with it.

    Attributes:
        tenant: the tenant that owns the customers and the money.
        subject: an identifier of the person or program, without personal data. Recorded as `created_by`; the scope of
            idempotency keys.
        scopes: what the subject may do.
    """

    tenant: str
    subject: str
    scopes: frozenset[Scope]


LOCAL_OPERATOR: Final = Caller(MAIN_TENANT, "local", SCOPES)
"""The operator who runs tekana in their own process: has all scopes, for the main tenant."""
