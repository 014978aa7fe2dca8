"""The cache of verified tokens: what it answers, how often it asks, and for how long."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from tekana import Caller, Unauthenticated, Unavailable
from tekana.application.authentication import Authenticator, Verified, authenticator
from tekana.application.authentication.authenticator import (
    CACHE_SECONDS,
    REFRESH_SECONDS,
    REFUSED_SECONDS,
    TOKEN_LENGTH_MAX,
)

SHOP = Caller("shop", "key:1", frozenset())


@dataclass
class Tokens:
    """A verifier of the tokens in `valid`, which counts and can be held up."""

    valid: dict[str, Verified] = field(default_factory=lambda: {"good": Verified(SHOP)})
    asked: list[str] = field(default_factory=list)
    error: Exception | None = None
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.opened.set()

    async def verify(self, token: str) -> Verified | None:
        self.asked.append(token)
        found = self.valid.get(token)  # read before the answer arrives
        await self.opened.wait()
        if self.error is not None:
            raise self.error
        return found


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(authenticator, "monotonic", time)
    return time


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_valid_token_is_verified_once_and_then_cached(time: Time) -> None:
    tokens = Tokens()
    authenticates = Authenticator(tokens)
    assert authenticates.cached("good") is None
    assert await authenticates.authenticate("good") == SHOP
    assert authenticates.cached("good") == SHOP
    assert await authenticates.authenticate("good") == SHOP
    assert tokens.asked == ["good"]


async def test_many_requests_at_once_wait_for_one_verification(time: Time) -> None:
    tokens = Tokens()
    tokens.opened.clear()
    authenticates = Authenticator(tokens)
    waiting = [asyncio.create_task(authenticates.authenticate("good")) for _ in range(20)]
    await settled()
    waiting[0].cancel()  # takes nothing from the others
    await settled()
    tokens.opened.set()
    assert await asyncio.gather(*waiting[1:]) == [SHOP] * 19
    assert tokens.asked == ["good"]


async def test_an_entry_in_use_is_verified_again_in_the_background(time: Time) -> None:
    tokens = Tokens()
    authenticates = Authenticator(tokens)
    await authenticates.authenticate("good")
    for round_ in range(2, 6):
        time.now += REFRESH_SECONDS
        assert authenticates.cached("good") == SHOP
        assert authenticates.cached("good") == SHOP
        await settled()
        assert len(tokens.asked) == round_


async def test_an_entry_lives_for_four_seconds_from_before_it_was_read(time: Time) -> None:
    tokens = Tokens()
    authenticates = Authenticator(tokens)
    tokens.opened.clear()
    verifying = asyncio.create_task(authenticates.authenticate("good"))
    await settled()
    time.now += 3.0  # the answer takes long
    tokens.opened.set()
    await verifying
    time.now += CACHE_SECONDS - 3.0
    assert authenticates.cached("good") is None


async def test_a_revoked_key_is_refused_with_the_next_verification(time: Time) -> None:
    tokens = Tokens()
    authenticates = Authenticator(tokens)
    await authenticates.authenticate("good")
    tokens.valid.clear()
    time.now += REFRESH_SECONDS
    assert authenticates.cached("good") == SHOP
    await settled()
    assert authenticates.cached("good") is None
    with pytest.raises(Unauthenticated):
        await authenticates.authenticate("good")


async def test_without_the_store_an_entry_ends_and_then_nothing_is_known(time: Time) -> None:
    tokens = Tokens()
    authenticates = Authenticator(tokens)
    await authenticates.authenticate("good")
    tokens.error = Unavailable("the database is down")
    time.now += REFRESH_SECONDS
    assert authenticates.cached("good") == SHOP
    await settled()
    time.now += REFRESH_SECONDS - 0.1
    assert await authenticates.authenticate("good") == SHOP
    await settled()
    time.now += 0.1
    assert authenticates.cached("good") is None
    with pytest.raises(Unavailable):
        await authenticates.authenticate("good")
    tokens.error = None
    assert await authenticates.authenticate("good") == SHOP


async def test_an_entry_lives_no_longer_than_the_token(time: Time) -> None:
    tokens = Tokens({"good": Verified(SHOP, seconds_left=0.5)})
    authenticates = Authenticator(tokens)
    await authenticates.authenticate("good")
    time.now += 0.49
    assert authenticates.cached("good") == SHOP
    time.now += 0.01
    assert authenticates.cached("good") is None


async def test_a_token_that_is_not_valid_is_refused_for_a_second_without_being_verified(time: Time) -> None:
    tokens = Tokens()
    authenticates = Authenticator(tokens)
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await authenticates.authenticate("bad")
    assert tokens.asked == ["bad"]
    tokens.valid["bad"] = Verified(SHOP)  # it was created in the meantime
    time.now += REFUSED_SECONDS
    assert await authenticates.authenticate("bad") == SHOP


async def test_refused_tokens_take_no_room_of_valid_ones(time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authenticator, "_ENTRIES_MAX", 2)
    monkeypatch.setattr(authenticator, "_REFUSED_MAX", 2)
    tokens = Tokens({name: Verified(SHOP) for name in ("a", "b", "c")})
    authenticates = Authenticator(tokens)
    await authenticates.authenticate("a")
    for number in range(10):
        with pytest.raises(Unauthenticated):
            await authenticates.authenticate(f"bad {number}")
    assert len(authenticates._refused) == 2
    assert authenticates.cached("a") == SHOP
    await authenticates.authenticate("b")
    await authenticates.authenticate("c")
    assert len(authenticates._entries) == 2
    assert (authenticates.cached("a"), authenticates.cached("b"), authenticates.cached("c")) == (None, SHOP, SHOP)


async def test_unknown_tokens_wait_for_each_other_but_entries_in_use_do_not_wait_for_them(time: Time) -> None:
    tokens = Tokens()
    authenticates = Authenticator(tokens)
    await authenticates.authenticate("good")
    tokens.opened.clear()
    flood = [asyncio.create_task(authenticates.authenticate(f"bad {number}")) for number in range(50)]
    await settled()
    assert len(tokens.asked) == 1 + 4
    time.now += REFRESH_SECONDS
    assert authenticates.cached("good") == SHOP
    await settled()
    assert tokens.asked[-1] == "good"
    tokens.opened.set()
    refused = await asyncio.gather(*flood, return_exceptions=True)
    assert {type(one) for one in refused} == {Unauthenticated}


@pytest.mark.parametrize("token", ["x" * (TOKEN_LENGTH_MAX + 1), "é" * (TOKEN_LENGTH_MAX + 1)])
async def test_a_token_over_8_kib_is_refused_without_any_work(token: str, time: Time) -> None:
    tokens = Tokens({token: Verified(SHOP)})
    authenticates = Authenticator(tokens)
    assert authenticates.cached(token) is None
    with pytest.raises(Unauthenticated):
        await authenticates.authenticate(token)
    assert tokens.asked == []


async def test_a_stop_waits_for_verifications_in_the_background(time: Time) -> None:
    tokens = Tokens()
    authenticates = Authenticator(tokens)
    await authenticates.authenticate("good")
    time.now += REFRESH_SECONDS
    authenticates.cached("good")
    await authenticates.stop()
    assert tokens.asked == ["good", "good"]
    assert not authenticates._verifications
