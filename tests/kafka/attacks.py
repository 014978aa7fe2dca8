"""Forged messages: what an attacker can send who has seen a valid command, or a sender that makes a mistake."""

from __future__ import annotations

import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from tekana_kafka.signatures import Signatures
from tests.kafka.topology import BUS_SECRET

OTHER_SECRET = "another secret that the services of tests do not have"  # noqa: S105 - of no system

Headers = list[tuple[str, bytes]]


class Attack(NamedTuple):
    """A message as an attacker sends it, who has seen a valid one with these headers and value."""

    name: str
    forge: Callable[[str, Headers, bytes], tuple[Headers, bytes]]
    reason: str


UNSIGNED, MOVED, INVALID = "it is not signed", "of another message, or by another secret", "its principal is not valid"
OLD_SECONDS = 26 * 3600


def with_header(headers: Headers, name: str, value: bytes) -> Headers:
    """Return the headers with another value of one of them, which is added if it is missing."""
    return [one for one in headers if one[0] != name] + [(name, value)]


def without(headers: Headers, *names: str) -> Headers:
    return [one for one in headers if one[0] not in names]


def with_claims(headers: Headers, **changed: Any) -> Headers:
    """Return the headers with other claims under the signature of the original ones."""
    claims = msgspec.json.decode(dict(headers)["principal"]) | changed
    return with_header(headers, "principal", msgspec.json.encode(claims))


def changed(name: str, value: bytes) -> Callable[[str, Headers, bytes], tuple[Headers, bytes]]:
    """Return an attack that changes a header of a signed message."""
    return lambda _, headers, body: (with_header(headers, name, value), body)


def claimed(**claims: Any) -> Callable[[str, Headers, bytes], tuple[Headers, bytes]]:
    """Return an attack that changes claims of a signed message."""
    return lambda _, headers, body: (with_claims(headers, **claims), body)


def signed_anew(
    change: Callable[[Headers], Headers], secret: str = BUS_SECRET, prefix: str = ""
) -> Callable[[str, Headers, bytes], tuple[Headers, bytes]]:
    """Return an attack, or a mistake, of a sender with a secret."""
    return lambda topic, headers, body: (
        Signatures([secret]).sign(prefix + topic, change(without(headers, "signature")), body),
        body,
    )


def unsigned_token(headers: Headers) -> bytes:
    """Return a JSON Web Token with the claims, of the algorithm `none`."""
    head, claims = (urlsafe_b64encode(one).rstrip(b"=") for one in (b'{"alg":"none"}', dict(headers)["principal"]))
    return b"%b.%b." % (head, claims)


ATTACKS = [
    Attack("nothing", lambda _, headers, body: (without(headers, "principal", "signature"), body), UNSIGNED),
    Attack(
        "plain headers",
        lambda _, headers, body: (
            [*without(headers, "principal", "signature"), ("caller", b"local"), ("tenant", b"main")],
            body,
        ),
        UNSIGNED,
    ),
    Attack("no signature", lambda _, headers, body: (without(headers, "signature"), body), UNSIGNED),
    Attack("no principal", lambda _, headers, body: (without(headers, "principal"), body), MOVED),
    Attack("an empty signature", changed("signature", b""), UNSIGNED),
    Attack("garbage as signature", changed("signature", b"\xff\x00"), MOVED),
    Attack("garbage as principal", changed("principal", b"\xff\x00"), MOVED),
    Attack("a signature in capitals", lambda _, headers, body: (_in_capitals(headers), body), MOVED),
    Attack(
        "algorithm none",
        lambda _, headers, body: (with_header(headers, "principal", unsigned_token(headers)), body),
        MOVED,
    ),
    Attack(
        "another algorithm",
        lambda _, headers, body: (with_header(headers, "signature", _mac(BUS_SECRET, "sha512")), body),
        MOVED,
    ),
    Attack("another secret", signed_anew(lambda headers: headers, OTHER_SECRET), MOVED),
    Attack("the empty secret", signed_anew(lambda headers: headers, ""), MOVED),
    Attack("edited scopes", claimed(scopes=["tenants:all"]), MOVED),
    Attack("edited subject", claimed(sub="root"), MOVED),
    Attack("edited tenant", claimed(tenant="another"), MOVED),
    Attack("another key", changed("idempotency-key", b"another"), MOVED),
    Attack("another key, twice", lambda _, headers, body: ([*headers, ("idempotency-key", b"another")], body), MOVED),
    Attack("another command", changed("command", b"WithdrawFunds"), MOVED),
    Attack("another request", changed("request-id", b"x"), MOVED),
    Attack("a longer wait", changed("time-to-live-ms", b"999999"), MOVED),
    Attack("a later deadline", changed("deadline", b"2999-01-01T00:00:00Z"), MOVED),
    Attack("another value", lambda _, headers, body: (headers, body.replace(b'"amount":"1"', b'"amount":"9"')), MOVED),
    Attack("of another topic", signed_anew(lambda headers: headers, prefix="other."), MOVED),
    Attack(
        "old", signed_anew(lambda headers: with_claims(headers, iat=int(time.time()) - OLD_SECONDS)), "too long ago"
    ),
    Attack(
        "of the future", signed_anew(lambda headers: with_claims(headers, iat=int(time.time()) + OLD_SECONDS)), "clock"
    ),
    Attack("signed without a principal", signed_anew(lambda headers: without(headers, "principal")), INVALID),
    Attack("a signed token", signed_anew(lambda one: with_header(one, "principal", unsigned_token(one))), INVALID),
    Attack("a huge principal", signed_anew(lambda headers: with_header(headers, "principal", b"[" * 9000)), "too long"),
    Attack("a customer without an id", signed_anew(lambda headers: with_claims(headers, kind="customer")), INVALID),
    Attack("an unknown kind", signed_anew(lambda headers: with_claims(headers, kind="king")), INVALID),
    Attack("no subject", signed_anew(lambda headers: with_claims(headers, sub="")), INVALID),
    Attack("claims of another form", signed_anew(lambda headers: with_claims(headers, scopes="all")), INVALID),
]


def _in_capitals(headers: Headers) -> Headers:
    return with_header(headers, "signature", dict(headers)["signature"].upper())


def _mac(secret: str, algorithm: str) -> bytes:
    return hmac.new(secret.encode(), b"", algorithm).hexdigest().encode()
