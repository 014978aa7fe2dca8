"""The file with an operator's API key: of development mode, or one that an operator provides."""

from __future__ import annotations

import logging
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from uuid_utils.compat import uuid7

from tekana.application import CreateApiKey, Tekana
from tekana.application.authentication.key_text import make_secret, parse_key
from tekana.application.workers.backoff import Retry
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import ApiKeyNotFound, GrantForbidden, Unauthenticated, invalid
from tekana.domain.identifiers import ApiKeyId

_log = logging.getLogger("tekana.authentication")

_MODE: Final = 0o600
_NAME: Final = "Operator's key file"


def create_key_file(path: Path) -> str | None:
    """Create the file with a new key that only this user can read, and return the key; None if the file exists.

    Raises:
        OSError: the file cannot be created.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    except FileExistsError:
        return None
    text = make_secret(ApiKeyId(uuid7())).text
    with os.fdopen(opened, "w", encoding="ascii") as file:
        file.write(f"{text}\n")
    return text


def read_key_file(path: Path) -> str:
    """Return the key in the file.

    Raises:
        InvalidRequest: the file cannot be read, other users can read it, or it has no key.
    """
    try:
        with path.open(encoding="ascii") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(1000).strip()
    except (OSError, UnicodeError) as error:
        raise invalid("key_file", f"cannot be read: {path}") from error
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise invalid("key_file", f"can be read by other users: chmod 600 {path}")
    _parse(path, text)
    return text


def _parse(path: Path, text: str) -> tuple[ApiKeyId, str]:
    parsed = parse_key(text)
    if parsed is None:
        raise invalid("key_file", f"has no API key: remove {path} to have a new one made")
    return parsed


async def register_key_file(app: Tekana, path: Path) -> None:
    """Register the key in the file with the store, unless it is there; while the store is not reachable, try again.

    Logs a warning if the key is not valid afterwards.

    Raises:
        InvalidRequest: as `read_key_file`.
    """
    text = read_key_file(path)
    key_id, digest = _parse(path, text)
    command = CreateApiKey(key_id=key_id, name=_NAME, kind="operator", secret_digest=digest, acts_as_creator=True)
    operator = app.as_caller(LOCAL_OPERATOR)

    async def register() -> None:
        try:
            await operator.api_keys.get(key_id)
        except ApiKeyNotFound:
            with suppress(GrantForbidden):  # another worker has registered it meanwhile
                await operator.execute(command)
        await app.authenticator.authenticate(text)

    try:
        await Retry("registration of the operator's key", _log).until_success(register, give_up_on=(Unauthenticated,))
    except Unauthenticated:
        _log.warning("the key in %s is revoked or was rotated: remove the file to have a new one made", path)
