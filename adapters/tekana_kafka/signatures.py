"""The signatures of messages on the bus: those of commands and queries, with the caller, and those of replies.

A signature is an HMAC-SHA256 of the whole message, so it is invalid with any other message. Who has the secret can act
as any caller: gateways, services, and programs that send commands themselves.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

import msgspec
from aiokafka import ConsumerRecord

from tekana.application.commands.validation import check_text
from tekana.domain.caller import SCOPES, Caller, CallerKind
from tekana.domain.errors import InvalidRequest, Unavailable
from tekana.domain.identifiers import CustomerId
from tekana_kafka.cloud_events import Header

PRINCIPAL: Final = "principal"
"""The header of a command or query with its caller."""

SIGNATURE: Final = "signature"
"""The header of every message with its signature."""

SIGNED_HEADERS: Final = (
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
"""The headers that a signature covers, in this order; one that a message lacks counts as empty."""

AGE_SECONDS_MAX: Final = 25 * 3600
"""The age of a principal from which on it is refused: a topic of commands has no older messages."""

_PRINCIPAL_BYTES_MAX: Final = 8 * 1024


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


class Principal(NamedTuple):
    """The verified caller of a message, and the address that its request came from, for the audit log."""

    caller: Caller
    address: str | None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Principal).decode


class Signatures:
    """Signs and verifies messages.

    Args:
        secrets: the first one signs; a message that is signed with any of them is valid.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = tuple(one.encode() for one in secrets)

    def sign_request(
        self, caller: Caller, topic: str, headers: Sequence[Header], value: bytes, address: str | None = None
    ) -> list[Header]:
        """Return the headers of a command or query with those of its principal and its signature added."""
        claims = _Principal(
            tenant=caller.tenant,
            sub=caller.subject,
            kind=caller.kind,
            scopes=sorted(caller.scopes),
            iat=int(time.time()),
            customer_id=caller.customer_id,
            address=address,
        )
        return self.sign(topic, [*headers, (PRINCIPAL, _encode(claims))], value)

    def sign(self, topic: str, headers: Sequence[Header], value: bytes) -> list[Header]:
        """Return the headers of a message with that of its signature added."""
        return [*headers, (SIGNATURE, _signature(self._secrets[0], _signed_bytes(topic, dict(headers), value)))]

    def is_signed(self, record: ConsumerRecord) -> bool:
        """Return whether a message is signed with one of the secrets."""
        headers = dict(record.headers)
        message, signature = _signed_bytes(record.topic, headers, record.value), headers.get(SIGNATURE) or b""
        return any(hmac.compare_digest(signature, _signature(one, message)) for one in self._secrets)

    def caller_of(self, record: ConsumerRecord) -> Caller:
        """Return the caller of a command or query. Raises UnverifiedPrincipal like `principal_of`."""
        return self.principal_of(record).caller

    def principal_of(self, record: ConsumerRecord) -> Principal:
        """Return the principal of a command or query.

        Raises:
            UnverifiedPrincipal: the message is not signed with a secret of this service, or its signature is that of
                another message; or its principal is missing, malformed or too old.
        """
        headers = dict(record.headers)
        if not headers.get(SIGNATURE):
            raise UnverifiedPrincipal("it is not signed")
        if not self.is_signed(record):
            raise UnverifiedPrincipal("its signature is of another message, or by another secret")
        principal = headers.get(PRINCIPAL) or b""
        if len(principal) > _PRINCIPAL_BYTES_MAX:
            raise UnverifiedPrincipal("its principal is too long")
        try:
            claims = _decode(principal)
        except msgspec.DecodeError as error:
            raise UnverifiedPrincipal(f"its principal is not valid: {error}") from None
        if abs(time.time() - claims.iat) > AGE_SECONDS_MAX:
            raise UnverifiedPrincipal("it was signed too long ago, or by a machine whose clock is wrong")
        return Principal(_caller(claims), claims.address)


def _signature(secret: bytes, message: bytes) -> bytes:
    return hmac.digest(secret, message, "sha256").hex().encode()


def _signed_bytes(topic: str, headers: Mapping[str, bytes], value: bytes | None) -> bytes:
    """Return what a signature covers: the topic, SIGNED_HEADERS and the value.

    Each is there as its length in bytes, a colon, and its bytes.
    """
    parts = [topic.encode(), *[headers.get(name) or b"" for name in SIGNED_HEADERS], value or b""]
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
