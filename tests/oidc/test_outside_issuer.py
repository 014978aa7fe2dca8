"""Tokens of a real OpenID Connect issuer: accepted for linked customers, and refused for everything that is wrong."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from uuid_utils.compat import uuid7

from tekana import Settings
from tekana.application import SuspendCustomer
from tekana.application.authentication.authenticator import REFUSED_SECONDS
from tekana.application.sign_in import issuers
from tekana.application.sign_in.identities import CustomerIdentities
from tekana.application.sign_in.issuers import LOOKED_UP_FOR, Issuer, OutsideTokens
from tekana.application.sign_in.verifier import AccessTokenVerifier
from tekana.domain.caller import LOCAL_OPERATOR, customer_caller
from tekana.domain.errors import Unauthenticated, Unavailable
from tekana.testing.clock import FrozenClock
from tekana_httpcore.key_sets import HttpKeySetReader
from tekana_litestar import create_app
from tests.integration.http_support import client_of, registration, started_app
from tests.oidc.issuer import AUDIENCE, OutsideIssuer
from tests.sign_in.support import World, sign_in_world

SUBJECT, STRANGER, BY_ID, BY_PHONE, BY_NUMBER = "linked", "stranger", "by-id", "by-phone", "by-number"
PHONE_NUMBER, CLAIM = "+250788777001", "wallet_customer"
CLAIMS: dict[str, Any] = {BY_ID: {}, BY_PHONE: {CLAIM: PHONE_NUMBER}, BY_NUMBER: {CLAIM: 7}}


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OutsideIssuer]:
    """The issuer; tests configure its keys."""
    found = OutsideIssuer(tmp_path_factory.mktemp("issuer"), [SUBJECT, STRANGER, BY_ID, BY_PHONE, BY_NUMBER], CLAIMS)
    yield found
    found.stop()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with sign_in_world(clock=FrozenClock(datetime.now(UTC))) as one:
        yield one


@pytest.fixture
async def reader() -> AsyncIterator[HttpKeySetReader]:
    found = HttpKeySetReader()
    yield found
    await found.stop()


def verifier(world: World, issuer: OutsideIssuer, reader: HttpKeySetReader, **changes: Any) -> AccessTokenVerifier:
    """Return a verifier that accepts the issuer."""
    settings: dict[str, Any] = {"issuer": issuer.url, "audience": AUDIENCE}
    outside = OutsideTokens(Issuer(**(settings | changes)), world.store, reader, world.clock)
    return AccessTokenVerifier(world.tokens, [outside], world.clock)


async def link(world: World, issuer: OutsideIssuer) -> Any:
    """Register a customer, and link them with the subject."""
    customer = await world.register(None)
    identities = CustomerIdentities(world.store, world.clock, uuid7, world.audit)
    await identities.add(LOCAL_OPERATOR, customer.id, issuer.url, SUBJECT)
    return customer


async def is_refused(verifier: AccessTokenVerifier, token: str) -> bool:
    """Return whether a token gets the one refusal."""
    try:
        await verifier.verify(token)
    except Unauthenticated as error:
        return str(error) == str(Unauthenticated())
    return False


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
async def test_a_linked_subject_is_the_customer(
    world: World, issuer: OutsideIssuer, reader: HttpKeySetReader, algorithm: str
) -> None:
    issuer.configure(algorithm, f"key of {algorithm}")
    customer = await link(world, issuer)
    found = verifier(world, issuer, reader, algorithms=(algorithm,))
    token = issuer.issue(SUBJECT)
    verified = await found.verify(token)
    assert verified.caller == customer_caller("main", customer.id)
    assert await found.verify(token) is verified
    assert await is_refused(found, issuer.issue(STRANGER))
    assert await is_refused(verifier(world, issuer, reader, algorithms=(algorithm,), tenant="another"), token)
    others = tuple(sorted(issuers.ALGORITHMS - {algorithm}))
    assert await is_refused(verifier(world, issuer, reader, algorithms=others), token)


async def test_what_is_wrong_with_a_token(world: World, issuer: OutsideIssuer, reader: HttpKeySetReader) -> None:
    issuer.configure("RS256", "one", "two")
    await link(world, issuer)
    found = verifier(world, issuer, reader)
    token = issuer.issue(SUBJECT)
    await found.verify(token)
    head, body, signature = token.split(".")
    other_head = _b64(b'{"alg":"RS256","kid":"two"}')
    keys = {"kid": "one", "typ": "at+jwt"}
    claims = jwt.decode(token, options={"verify_signature": False})
    public = await reader.read(f"{issuer.url}/jwks")
    wrong = {
        "another audience": issuer.issue(SUBJECT, "https://another.example"),
        "changed signature": f"{head}.{body}.{signature[:-8]}AAAAAAAA",
        "alg none": f"{jwt.encode(claims, None, 'none', headers=keys)}",
        "HS256 with the public keys": _hs256(claims, keys, public),
        "unknown kid": _hs256(claims, keys | {"kid": "unknown", "alg": "RS256"}, public),
        "its own key": _hs256(claims, keys | {"alg": "RS256", "jku": f"{issuer.url}/jwks"}, public),
        "another key of the issuer": f"{other_head}.{body}.{signature}",
        "another issuer": _hs256(claims | {"iss": "https://other.example"}, keys | {"alg": "RS256"}, public),
    }
    for name, one in wrong.items():
        assert await is_refused(found, one), name
    for audience in ("another-api", f"{AUDIENCE}/", AUDIENCE.upper()):
        assert await is_refused(verifier(world, issuer, reader, audience=audience), token), audience
    world.clock.advance(timedelta(seconds=300 + 59))
    fresh = verifier(world, issuer, reader)
    await fresh.verify(token)
    world.clock.advance(timedelta(seconds=2))
    assert await is_refused(fresh, token)
    assert await is_refused(verifier(world, issuer, reader), token)


async def test_a_claim_says_who_the_customer_is(
    world: World, issuer: OutsideIssuer, reader: HttpKeySetReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_id, by_phone = await world.register(None), await world.register(None, phone_number=PHONE_NUMBER)
    CLAIMS[BY_ID][CLAIM] = str(by_id.id)
    issuer.configure("RS256", "claims")
    found = verifier(world, issuer, reader, customer_claim=CLAIM)
    assert (await found.verify(issuer.issue(BY_ID))).caller.customer_id == by_id.id
    assert (await found.verify(issuer.issue(BY_PHONE))).caller.customer_id == by_phone.id
    for subject in (BY_NUMBER, STRANGER):
        assert await is_refused(found, issuer.issue(subject))
    assert await is_refused(
        verifier(world, issuer, reader, customer_claim=CLAIM, tenant="another"), issuer.issue(BY_ID)
    )


async def test_a_suspended_customer_is_refused_within_five_minutes(
    world: World, issuer: OutsideIssuer, reader: HttpKeySetReader
) -> None:
    issuer.configure("RS256", "suspended", lifetime_seconds=3600)
    customer = await link(world, issuer)
    found, token = verifier(world, issuer, reader), issuer.issue(SUBJECT)
    await found.verify(token)
    await world.app.execute(SuspendCustomer(customer_id=customer.id, reason="a check"))
    assert await is_refused(verifier(world, issuer, reader), token)
    world.clock.advance(LOOKED_UP_FOR)
    assert await is_refused(found, token)


async def test_rotated_keys_are_read_once_in_a_while(
    world: World, issuer: OutsideIssuer, reader: HttpKeySetReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer.configure("RS256", "before")
    await link(world, issuer)
    found, old = verifier(world, issuer, reader), issuer.issue(SUBJECT)
    await found.verify(old)
    issuer.configure("RS256", "after")
    new, reads = issuer.issue(SUBJECT), 0
    read = reader.read

    async def count(url: str) -> bytes:
        nonlocal reads
        reads += 1
        return await read(url)

    monkeypatch.setattr(reader, "read", count)
    assert all([await is_refused(found, new) for _ in range(20)])  # the keys were read a moment ago
    assert reads == 0
    monkeypatch.setattr(issuers, "UNKNOWN_KEY_RELOAD_SECONDS", 0.0)
    await asyncio.gather(*(found.verify(new) for _ in range(5)))
    assert reads >= 2  # the configuration and the keys
    fresh = verifier(world, issuer, reader)
    await fresh.verify(new)
    assert await is_refused(fresh, old)  # the key is not published any more


async def test_an_issuer_that_is_away(
    world: World, reader: HttpKeySetReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = OutsideIssuer(tmp_path, [SUBJECT], {})
    await link(world, issuer)
    token, other = issuer.issue(SUBJECT), issuer.issue(SUBJECT)
    found = verifier(world, issuer, reader)
    await found.verify(token)
    issuer.stop()
    monkeypatch.setattr(issuers, "RELOAD_SECONDS", 0.0)
    monkeypatch.setattr(issuers, "UNKNOWN_KEY_RELOAD_SECONDS", 0.0)
    await found.verify(other)  # with the keys that were read
    with pytest.raises(Unavailable):
        await verifier(world, issuer, reader).verify(token)


async def test_over_http(issuer: OutsideIssuer, tmp_path: Path) -> None:
    """From the settings to an answer: accepted where the subject is linked, and refused like any broken token."""
    issuer.configure("ES256", "over HTTP")
    file = tmp_path / "issuers.json"
    file.write_text(json.dumps([{"issuer": issuer.url, "audience": AUDIENCE, "algorithms": ["ES256"]}]))
    app = create_app(Settings(database_url="memory://", outside_issuers=str(file)))
    async with started_app(app), client_of(app) as operator:
        customer = (await operator.post("/v1/customers", json=registration())).raise_for_status().json()
        path, tokens = f"/v1/customers/{customer['id']}", {name: issuer.issue(name) for name in (SUBJECT, STRANGER)}
        tokens |= {"audience": issuer.issue(SUBJECT, "https://another.example"), "changed": f"{tokens[SUBJECT]}x"}

        async def answers() -> dict[str, httpx.Response]:
            found = {}
            for name, token in tokens.items():
                request = httpx.Request(
                    "GET", f"http://tekana.test{path}", headers={"Authorization": f"Bearer {token}"}
                )
                found[name] = await operator.send(request, auth=None)
            return found

        assert {one.status_code for one in (await answers()).values()} == {401}
        body = {"issuer": issuer.url, "subject": SUBJECT}
        identity = (await operator.post(f"{path}/identities", json=body)).raise_for_status().json()
        await asyncio.sleep(REFUSED_SECONDS)  # for which a refused token is refused without a look at it
        linked = await answers()
        assert linked[SUBJECT].json()["id"] == customer["id"]
        others = [one for name, one in linked.items() if name != SUBJECT]
        assert {one.status_code for one in others} == {401}
        assert len({one.json()["detail"] for one in others}) == 1
        assert (await operator.delete(f"{path}/identities/{identity['id']}")).status_code == 204


def _b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _hs256(claims: dict[str, Any], header: dict[str, Any], key: bytes) -> str:
    """Return a token signed with HMAC, by hand, as PyJWT refuses such keys."""
    parts = [_b64(json.dumps(one).encode()) for one in ({"alg": "HS256"} | header, claims)]
    return ".".join([*parts, _b64(hmac.digest(key, ".".join(parts).encode(), "sha256"))])
