"""Verification of API keys: what is accepted, what is refused, and that a refusal takes the same work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256

import pytest

from tekana import Caller, KeyProperties, RevokeApiKey, Session, create_api_key, rotate_api_key
from tekana.application.authentication import ApiKeyTokens, StoredKeyVerifier, Verified, key_verifier
from tekana.application.authentication.key_text import make_secret, parse_key
from tekana.domain.api_keys import ROTATION_OVERLAP
from tekana.domain.identifiers import ApiKeyId
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import at_work
from tekana_memory import MemoryStore

SHOP = KeyProperties("Shop", "partner", ("wallets:read",), "shop")


@asynccontextmanager
async def keys() -> AsyncIterator[tuple[Session, ApiKeyTokens, FrozenClock, StoredKeyVerifier]]:
    clock = FrozenClock()
    store = MemoryStore(clock=clock)

    async def hash_secret(digest: str) -> str:
        return builders.hash_secret(digest)

    verifier = StoredKeyVerifier(store.credentials, hash_secret)
    async with at_work(store) as app:
        yield app, ApiKeyTokens(verifier), clock, verifier
    await verifier.stop()


def text_of(issued: object) -> str:
    text: str | None = getattr(issued, "text")  # noqa: B009
    assert text is not None
    return text


def test_the_text_of_a_key_has_the_id_and_32_random_bytes() -> None:
    key_id = ApiKeyId(builders.uuid7())
    one, other = make_secret(key_id), make_secret(key_id)
    prefix, id_, secret = one.text.split("_")
    assert (prefix, id_) == ("tk", key_id.hex)
    assert len(bytes.fromhex(secret)) == 32
    assert one.digest == sha256(bytes.fromhex(secret)).hexdigest()
    assert parse_key(one.text) == (key_id, one.digest)
    assert one != other


@pytest.mark.parametrize(
    "garble",
    [
        str.upper,
        lambda text: text + "0",
        lambda text: text[:-1],
        lambda text: f" {text}",
        lambda text: f"{text}\n",
        lambda text: text.replace("tk_", "tk-"),
        lambda _: "tk_",
    ],
)
def test_other_texts_are_no_keys(garble: object) -> None:
    assert parse_key(garble(make_secret(ApiKeyId(builders.uuid7())).text)) is None  # type: ignore[operator]


async def test_a_key_stands_for_its_caller() -> None:
    async with keys() as (app, tokens, _, _):
        issued = await create_api_key(app, SHOP)
        caller = Caller("shop", f"key:{issued.key.id}", frozenset({"wallets:read"}), "partner")
        assert await tokens.verify(text_of(issued)) == Verified(caller, None)


async def test_keys_that_are_not_valid_are_refused() -> None:
    async with keys() as (app, tokens, clock, _):
        expiring = await create_api_key(app, SHOP._replace(expires_at=clock() + timedelta(seconds=10)))
        revoked = await create_api_key(app, SHOP)
        verified = await tokens.verify(text_of(expiring))
        assert verified is not None
        assert verified.seconds_left == 10
        clock.advance(timedelta(seconds=10))
        await app.execute(RevokeApiKey(key_id=revoked.key.id))
        refused = {
            "expired": text_of(expiring),
            "revoked": text_of(revoked),
            "wrong secret": make_secret((await create_api_key(app, SHOP)).key.id).text,
            "unknown id": make_secret(ApiKeyId(builders.uuid7())).text,
            "garbage": "garbage",
            "empty": "",
        }
        assert {name: await tokens.verify(text) for name, text in refused.items()} == dict.fromkeys(refused)


async def test_a_rotated_key_is_valid_with_both_secrets_for_a_while() -> None:
    async with keys() as (app, tokens, clock, _):
        old = await create_api_key(app, SHOP)
        new = await rotate_api_key(app, old.key.id)
        first, second = await tokens.verify(text_of(old)), await tokens.verify(text_of(new))
        assert first is not None
        assert second is not None
        assert (first.caller, first.seconds_left) == (second.caller, ROTATION_OVERLAP.total_seconds())
        assert second.seconds_left is None
        clock.advance(ROTATION_OVERLAP)
        assert await tokens.verify(text_of(old)) is None
        assert await tokens.verify(text_of(new)) == second


async def test_every_refusal_takes_two_comparisons_of_a_keyed_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr(key_verifier, "compare_digest", compare)
    async with keys() as (app, tokens, _, _):
        issued = await create_api_key(app, SHOP)
        for text in (text_of(issued), make_secret(issued.key.id).text, make_secret(ApiKeyId(builders.uuid7())).text):
            compared.clear()
            await tokens.verify(text)
            assert compared == [(64, 64)] * 2


async def test_its_use_is_recorded_at_most_once_a_minute() -> None:
    async with keys() as (app, tokens, clock, verifier):
        issued = await create_api_key(app, SHOP)
        for seconds in (0, 59, 1):
            clock.advance(timedelta(seconds=seconds))
            await tokens.verify(text_of(issued))
            await verifier.stop()
        assert (await app.api_keys.get(issued.key.id)).last_used_at == clock()
        assert await tokens.verify(make_secret(issued.key.id).text) is None
        clock.advance(timedelta(minutes=5))
        await tokens.verify(make_secret(issued.key.id).text)
        await verifier.stop()
        assert (await app.api_keys.get(issued.key.id)).last_used_at != clock()
