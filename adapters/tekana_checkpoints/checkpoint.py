"""One checkpoint: a line of JSON with the newest links, signed, which names the checkpoint before.

The signing key is derived from the key of links, so there is no other secret to keep. What is signed are the bytes of
the member `checkpoint`, after SIGNED_PREFIX: the public key is enough to verify them.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import blake2b, sha256
from typing import Final, Literal, NamedTuple
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tekana.ports.history import Head, HistoryKey

SIGNED_PREFIX: Final = b"tekana checkpoint 1\n"
"""What is signed in front of a checkpoint, so that the signature is of no other use."""

_SIGNER: Final = b"tekana signer 1"


class _HeadText(msgspec.Struct, frozen=True, array_like=True):
    """A link: its chain, its number, and its digest in hexadecimal."""

    chain: UUID
    number: int
    digest: str


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed: the chains that have grown since the checkpoint before, each with its newest link."""

    form: Literal[1] = 1
    number: int
    time: datetime
    before: str
    key_id: UUID
    heads: tuple[_HeadText, ...]


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the file."""

    checkpoint: msgspec.Raw
    public_key: str
    signature: str


class Checkpoint(NamedTuple):
    """A checkpoint that was read, and not verified yet.

    Attributes:
        number: its number in the file, from 1.
        digest: the SHA-256 of the signed bytes, in hexadecimal; the next checkpoint has it as `before`.
        before: the digest of the checkpoint before; empty in the first one.
        key_id: the key of links that its signing key is derived from.
        heads: the links that it names.
        signed, signature: the signed bytes, and their signature.
    """

    number: int
    digest: str
    before: str
    key_id: UUID
    heads: Sequence[Head]
    signed: bytes
    signature: str

    def is_signed_by(self, signer: Ed25519PrivateKey) -> bool:
        """Return whether the key has signed it."""
        try:
            signer.public_key().verify(b64decode(self.signature, validate=True), SIGNED_PREFIX + self.signed)
        except (InvalidSignature, NotBase64, ValueError):
            return False
        return True


def signer_of(key: HistoryKey) -> Ed25519PrivateKey:
    """Return the signing key that is derived from a key of links."""
    return Ed25519PrivateKey.from_private_bytes(blake2b(key=key.secret, digest_size=32, person=_SIGNER).digest())


def write_checkpoint(number: int, before: str, key: HistoryKey, heads: Iterable[Head], *, at: datetime) -> bytes:
    """Return the line of a new checkpoint, without its end."""
    texts = tuple(_HeadText(one.chain, one.number, one.digest.hex()) for one in heads)
    content = _Content(number=number, time=at.astimezone(UTC), before=before, key_id=key.id, heads=texts)
    signed = msgspec.json.encode(content)
    signer = signer_of(key)
    line = _Line(
        checkpoint=msgspec.Raw(signed),
        public_key=b64encode(signer.public_key().public_bytes_raw()).decode(),
        signature=b64encode(signer.sign(SIGNED_PREFIX + signed)).decode(),
    )
    return msgspec.json.encode(line)


def read_checkpoint(line: bytes) -> Checkpoint | None:
    """Read a line; None if it is not a whole one, as after a power failure."""
    try:
        found = msgspec.json.decode(line, type=_Line)
        signed = bytes(found.checkpoint)
        content = msgspec.json.decode(signed, type=_Content)
        heads = [Head(one.chain, one.number, bytes.fromhex(one.digest)) for one in content.heads]
    except ValueError:  # msgspec's errors are of this kind, too
        return None
    digest = sha256(signed).hexdigest()
    return Checkpoint(content.number, digest, content.before, content.key_id, heads, signed, found.signature)
