"""Signatures of webhooks, as Standard Webhooks 1.0 defines them, so that receivers can use any library for it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime
from typing import Final

_PREFIX: Final = "whsec_"
_KEY_BYTES: Final = 32


def new_secret() -> str:
    """Return a random secret: `whsec_` and 32 bytes in base64."""
    return _PREFIX + b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def signature_headers(message_id: str, at: datetime, body: bytes, signed_with: Iterable[str]) -> dict[str, str]:
    """Return the headers that a receiver checks: the message's id, the time, and a signature with each secret."""
    timestamp = str(int(at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = (hmac.digest(b64decode(one.removeprefix(_PREFIX)), signed, hashlib.sha256) for one in signed_with)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{b64encode(one).decode()}" for one in signatures),
    }
