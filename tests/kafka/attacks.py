"""Forged messages: what an attacker can send who has seen a valid command, or a sender that makes a mistake."""

from __future__ import annotations

import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from aiokafka import ConsumerRecord

from tekana_kafka.message_cipher import MessageCipher
from tests.kafka.topology import BUS_SECRET

OTHER_SECRET = "another secret that the services of tests do not have"  # noqa: S105 - of no system

Headers = list[tuple[str, bytes]]


class Attack(NamedTuple):
    """A message as an attacker sends it, who has seen a valid one with these headers and value."""

    name: str
    forge: Callable[[str, Headers, bytes], tuple[Headers, bytes]]
    reason: str


UNSEALED, CHANGED, INVALID = "it is not sealed", "it was changed, or its value is that of", "its principal is not valid"
OLD_SECONDS = 26 * 3600
SALT_BYTES, TAG_BYTES = 32, 16


def with_header(headers: Headers, name: str, value: bytes) -> Headers:
    """Return the headers with another value of one of them, which is added if it is missing."""
    return [one for one in headers if one[0] != name] + [(name, value)]


def without(headers: Headers, *names: str) -> Headers:
    return [one for one in headers if one[0] not in names]


def with_claims(headers: Headers, **changed: Any) -> Headers:
    """Return the headers with other claims than the sealed ones."""
    claims = msgspec.json.decode(dict(headers)["principal"]) | changed
    return with_header(headers, "principal", msgspec.json.encode(claims))


def changed(name: str, value: bytes) -> Callable[[str, Headers, bytes], tuple[Headers, bytes]]:
    """Return an attack that changes a header of a sealed message."""
    return lambda _, headers, body: (with_header(headers, name, value), body)


def claimed(**claims: Any) -> Callable[[str, Headers, bytes], tuple[Headers, bytes]]:
    """Return an attack that changes claims of a sealed message."""
    return lambda _, headers, body: (with_claims(headers, **claims), body)


def opened(topic: str, headers: Headers, value: bytes) -> bytes:
    """Return the value of a message as its sender, who has the secret, knows it."""
    record = ConsumerRecord(topic, 0, 0, 0, 0, None, value, None, 0, 0, headers)
    found = MessageCipher([BUS_SECRET]).open(record)
    assert found is not None
    return found


def sealed_anew(
    change: Callable[[Headers], Headers], secret: str = BUS_SECRET, prefix: str = ""
) -> Callable[[str, Headers, bytes], tuple[Headers, bytes]]:
    """Return an attack, or a mistake, of a sender with a secret, who knows the value."""

    def forge(topic: str, headers: Headers, value: bytes) -> tuple[Headers, bytes]:
        other = change(headers)
        return other, MessageCipher([secret]).seal(prefix + topic, other, opened(topic, headers, value))

    return forge


def with_value(change: Callable[[bytes], bytes]) -> Callable[[str, Headers, bytes], tuple[Headers, bytes]]:
    """Return an attack that changes the sealed value."""
    return lambda _, headers, value: (headers, change(value))


def flipped(at: int) -> Callable[[str, Headers, bytes], tuple[Headers, bytes]]:
    """Return an attack that flips a bit of one byte of the sealed value."""

    def flip(value: bytes) -> bytes:
        changed = bytearray(value)
        changed[at] ^= 1
        return bytes(changed)

    return with_value(flip)


def of_another_message(topic: str, headers: Headers, value: bytes) -> tuple[Headers, bytes]:
    """Put the sealed value of another message, of the same sender, under these headers."""
    other = with_header(headers, "idempotency-key", b"another")
    return headers, MessageCipher([BUS_SECRET]).seal(topic, other, opened(topic, headers, value))


def unsigned_token(headers: Headers) -> bytes:
    """Return a JSON Web Token with the claims, of the algorithm `none`."""
    head, claims = (urlsafe_b64encode(one).rstrip(b"=") for one in (b'{"alg":"none"}', dict(headers)["principal"]))
    return b"%b.%b." % (head, claims)


ATTACKS = [
    Attack(
        "nothing",
        lambda topic, headers, value: (without(headers, "principal"), opened(topic, headers, value)),
        UNSEALED,
    ),
    Attack(
        "plain headers",
        lambda topic, headers, value: (
            [*without(headers, "principal"), ("caller", b"local"), ("tenant", b"main")],
            opened(topic, headers, value),
        ),
        UNSEALED,
    ),
    Attack("a plain value", lambda topic, headers, value: (headers, opened(topic, headers, value)), UNSEALED),
    Attack("no value", with_value(lambda _: b""), UNSEALED),
    Attack("a short value", with_value(lambda value: value[: SALT_BYTES + TAG_BYTES]), UNSEALED),
    Attack("another version", with_value(lambda value: b"\x02" + value[1:]), UNSEALED),
    Attack("no principal", lambda _, headers, value: (without(headers, "principal"), value), CHANGED),
    Attack("garbage as principal", changed("principal", b"\xff\x00"), CHANGED),
    Attack("garbage as value", with_value(lambda value: b"\x01" + b"\xff" * len(value)), CHANGED),
    Attack("another salt", flipped(1), CHANGED),
    Attack("a bit of the value", flipped(1 + SALT_BYTES), CHANGED),
    Attack("a bit of the tag", flipped(-1), CHANGED),
    Attack("a value cut off", with_value(lambda value: value[:-1]), CHANGED),
    Attack("a longer value", with_value(lambda value: value + b"\x00"), CHANGED),
    Attack("the value of another message", of_another_message, CHANGED),
    Attack(
        "algorithm none",
        lambda _, headers, value: (with_header(headers, "principal", unsigned_token(headers)), value),
        CHANGED,
    ),
    Attack("another secret", sealed_anew(lambda headers: headers, OTHER_SECRET), CHANGED),
    Attack("the empty secret", sealed_anew(lambda headers: headers, ""), CHANGED),
    Attack("edited scopes", claimed(scopes=["tenants:all"]), CHANGED),
    Attack("edited subject", claimed(sub="root"), CHANGED),
    Attack("edited tenant", claimed(tenant="another"), CHANGED),
    Attack("another key", changed("idempotency-key", b"another"), CHANGED),
    Attack(
        "another key, twice", lambda _, headers, value: ([*headers, ("idempotency-key", b"another")], value), CHANGED
    ),
    Attack("another command", changed("command", b"WithdrawFunds"), CHANGED),
    Attack("another request", changed("request-id", b"x"), CHANGED),
    Attack("a longer wait", changed("time-to-live-ms", b"999999"), CHANGED),
    Attack("a later deadline", changed("deadline", b"2999-01-01T00:00:00Z"), CHANGED),
    Attack("of another topic", sealed_anew(lambda headers: headers, prefix="other."), CHANGED),
    Attack(
        "old", sealed_anew(lambda headers: with_claims(headers, iat=int(time.time()) - OLD_SECONDS)), "too long ago"
    ),
    Attack(
        "of the future", sealed_anew(lambda headers: with_claims(headers, iat=int(time.time()) + OLD_SECONDS)), "clock"
    ),
    Attack("sealed without a principal", sealed_anew(lambda headers: without(headers, "principal")), INVALID),
    Attack("a sealed token", sealed_anew(lambda one: with_header(one, "principal", unsigned_token(one))), INVALID),
    Attack("a huge principal", sealed_anew(lambda headers: with_header(headers, "principal", b"[" * 9000)), "too long"),
    Attack("a customer without an id", sealed_anew(lambda headers: with_claims(headers, kind="customer")), INVALID),
    Attack("an unknown kind", sealed_anew(lambda headers: with_claims(headers, kind="king")), INVALID),
    Attack("no subject", sealed_anew(lambda headers: with_claims(headers, sub="")), INVALID),
    Attack("claims of another form", sealed_anew(lambda headers: with_claims(headers, scopes="all")), INVALID),
]
