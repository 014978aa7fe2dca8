"""The authorization policy: who may do what, to which objects. The same for HTTP, the bus and embedded use.

A session requires the scope of each command and reader. The Book and the readers of the stores give access to an object
only if `can_access` or `can_pay` allows it; any other object is not found, as if it did not exist.
"""

from __future__ import annotations

from tekana.domain.caller import PART_OF, Caller, Scope
from tekana.domain.errors import Forbidden
from tekana.domain.identifiers import CustomerId


def has_scope(caller: Caller, scope: Scope) -> bool:
    """Return whether the caller has the scope, or the wider one that includes it."""
    return scope in caller.scopes or PART_OF.get(scope) in caller.scopes


def require_scope(caller: Caller, scope: Scope) -> None:
    """Raise Forbidden unless the caller has the scope."""
    if not has_scope(caller, scope):
        raise Forbidden(f"this needs the scope {scope}")


def can_access(caller: Caller, tenant: str, customer_id: CustomerId | None) -> bool:
    """Return whether the caller may see and use an object.

    Args:
        caller: who asks.
        tenant: the tenant that the object belongs to.
        customer_id: the customer that it belongs to; None if it belongs to no customer.
    """
    if "tenants:all" in caller.scopes:
        return True
    if tenant != caller.tenant or customer_id is None:
        return False
    return caller.customer_id is None or caller.customer_id == customer_id


def can_pay(caller: Caller, tenant: str) -> bool:
    """Return whether the caller may send money to a customer's wallet of this tenant."""
    return tenant == caller.tenant or "tenants:all" in caller.scopes
