"""The encryption of messages on the bus: of commands and queries, with their caller, and of replies.

The value of a message is encrypted and authenticated together with its topic and headers, so it is invalid in any other
message. Who has the secret can read all messages, and act as any caller: gateways, services, and programs that send
commands themselves.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
from aiokafka import ConsumerRecord
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from tekana.application.commands.validation import check_text
from tekana.domain.caller import SCOPES, Caller, CallerKind
from tekana.domain.errors import InvalidRequest, Unavailable
from tekana.domain.identifiers import CustomerId
from tekana_kafka.cloud_events import Header

PRINCIPAL: Final = "principal"
"""The header of a command or query with its caller."""

AUTHENTICATED_HEADERS: Final = (
    "principal",
    "command",
    "query",
    "idempotency-key",
    "request-id",
    "deadline",
    "time-to-live-ms",
    "reply-to",
    "correlation-id",
    "outcome",
)
"""The headers that are authenticated with the value, in this order; one that a message lacks counts as empty."""

AGE_SECONDS_MAX: Final = 25 * 3600
"""The age of a principal from which on it is refused: a topic of commands has no older messages."""

_PRINCIPAL_BYTES_MAX: Final = 8 * 1024
_VERSION: Final = b"\x01"
_INFO: Final = b"tekana bus"
_KEY_BYTES: Final = 32
_SALT_BYTES: Final = 32
_TAG_BYTES: Final = 16
_NONCE: Final = bytes(12)  # each key encrypts one message only


class UnverifiedPrincipal(Unavailable):
    """A message has no valid principal, so nothing was executed. The client of a gateway is not at fault.

    `reason` is for the log and the dead letter: the reply does not help to forge a principal.
    """

    def __init__(self, reason: str) -> None:
        super().__init__("the service does not accept the principal of this message: it was not executed")
        self.code = "unauthenticated"  # on the bus only: over HTTP it is unavailable
        self.reason = reason


class _Principal(msgspec.Struct, omit_defaults=True):
    """The claims about a caller, with the names of JSON Web Tokens."""

    tenant: str
    sub: str
    kind: CallerKind
    scopes: list[str]
    iat: int
    customer_id: UUID | None = None
    address: str | None = None


class Request(NamedTuple):
    """An opened command or query.

    Attributes:
        caller: its verified caller.
        address: the address that it came from, for the audit log.
        value: its value.
        sealed_seconds: when it was sealed, in seconds since 1970.
    """

    caller: Caller
    address: str | None
    value: bytes
    sealed_seconds: float


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Principal).decode


class MessageCipher:
    """Seals messages (encrypts and authenticates them), and opens sealed ones.

    A sealed value is a version byte, a random salt, and the AES-256-GCM ciphertext with its tag. HKDF-SHA256 derives
    the key of each message from a secret and the salt, so a key encrypts one message, however many there are.

    Args:
        secrets: the first one seals; a message that is sealed with any of them is opened.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        # The part of HKDF that is the same for all messages; its salt is empty.
        self._keys = tuple(HKDF.extract(SHA256(), None, one.encode()) for one in secrets)

    def seal_request(
        self, caller: Caller, topic: str, headers: Sequence[Header], value: bytes, address: str | None = None
    ) -> tuple[list[Header], bytes]:
        """Return the headers of a command or query with that of its principal added, and its sealed value."""
        claims = _Principal(
            tenant=caller.tenant,
            sub=caller.subject,
            kind=caller.kind,
            scopes=sorted(caller.scopes),
            iat=int(time.time()),
            customer_id=caller.customer_id,
            address=address,
        )
        complete = [*headers, (PRINCIPAL, _encode(claims))]
        return complete, self.seal(topic, complete, value)

    def seal(self, topic: str, headers: Sequence[Header], value: bytes) -> bytes:
        """Return the sealed value of a message with these headers on this topic."""
        salt = os.urandom(_SALT_BYTES)
        data = _associated_data(topic, dict(headers))
        return b"".join((_VERSION, salt, _cipher(self._keys[0], salt).encrypt(_NONCE, value, data)))

    def open(self, record: ConsumerRecord) -> bytes | None:
        """Return the value of a sealed message; None if it is not sealed with one of the secrets, or was changed."""
        sealed: bytes = record.value
        if not _is_sealed(sealed):
            return None
        data = _associated_data(record.topic, dict(record.headers))
        start = len(_VERSION) + _SALT_BYTES
        salt, encrypted = sealed[len(_VERSION) : start], sealed[start:]
        for key in self._keys:
            with contextlib.suppress(InvalidTag):
                return _cipher(key, salt).decrypt(_NONCE, encrypted, data)
        return None

    def open_request(self, record: ConsumerRecord, age_seconds_max: float = AGE_SECONDS_MAX) -> Request:
        """Return the caller and the value of a command or query.

        Args:
            record: the message.
            age_seconds_max: the age of a principal from which on it is refused.

        Raises:
            UnverifiedPrincipal: the message is not sealed with a secret of this service, or is not as it was sealed; or
                its principal is missing, malformed or too old.
        """
        if not _is_sealed(record.value):
            raise UnverifiedPrincipal("it is not sealed")
        value = self.open(record)
        if value is None:
            raise UnverifiedPrincipal("it was changed, or its value is that of another message, or by another secret")
        principal = dict(record.headers).get(PRINCIPAL) or b""
        if len(principal) > _PRINCIPAL_BYTES_MAX:
            raise UnverifiedPrincipal("its principal is too long")
        try:
            claims = _decode(principal)
        except msgspec.DecodeError as error:
            raise UnverifiedPrincipal(f"its principal is not valid: {error}") from None
        if abs(time.time() - claims.iat) > age_seconds_max:
            raise UnverifiedPrincipal("it was sealed too long ago, or by a machine whose clock is wrong")
        return Request(_caller(claims), claims.address, value, claims.iat)


def _is_sealed(value: bytes | None) -> bool:
    """Return whether a value has the form of a sealed one."""
    return value is not None and value[:1] == _VERSION and len(value) >= len(_VERSION) + _SALT_BYTES + _TAG_BYTES


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    """Return the cipher with the key of one message."""
    return AESGCM(HKDFExpand(SHA256(), _KEY_BYTES, _INFO + salt).derive(key))


def _associated_data(topic: str, headers: Mapping[str, bytes]) -> bytes:
    """Return what is authenticated with the value: the topic and AUTHENTICATED_HEADERS.

    Each is there as its length in bytes, a colon, and its bytes.
    """
    parts = [topic.encode(), *[headers.get(name) or b"" for name in AUTHENTICATED_HEADERS]]
    return b"".join([b"%d:%b" % (len(part), part) for part in parts])


def _caller(claims: _Principal) -> Caller:
    """Return the caller of verified claims. A scope that is unknown to this version is left out."""
    try:
        check_text("tenant", claims.tenant, most=255)
        check_text("sub", claims.sub, most=255)
        if claims.address is not None:
            check_text("address", claims.address, most=100)
        scopes = SCOPES.intersection(claims.scopes)
        customer_id = None if claims.customer_id is None else CustomerId(claims.customer_id)
        return Caller(claims.tenant, claims.sub, scopes, claims.kind, customer_id)
    except (InvalidRequest, ValueError) as error:
        raise UnverifiedPrincipal(f"its principal is not valid: {error}") from None
