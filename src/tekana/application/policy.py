"""The policy: who may do what. The one place that decides, for HTTP, the bus and embedded use alike."""

from __future__ import annotations

from tekana.domain.caller import MAIN_TENANT, Caller, Scope
from tekana.domain.errors import Forbidden


def require_scope(caller: Caller, scope: Scope) -> None:
    """Raises Forbidden unless the caller has the scope, in the one tenant that there is."""
    if caller.tenant != MAIN_TENANT:
        raise Forbidden(f"there is no tenant {caller.tenant!r}")
    if scope not in caller.scopes:
        raise Forbidden(f"this needs the scope {scope}")
