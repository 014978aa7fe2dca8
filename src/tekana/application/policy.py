"""The authorization policy, the same for HTTP, the bus and embedded use."""

from __future__ import annotations

from tekana.domain.caller import MAIN_TENANT, Caller, Scope
from tekana.domain.errors import Forbidden


def require_scope(caller: Caller, scope: Scope) -> None:
    """Raise Forbidden unless the caller has the scope and belongs to the only tenant."""
    if caller.tenant != MAIN_TENANT:
        raise Forbidden(f"there is no tenant {caller.tenant!r}")
    if scope not in caller.scopes:
        raise Forbidden(f"this needs the scope {scope}")
