"""Master keys: they wrap data keys with AES-256-GCM. Values; a provider keeps them."""

from __future__ import annotations

import secrets
from base64 import b64decode, urlsafe_b64encode
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tekana.ports.key_provider import DamagedKey, UnknownMasterKey

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_ID_BYTES: Final = 8
_FORM: Final = "mk1"  # of wrapped keys: mk1.<id of the master key>.<nonce, encrypted key and tag>

KeyText = Annotated[bytes, msgspec.Meta(min_length=_KEY_BYTES, max_length=_KEY_BYTES)]


class MasterKey(msgspec.Struct, frozen=True, kw_only=True):
    """A master key. Its `repr` does not contain the key.

    Attributes:
        key: its 32 bytes; base64 in JSON.
        created_at: when it was created.
        retired_at: since when it wraps nothing; None if it may.
    """

    key: KeyText
    created_at: datetime
    retired_at: datetime | None = None

    def __repr__(self) -> str:
        return "MasterKey(***)"


@dataclass(frozen=True, slots=True)
class MasterKeys:
    """Master keys by id, in the order of their creation, and the id of the active one, which wraps."""

    active: str
    keys: dict[str, MasterKey]

    def wrap(self, key: bytes, context: str) -> str:
        """Wrap a data key with the active master key."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        encrypted = AESGCM(self.keys[self.active].key).encrypt(nonce, key, _associated(self.active, context))
        return f"{_FORM}.{self.active}.{urlsafe_b64encode(nonce + encrypted).decode()}"

    def unwrap(self, wrapped: str, context: str) -> bytes:
        """Unwrap a data key. Raises UnknownMasterKey or DamagedKey."""
        master_id, content = _parse(wrapped)
        if master_id not in self.keys:
            raise UnknownMasterKey(f"there is no master key {master_id}")
        try:
            nonce, encrypted = content[:_NONCE_BYTES], content[_NONCE_BYTES:]
            return AESGCM(self.keys[master_id].key).decrypt(nonce, encrypted, _associated(master_id, context))
        except (InvalidTag, ValueError):
            raise DamagedKey(f"the data key of {context} was changed, or wrapped for another use") from None

    def unretired(self) -> tuple[str, ...]:
        """Return the ids of the master keys that are not retired; the active one is last."""
        others = [name for name, one in self.keys.items() if one.retired_at is None and name != self.active]
        return (*others, self.active)

    def with_new_key(self) -> MasterKeys:
        """Return the master keys with a new, active one."""
        name, one = _new_key()
        return MasterKeys(name, {**self.keys, name: one})

    def with_one_unretired(self) -> MasterKeys:
        """Return the master keys with all but the active one retired."""
        now = datetime.now(UTC)
        changed = {name: msgspec.structs.replace(self.keys[name], retired_at=now) for name in self.unretired()[:-1]}
        return replace(self, keys={**self.keys, **changed})


def new_master_keys() -> MasterKeys:
    """Return a new master key, as the only one."""
    name, one = _new_key()
    return MasterKeys(name, {name: one})


def master_key_id(wrapped: str) -> str:
    """Return the id of the master key that a data key is wrapped with. Raises DamagedKey."""
    return _parse(wrapped)[0]


def _parse(wrapped: str) -> tuple[str, bytes]:
    """Return the id of the master key, and the encrypted content. Raises DamagedKey."""
    with suppress(ValueError):
        form, master_id, content = wrapped.split(".")
        if form == _FORM:
            return master_id, b64decode(content, b"-_", validate=True)
    raise DamagedKey("a data key has an unknown form")


def _new_key() -> tuple[str, MasterKey]:
    return secrets.token_hex(_ID_BYTES), MasterKey(key=AESGCM.generate_key(256), created_at=datetime.now(UTC))


def _associated(master_id: str, context: str) -> bytes:
    return f"{_FORM} {master_id} {context}".encode()
