"""Issuing API keys: the secret is made here, next to the one who gets it, and only its digest goes on."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from uuid_utils.compat import uuid7

from tekana.application.authentication.key_text import make_secret
from tekana.application.commands.api_keys import CreateApiKey, RotateApiKey
from tekana.application.commands.validation import to_id
from tekana.domain.api_keys import ApiKey, ApiKeyKind
from tekana.domain.caller import Scope
from tekana.domain.identifiers import ApiKeyId

if TYPE_CHECKING:
    from tekana.application.session import Session


class KeyProperties(NamedTuple):
    """What a new key is to be: the fields of CreateApiKey that the sender does not make."""

    name: str
    kind: ApiKeyKind
    scopes: tuple[Scope, ...] | None = None
    tenant: str | None = None
    expires_at: datetime | None = None
    acts_as_creator: bool = False


class IssuedKey(NamedTuple):
    """A key with a new secret.

    Attributes:
        key: the key as it is shown.
        text: the text of the key, `tk_<id>_<secret>`, which cannot be read again; None if the request was a repeated
            one.
        replayed: whether the request repeats an earlier one with the same idempotency key.
    """

    key: ApiKey
    text: str | None
    replayed: bool


async def create_api_key(
    session: Session,
    properties: KeyProperties,
    *,
    key: str | None = None,
    request_id: str | None = None,
) -> IssuedKey:
    """Create an API key (see CreateApiKey) and return its text.

    Args:
        session: the session of the caller who creates it.
        properties: what the key is to be.
        key, request_id: as for `Session.submit`.

    Raises:
        TekanaError: as `Session.submit` does.
    """
    key_id = ApiKeyId(uuid7())
    secret = make_secret(key_id)
    command = CreateApiKey(key_id=key_id, secret_digest=secret.digest, **properties._asdict())
    done = await session.submit(command, key=key, request_id=request_id)
    return IssuedKey(done.answer, None if done.replayed else secret.text, done.replayed)


async def rotate_api_key(
    session: Session, key_id: ApiKeyId, *, key: str | None = None, request_id: str | None = None
) -> IssuedKey:
    """Give an API key a new secret (see RotateApiKey) and return its new text.

    Args:
        session: the session of the caller who rotates it.
        key_id: the id of the key.
        key, request_id: as for `Session.submit`.

    Raises:
        TekanaError: as `Session.submit` does.
    """
    key_id = ApiKeyId(to_id("key_id", key_id))
    secret = make_secret(key_id)
    command = RotateApiKey(key_id=key_id, secret_digest=secret.digest)
    done = await session.submit(command, key=key, request_id=request_id)
    return IssuedKey(done.answer, None if done.replayed else secret.text, done.replayed)
