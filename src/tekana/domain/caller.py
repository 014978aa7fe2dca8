"""The caller: who asks, for which tenant, and what they may do."""

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
"""A right. Each command and each query names the one that it needs."""

SCOPES: Final[frozenset[Scope]] = frozenset(get_args(Scope))

MAIN_TENANT: Final = "main"
"""The tenant of an installation that has one only."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. Required by every command and every reader; recorded with everything that changes.

    Attributes:
        tenant: whose customers and money are meant.
        subject: who asks, as an identifier that is no personal data. Recorded as `created_by`; idempotency keys belong
            to it.
        scopes: what the subject may do.
    """

    tenant: str
    subject: str
    scopes: frozenset[Scope]


LOCAL_OPERATOR: Final = Caller(MAIN_TENANT, "local", SCOPES)
"""The operator who runs tekana in their own process: may do everything, for the main tenant."""
