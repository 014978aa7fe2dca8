"""Encryption of texts with a data key: AES-256-GCM, authenticated together with the place where the text is stored."""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Final
from uuid import UUID

from tekana.application.secrets.data_keys import DataKey
from tekana.domain.errors import TekanaError
from tekana.ports.data_keys import DataKeyId

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORM: Final = "enc1"  # of encrypted texts: enc1.<id of the data key>.<nonce, encrypted text and tag>
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16


class DamagedText(TekanaError):
    """An encrypted text was changed, or belongs to another place. Its message contains no part of it."""


def encrypt(key: DataKey, text: str, context: str) -> str:
    """Encrypt a text. Equal texts have different encrypted texts.

    Args:
        key: the current data key of the purpose.
        text: the text.
        context: the place of the text, such as its table, row and column. It is authenticated, not kept.

    Returns:
        ASCII text that names the id of the data key.
    """
    nonce = secrets.token_bytes(_NONCE_BYTES)
    encrypted = _aes(key).encrypt(nonce, text.encode(), _associated(key, context))
    return _format(key.id, nonce + encrypted)


def decrypt(key: DataKey, encrypted: str, context: str) -> str:
    """Decrypt a text with the data key that `key_id_of` names.

    Raises:
        DamagedText: the text was changed, or encrypted with another key or for another place.
    """
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - see _aes

    key_id, content = _parse(encrypted)
    if key_id == key.id:
        try:
            nonce, rest = content[:_NONCE_BYTES], content[_NONCE_BYTES:]
            return _aes(key).decrypt(nonce, rest, _associated(key, context)).decode()
        except InvalidTag:
            pass
    raise DamagedText(f"the encrypted text of {context} was changed, or belongs to another place")


def is_encrypted(text: str) -> bool:
    """Return whether a text has the form that `encrypt` returns."""
    return text.startswith(f"{_FORM}.")


def key_id_of(encrypted: str) -> DataKeyId:
    """Return the id of the data key that a text is encrypted with.

    Raises:
        DamagedText: it is not one that `encrypt` returned.
    """
    return _parse(encrypted)[0]


def _format(key_id: DataKeyId, content: bytes) -> str:
    return f"{_FORM}.{key_id.hex}.{b64encode(content).decode().rstrip('=')}"


def _parse(encrypted: str) -> tuple[DataKeyId, bytes]:
    try:
        _, key_text, text = encrypted.split(".")
        key_id, content = DataKeyId(UUID(hex=key_text)), b64decode(text + "=" * (-len(text) % 4), validate=True)
        # The same content can be written in several ways, of which only this one is right.
        if len(content) >= _NONCE_BYTES + _TAG_BYTES and _format(key_id, content) == encrypted:
            return key_id, content
    except ValueError:
        pass
    raise DamagedText("an encrypted text has an unknown form")


def _aes(key: DataKey) -> AESGCM:
    # Imported here, as tekana works without cryptography where nothing is encrypted.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    return AESGCM(key.value)


def _associated(key: DataKey, context: str) -> bytes:
    return f"{_FORM} {key.purpose} {context}".encode()
