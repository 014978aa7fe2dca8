"""The one place that says who a request comes from: it reads the credential, which the core verifies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from tekana import Caller, SignInRefused, Tekana, Unauthenticated
from tekana.application.authentication import Authenticator
from tekana.domain.errors import FieldError, InvalidRequest
from tekana_litestar.headers import Headers

if TYPE_CHECKING:
    from litestar.types import HTTPScope

_AUTHORIZATION: Final = b"authorization"
_PREFIX: Final = b"Bearer "
_OTHER_KINDS: Final = frozenset((b"x-api-key", b"api-key", b"x-auth-token", b"x-access-token", b"proxy-authorization"))
"""Headers with credentials of other kinds, none of which is accepted."""

_QUERY_NAME: Final = re.compile(
    rb"(?:^|&)(access_token|api[_-]?key|auth_token|authorization|token)(?:=|&|$)", re.IGNORECASE
)
_QUERY_KEY: Final = re.compile(rb"tk_[0-9a-f]{32}_")


async def identify_caller(headers: Headers, authenticator: Authenticator) -> Caller:
    """Return the caller of a request with these headers.

    The app calls it once for each request and keeps the caller as `scope["user"]`, where Litestar's guards expect it.

    Raises:
        Unauthenticated: there is no valid credential, or more than one. The error is the same for every reason.
        Unavailable: the credential cannot be verified now.
    """
    return await authenticator.authenticate(_bearer_token(headers))


def client_address(scope: HTTPScope) -> str | None:
    """Return the address that a request came from, for the audit log: see client_address.py."""
    address: str | None = scope["state"].get("client_address")
    return address


def note_failed_authentication(tekana: Tekana | None, scope: HTTPScope, error: Exception) -> None:
    """Record a request in the audit log if it failed for want of a valid credential, and the app has started.

    Refused sign-ins are left out: sign-in itself records them.
    """
    if tekana is not None and isinstance(error, Unauthenticated) and not isinstance(error, SignInRefused):
        tekana.note_failed_authentication(client_address(scope), scope["state"]["request_id"], error.code)


async def confirm_caller(scope: HTTPScope) -> None:
    """Check that the credential of a request is still valid, some time after it was identified.

    Raises:
        Unauthenticated, Unavailable: as `identify_caller`.
    """
    await identify_caller(scope["headers"], scope["litestar_app"].state.tekana.authenticator)


def find_cached_caller(headers: Mapping[bytes, bytes], authenticator: Authenticator) -> Caller | None:
    """Return the caller of a request that has each header once, if that is known without waiting; None otherwise."""
    given = headers.get(_AUTHORIZATION)
    if given is None or not given.startswith(_PREFIX) or not _OTHER_KINDS.isdisjoint(headers):
        return None
    return authenticator.cached(given[len(_PREFIX) :].decode("latin-1"))


def refuse_query_credentials(query: bytes) -> None:
    """Raise InvalidRequest for a credential in the query string, which logs and browsers keep."""
    if not query:
        return
    text = unquote_to_bytes(query)
    if _QUERY_NAME.search(text) or _QUERY_KEY.search(text):
        raise InvalidRequest(FieldError("query", "must not hold a credential: send it as Authorization: Bearer"))


def _bearer_token(headers: Headers) -> str:
    found: bytes | None = None
    for name, value in headers:
        if name == _AUTHORIZATION:
            if found is not None:
                raise Unauthenticated
            found = value
        elif name in _OTHER_KINDS:
            raise Unauthenticated
    scheme, _, token = (found or b"").strip(b" \t").partition(b" ")
    if scheme.lower() != b"bearer":
        raise Unauthenticated
    return token.lstrip(b" ").decode("latin-1")
