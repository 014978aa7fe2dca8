"""What a caller needs for an operation, which is checked before the rest of a request is read."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tekana import Caller, Command, InvalidRequest, Scope, Session, Tekana
from tekana.domain.audit_log import Resource
from tekana.ports.readers import Reader
from tekana_litestar.bodies import Body
from tekana_litestar.caller import client_address
from tekana_litestar.identifiers import canonical_uuid

if TYPE_CHECKING:
    from litestar.types import HTTPScope


class Access(NamedTuple):
    """What a caller needs before anything else about a request is looked at.

    Attributes:
        action: the name of the command or reader, for the audit log.
        scopes: the scopes, of which one is enough.
    """

    action: str
    scopes: tuple[Scope, ...]


Does = type[Command[Any]] | Reader[Any] | Access
"""What an operation does in the core, which has a name and a scope."""


def access_needed(does: Does | None, body: Body | None, public: bool) -> Access | None:
    """Return what a caller needs for what an operation does, or for the command in its body.

    Raises:
        TypeError: an operation that is not public does not say what it does.
    """
    if public:
        return None
    if does is None and body is not None and len(body.kinds) == 1:
        does = body.kinds[0]
    if isinstance(does, Access):
        return does
    if isinstance(does, Reader):
        return Access(does.name, (does.scope,))
    if does is None or not hasattr(does, "SCOPE"):
        raise TypeError("an operation that is not public has a command in its body, or says what it `does`")
    return Access(does.NAME, (does.SCOPE,))


def open_session(scope: HTTPScope, access: Access) -> Session:
    """Return the session of the caller, who has one of the scopes. Raises Forbidden."""
    tekana: Tekana = scope["litestar_app"].state.tekana
    caller = cast("Caller", scope["user"])
    session = tekana.as_caller(caller, client_address(scope), scope["state"]["request_id"])
    session.require_scope(access.action, *access.scopes, resource=_resource_of(scope["path_params"]))
    return session


def _resource_of(path_params: Mapping[str, Any]) -> Resource | None:
    """Return what the path is about: what its first parameter names, if that is well-formed."""
    name, text = next(iter(path_params.items()), ("", ""))
    with suppress(InvalidRequest):
        return Resource(name.removesuffix("_id"), canonical_uuid(name, text))
    return None
