"""The caller: the verified identity of a request, its scopes, and the roles that are named sets of scopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from tekana.domain.identifiers import CustomerId

Scope = Literal[
    "customers:read",
    "customers:write",
    "customers:erase",
    "limits:write",
    "rates:write",
    "fees:read",
    "fees:write",
    "wallets:read",
    "wallets:write",
    "wallets:open",
    "wallets:freeze",
    "transactions:read",
    "transactions:write",
    "transactions:send",
    "transactions:adjust",
    "recipients:read",
    "events:read",
    "webhooks:read",
    "webhooks:write",
    "keys:read",
    "keys:write",
    "audit:read",
    "approvals:read",
    "approvals:write",
    "audit-log:read",
    "reports:read",
    "tenants:all",
]
"""A right of a caller. Each command and each query requires one. `tenants:all` gives access to all tenants' objects."""

SCOPES: Final[frozenset[Scope]] = frozenset(get_args(Scope))

PART_OF: Final[Mapping[Scope, Scope]] = {
    "wallets:open": "wallets:write",
    "wallets:freeze": "wallets:write",
    "transactions:send": "transactions:write",
    "approvals:read": "approvals:write",
    "fees:read": "fees:write",
}
"""The wider scope that includes a narrow one."""

_READ: Final[frozenset[Scope]] = frozenset(
    {
        *("customers:read", "wallets:read", "transactions:read", "recipients:read", "events:read", "webhooks:read"),
        *("approvals:read", "fees:read"),
    }
)

CallerKind = Literal["operator", "partner", "customer"]
"""Operators are the back-office staff; a partner is a service, with a tenant; a customer owns wallets."""

Role = Literal["administrator", "finance", "support", "partner", "customer"]

ROLES: Final[Mapping[Role, frozenset[Scope]]] = {
    "administrator": SCOPES,
    "finance": _READ
    | {
        *("transactions:write", "transactions:adjust", "limits:write", "rates:write", "fees:write", "approvals:write"),
        *("audit:read", "reports:read", "tenants:all"),
    },
    "support": _READ | {"wallets:freeze", "tenants:all"},
    "partner": _READ | {"customers:write", "wallets:write", "transactions:write", "webhooks:write"},
    "customer": frozenset(
        {"customers:read", "wallets:read", "wallets:open", "transactions:read", "transactions:send", "recipients:read"}
    ),
}
"""The scopes of each role."""

MAIN_TENANT: Final = "main"
"""The operator's own tenant, to which everything belongs that no partner created."""


CUSTOMER_SUBJECT: Final = "customer:"
"""What the subjects of customers begin with."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The verified identity of a request. Every command and reader requires one; every change is recorded with it.

    Attributes:
        tenant: the tenant that owns the customers and the money.
        subject: an identifier of the person or program, without personal data. Recorded as `created_by`; the scope of
            idempotency keys.
        scopes: what the subject may do.
        kind: whether it is an operator, a partner or a customer.
        customer_id: the id of a customer, who has access to their own objects only; None for the other kinds.

    Raises:
        ValueError: a customer has no id, or another kind has one.
    """

    tenant: str
    subject: str
    scopes: frozenset[Scope]
    kind: CallerKind = "partner"
    customer_id: CustomerId | None = None

    def __post_init__(self) -> None:
        if (self.kind == "customer") != (self.customer_id is not None):
            raise ValueError("a customer, and no other caller, has the id of a customer")


AUTHENTICATION: Final = Caller(MAIN_TENANT, "authentication", frozenset(), "operator")
"""A gateway that verifies a credential, before it knows the caller. It has no scopes: it can do nothing else."""

HOLD_EXPIRY: Final = Caller(MAIN_TENANT, "hold-expiry", frozenset({"transactions:write", "tenants:all"}), "operator")
"""The background work that releases what expired holds hold."""

LOCAL_OPERATOR: Final = Caller(MAIN_TENANT, "local", SCOPES, "operator")
"""The operator who runs tekana in their own process: has all scopes, for all tenants."""


def customer_caller(tenant: str, customer_id: CustomerId) -> Caller:
    """Return the caller of a customer who has signed in."""
    return Caller(tenant, f"{CUSTOMER_SUBJECT}{customer_id}", ROLES["customer"], "customer", customer_id)
