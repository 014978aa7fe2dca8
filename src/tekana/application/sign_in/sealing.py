"""Authenticated encryption with AES-256-GCM: what is sealed with a key and a context opens with the same two only."""

from __future__ import annotations

import os
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES: Final = 12


def seal(key: bytes, plain: bytes, context: bytes) -> bytes:
    """Encrypt bytes with a key of 32 bytes. The context, such as an id, is authenticated and not stored."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context)


def unseal(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """Decrypt what `seal` returned. Raises cryptography's InvalidTag for another key, context or content."""
    return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
