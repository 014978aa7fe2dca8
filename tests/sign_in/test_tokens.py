"""Access and refresh tokens, and the keys that sign them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from uuid_utils.compat import uuid7

from tekana.application import ReactivateCustomer, SuspendCustomer
from tekana.application.authentication.authenticator import TOKEN_LENGTH_MAX
from tekana.application.secrets.data_keys import DataKeys
from tekana.application.sign_in import verifier as verifier_module
from tekana.application.sign_in.access_tokens import LIFETIME, SKEW
from tekana.application.sign_in.key_ring import KeyRing
from tekana.application.sign_in.sign_in import Tokens
from tekana.application.sign_in.verifier import AccessTokenVerifier
from tekana.domain.caller import customer_caller
from tekana.domain.customer import Customer
from tekana.domain.errors import SignInRefused, Unauthenticated, Unavailable
from tekana.domain.identifiers import CustomerId
from tekana.domain.refresh_families import GRACE, IDLE_LIFETIME, LONGEST_LIFETIME, RefreshToken
from tekana.domain.signing_keys import OVERLAP, PERIOD, period_of
from tekana.testing.clock import FrozenClock
from tekana_keyfile import MemoryKeys
from tekana_litestar.middleware import REQUEST_TIMEOUT_SECONDS
from tests.sign_in.support import AUDIENCE, ISSUER, PASSWORD, World, phone_of, sign_in_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with sign_in_world() as one:
        yield one


async def signed_in(world: World) -> tuple[Customer, Tokens]:
    """Register a customer, and sign them in."""
    customer = await world.register()
    return customer, await world.sign_in.sign_in(phone_of(customer), PASSWORD)


# ---------------------------------------------------------------------- refresh


async def test_a_refresh_token_rotates(world: World) -> None:
    customer, tokens = await signed_in(world)
    seen = {tokens.refresh_token}
    for _ in range(5):
        world.clock.advance(GRACE)
        tokens = await world.sign_in.refresh(tokens.refresh_token)
        assert (await world.verifier.verify(tokens.access_token)).caller == customer_caller("main", customer.id)
        assert tokens.refresh_token not in seen
        seen.add(tokens.refresh_token)
    secrets = {RefreshToken.decode(one) for one in seen}
    assert all(one is not None and len(one.secret) == 32 for one in secrets)
    stored = repr(world.store._state.sign_in.families)
    assert not any(one in stored for one in seen)


@pytest.mark.parametrize("steps", [1, 2, 3])
async def test_a_reused_token_ends_the_family(world: World, steps: int) -> None:
    _, first = await signed_in(world)
    newest = first
    for _ in range(steps):
        newest = await world.sign_in.refresh(newest.refresh_token)
        world.clock.advance(GRACE)
    for token in (first, newest):
        with pytest.raises(SignInRefused):
            await world.sign_in.refresh(token.refresh_token)


async def test_a_token_of_two_steps_before_ends_the_family_within_the_grace(world: World) -> None:
    _, first = await signed_in(world)
    second = await world.sign_in.refresh(first.refresh_token)
    third = await world.sign_in.refresh(second.refresh_token)
    for token in (first, third):
        with pytest.raises(SignInRefused):
            await world.sign_in.refresh(token.refresh_token)


async def test_another_family_of_the_customer_goes_on(world: World) -> None:
    customer, first = await signed_in(world)
    other = await world.sign_in.sign_in(phone_of(customer), PASSWORD)
    await world.sign_in.refresh(first.refresh_token)
    world.clock.advance(GRACE)
    with pytest.raises(SignInRefused):
        await world.sign_in.refresh(first.refresh_token)
    await world.sign_in.refresh(other.refresh_token)


async def test_a_repeated_request_and_many_tabs_get_the_same_next_token(world: World) -> None:
    _, first = await signed_in(world)
    at_once = await asyncio.gather(*(world.sign_in.refresh(first.refresh_token) for _ in range(10)))
    world.clock.advance(GRACE - timedelta(seconds=1))
    again = await world.sign_in.refresh(first.refresh_token)
    assert len({one.refresh_token for one in (*at_once, again)}) == 1
    await world.sign_in.refresh(again.refresh_token)


async def test_a_refresh_that_was_answered_with_unknown_can_be_repeated(world: World) -> None:
    _, first = await signed_in(world)
    lost = await world.sign_in.refresh(first.refresh_token)
    # The client waits for the 503, and for the `Retry-After` that it states; the next one may fail likewise.
    world.clock.advance(timedelta(seconds=1.5 * REQUEST_TIMEOUT_SECONDS))
    assert (await world.sign_in.refresh(first.refresh_token)).refresh_token == lost.refresh_token


async def test_a_refresh_without_a_signing_key_uses_nothing_up(world: World) -> None:
    customer = await world.register()
    tokens = await world.sign_in.sign_in(phone_of(customer), PASSWORD)
    get = world.data_keys.get
    world.key_ring._signers.clear()  # as in a process that was started since

    async def fail(*_: Any) -> Any:
        raise Unavailable("the key provider is away")

    world.data_keys.get = fail  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        await world.sign_in.refresh(tokens.refresh_token)
    world.data_keys.get = get  # type: ignore[method-assign]
    world.clock.advance(GRACE)
    await world.sign_in.refresh(tokens.refresh_token)


async def test_families_expire(world: World) -> None:
    _, tokens = await signed_in(world)
    world.clock.advance(IDLE_LIFETIME - timedelta(seconds=1))
    tokens = await world.sign_in.refresh(tokens.refresh_token)
    world.clock.advance(IDLE_LIFETIME)
    with pytest.raises(SignInRefused):
        await world.sign_in.refresh(tokens.refresh_token)
    _, tokens = await signed_in(world)
    for _ in range(LONGEST_LIFETIME // timedelta(days=10) - 1):
        world.clock.advance(timedelta(days=10))
        tokens = await world.sign_in.refresh(tokens.refresh_token)
    world.clock.advance(timedelta(days=10))
    with pytest.raises(SignInRefused):
        await world.sign_in.refresh(tokens.refresh_token)


@pytest.mark.parametrize("token", ["", "x", "é", "A" * 64, "\ud800", base64.urlsafe_b64encode(bytes(48)).decode()])
async def test_what_is_no_refresh_token(world: World, token: str) -> None:
    with pytest.raises(SignInRefused):
        await world.sign_in.refresh(token)
    await world.sign_in.sign_out(token)


async def test_sign_out_ends_the_family(world: World) -> None:
    customer, tokens = await signed_in(world)
    other = await world.sign_in.sign_in(phone_of(customer), PASSWORD)
    forged = RefreshToken(RefreshToken.decode(tokens.refresh_token).family_id, bytes(32)).encode()  # type: ignore
    await world.sign_in.sign_out(forged)
    tokens = await world.sign_in.refresh(tokens.refresh_token)
    for _ in range(2):
        await world.sign_in.sign_out(tokens.refresh_token)
    with pytest.raises(SignInRefused):
        await world.sign_in.refresh(tokens.refresh_token)
    await world.sign_in.refresh(other.refresh_token)
    await world.verifier.verify(tokens.access_token)  # for ten minutes at most


async def test_suspension_ends_all_families_for_good(world: World) -> None:
    customer, tokens = await signed_in(world)
    await world.app.execute(SuspendCustomer(customer_id=customer.id, reason="a check"))
    await world.app.execute(ReactivateCustomer(customer_id=customer.id))
    with pytest.raises(SignInRefused):
        await world.sign_in.refresh(tokens.refresh_token)
    await world.sign_in.sign_in(phone_of(customer), PASSWORD)


# ---------------------------------------------------------------------- access tokens


async def test_what_an_access_token_says(world: World) -> None:
    customer, tokens = await signed_in(world)
    claims = jwt.decode(tokens.access_token, options={"verify_signature": False})
    now = int(world.clock().timestamp())
    assert timedelta(minutes=15) >= LIFETIME
    assert UUID(claims.pop("jti"))
    assert claims == {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": f"customer:{customer.id}",
        "iat": now,
        "nbf": now,
        "exp": now + int(LIFETIME.total_seconds()),
        "tenant": "main",
        "customer_id": str(customer.id),
    }
    header = jwt.get_unverified_header(tokens.access_token)
    assert header == {"alg": "EdDSA", "typ": "at+jwt", "kid": (await world.key_ring.signer()).kid}
    for text in (customer.email, customer.phone_number, customer.full_name):
        assert text not in json.dumps(claims)


async def test_another_library_verifies_with_the_published_keys(world: World) -> None:
    _, tokens = await signed_in(world)
    [key] = (await world.tokens.jwks())["keys"]
    assert key.keys() == {"kty", "crv", "use", "alg", "kid", "x"}
    public = base64.urlsafe_b64decode(key["x"] + "=")
    head, _, signature = tokens.access_token.rpartition(".")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    Ed25519PublicKey.from_public_bytes(public).verify(base64.urlsafe_b64decode(signature + "=="), head.encode())


async def test_times_of_a_token(world: World) -> None:
    customer = await world.register()
    token = await world.tokens.issue("main", customer.id)
    moments = {-SKEW - timedelta(seconds=1): False, -SKEW: True, timedelta(0): True, LIFETIME: True}
    moments |= {LIFETIME + SKEW - timedelta(seconds=1): True, LIFETIME + SKEW: False}
    now = world.clock()
    for after, accepted in moments.items():
        world.clock.set(now + after)
        fresh = AccessTokenVerifier(world.tokens, (), world.clock)
        if accepted:
            await fresh.verify(token)
        else:
            with pytest.raises(Unauthenticated):
                await fresh.verify(token)


def _b64(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def forged(world: World) -> dict[str, str]:
    """Return one token of each kind that must be refused."""
    signer, now = await world.key_ring.signer(), int(world.clock().timestamp())
    customer_id = str(uuid4())
    good: dict[str, Any] = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": f"customer:{customer_id}", "iat": now, "nbf": now, "exp": now + 600,
        "jti": "1", "tenant": "main", "customer_id": customer_id,
    }  # fmt: skip
    header = {"kid": signer.kid, "typ": "at+jwt"}

    def sign(claims: Any = None, key: Any = signer.private_key, algorithm: str = "EdDSA", **headers: Any) -> str:
        payload = json.dumps(good if claims is None else claims).encode()
        return jwt.PyJWS().encode(payload, key, algorithm, headers=header | headers)

    whole = sign()
    verified = await AccessTokenVerifier(world.tokens, (), world.clock).verify(whole)
    assert verified.caller.customer_id == UUID(customer_id)
    head, body, signature = whole.split(".")
    public = signer.private_key.public_key().public_bytes_raw()
    without = {f"without {name}": sign({key: one for key, one in good.items() if key != name}) for name in good}
    odd: tuple[Any, ...] = (None, True, "soon", [], {}, 1e300, -1, "1" * 5000)
    odd_values = {f"{name} = {value!r}"[:40]: sign(good | {name: value}) for name in good for value in odd
                  if not (name in ("jti", "tenant") and isinstance(value, str))}  # fmt: skip
    unsigned = f"{_b64(header | {'alg': 'none'})}.{body}."
    return without | odd_values | {
        "garbage": "garbage",
        "empty": "",
        "dots": "..",
        "no ascii": "é.é.é",
        "half a surrogate": "\ud800.\ud800.\ud800",
        "expired": sign(good | {"exp": now - 61}),
        "not yet valid": sign(good | {"nbf": now + 61}),
        "issued later": sign(good | {"iat": now + 61}),
        "another issuer": sign(good | {"iss": "https://other.example"}),
        "another audience": sign(good | {"aud": "another-api"}),
        "several audiences": sign(good | {"aud": [AUDIENCE, "another-api"]}),
        "another customer": sign(good | {"customer_id": str(uuid4())}),
        "no id": sign(good | {"customer_id": "me", "sub": "customer:me"}),
        "alg none": unsigned,
        "alg None": f"{_b64(header | {'alg': 'None'})}.{body}.{signature}",
        "HS256 with the public key": jwt.encode(good, _b64(public), "HS256", headers=header),
        "RS256": sign(key=generate_private_key(65537, 2048), algorithm="RS256"),
        "another key": sign(key=Ed25519PrivateKey.generate()),
        "unknown kid": sign(kid="unknown"),
        "kid of a path": sign(kid="../../etc/passwd"),
        "a number as kid": f"{_b64({'alg': 'EdDSA', 'typ': 'at+jwt', 'kid': 7})}.{body}.{signature}",
        "no kid": f"{_b64({'alg': 'EdDSA', 'typ': 'at+jwt'})}.{body}.{signature}",
        "another type": sign(typ="JWT"),
        "no type": f"{_b64({'alg': 'EdDSA', 'kid': signer.kid})}.{body}.{signature}",
        "critical extension": sign(crit=["exp"]),
        "its own key": sign(key=Ed25519PrivateKey.generate(), jwk={"kty": "OKP", "crv": "Ed25519", "x": _b64(public)}),
        "changed signature": f"{head}.{body}.{'A' * len(signature)}",
        "changed payload": f"{head}.{_b64(good | {'tenant': 'other'})}.{signature}",
        "no object": f"{head}.{_b64([1])}.{signature}",
        "too long": sign(good | {"more": "x" * TOKEN_LENGTH_MAX}),
    }  # fmt: skip


async def test_every_broken_token_gets_one_same_refusal(world: World) -> None:
    tokens = await forged(world)
    assert len(tokens) > 80
    for name, token in tokens.items():
        with pytest.raises(Unauthenticated) as error:
            await world.verifier.verify(token)
        assert str(error.value) == str(Unauthenticated()), name
        assert error.value.__cause__ is None, name
        assert world.verifier._verified == {}, name


async def test_verified_tokens_are_kept_until_they_expire(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    customer, tokens = await signed_in(world)
    verified = await world.verifier.verify(tokens.access_token)
    assert await world.verifier.verify(tokens.access_token) is verified
    assert tokens.access_token not in repr(world.verifier._verified)
    world.clock.advance(LIFETIME + SKEW)
    with pytest.raises(Unauthenticated):
        await world.verifier.verify(tokens.access_token)
    monkeypatch.setattr(verifier_module, "CACHED_MAX", 3)
    for _ in range(10):
        await world.verifier.verify(await world.tokens.issue("main", customer.id))
    assert len(world.verifier._verified) == 3


# ---------------------------------------------------------------------- signing keys


async def test_keys_rotate_with_overlap(world: World) -> None:
    published_first = [one.kid for one in await world.key_ring.published()]
    stored = await world.store.signing_keys.list()
    periods = {one.period for one in stored if one.kid in published_first}
    clock = FrozenClock(world.clock())

    def ring() -> KeyRing:
        return KeyRing(world.store.signing_keys, world.data_keys, clock, world.audit)

    start = (clock() - timedelta(0)).replace(hour=0)
    assert periods == {period_of(clock())}
    old = await ring().signer()
    customer_id = CustomerId(uuid4())
    while period_of(clock()) == period_of(start):
        published = [one.kid for one in await ring().published()]
        assert (await ring().signer()).kid == old.kid
        remaining = PERIOD * (period_of(clock()) + 1) - (clock() - FrozenClock()().fromtimestamp(0, clock().tzinfo))
        assert len(published) == (2 if remaining <= OVERLAP else 1)
        last_published, last = published, await world.tokens.issue("main", customer_id)
        world.clock.set(clock())
        clock.advance(timedelta(hours=6))
    world.clock.set(clock() - timedelta(hours=6))
    world.key_ring._loaded_at = None
    last = await world.tokens.issue("main", customer_id)
    new = await ring().signer()
    assert new.kid != old.kid
    assert set(last_published) == {old.kid, new.kid}  # it was published before it signed
    world.clock.set(clock() - timedelta(hours=6) + LIFETIME)
    assert (await world.verifier.verify(last)).caller.customer_id == customer_id
    clock.advance(OVERLAP)
    assert [one.kid for one in await ring().published()] == [new.kid]


async def test_processes_that_begin_at_once_share_a_key(world: World) -> None:
    rings = [KeyRing(world.store.signing_keys, world.data_keys, world.clock, world.audit) for _ in range(5)]
    signers = await asyncio.gather(*(one.signer() for one in rings))
    assert len({one.kid for one in signers}) == 1
    assert len({one.private_key.private_bytes_raw() for one in signers}) == 1


async def test_private_keys_are_sealed_with_a_data_key(world: World) -> None:
    private = (await world.key_ring.signer()).private_key.private_bytes_raw()
    [stored] = await world.store.signing_keys.list()
    assert private not in stored.sealed_private_key
    assert repr(stored.sealed_private_key) not in repr(stored)
    again = DataKeys(world.store, world.data_keys._provider, uuid7)  # as in another process
    assert (
        await KeyRing(world.store.signing_keys, again, world.clock, world.audit).signer()
    ).private_key.private_bytes_raw() == (private)
    others = DataKeys(world.store, MemoryKeys(), uuid7)
    with pytest.raises(Unavailable):
        await KeyRing(world.store.signing_keys, others, world.clock, world.audit).signer()
    changed = replace(stored, sealed_private_key=stored.sealed_private_key[:-1] + b"x")
    world.store._state.sign_in.keys[stored.period] = changed
    with pytest.raises(Unavailable):
        await KeyRing(world.store.signing_keys, world.data_keys, world.clock, world.audit).signer()


async def test_an_unknown_kid_reads_the_keys_once_in_a_while(world: World) -> None:
    await world.key_ring.signer()
    reads = 0
    found = world.store.signing_keys.list

    async def count() -> Any:
        nonlocal reads
        reads += 1
        return await found()

    world.store.signing_keys.list = count
    world.key_ring._loaded_at = 0.0
    for number in range(100):
        assert await world.key_ring.public_key(f"kid {number}") is None
    assert reads == 1
