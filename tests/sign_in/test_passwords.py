"""Passwords, lockout, one-time codes: what signs a customer in, and what does not, without a difference to see."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from tekana.application import CloseCustomer, SuspendCustomer
from tekana.application.sign_in import sign_in
from tekana.application.sign_in.contacts import SignInContact, sign_in_contact
from tekana.application.sign_in.hashing import Hashing
from tekana.application.sign_in.identities import CustomerIdentities
from tekana.domain.caller import LOCAL_OPERATOR, ROLES, Caller, customer_caller
from tekana.domain.credentials import (
    CODE_ATTEMPTS,
    CODE_LIFETIME,
    CODES_MAX,
    CODES_WINDOW,
    FREE_ATTEMPTS,
    LONGEST_LOCK,
    check_new_password,
)
from tekana.domain.customer import Customer
from tekana.domain.errors import (
    CustomerNotActive,
    CustomerNotFound,
    Forbidden,
    InvalidRequest,
    Overloaded,
    SignInRefused,
    SignInUnavailable,
)
from tekana.domain.identifiers import CustomerId
from tekana.ports.audit_log import AuditFilter
from tekana.ports.page import PageRequest
from tekana.testing.clock import FrozenClock
from tekana_keyfile import MemoryKeys
from tests.postgres_stores import postgres_store
from tests.sign_in.support import PASSWORD, PIN, World, phone_of, sign_in_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with sign_in_world() as one:
        yield one


async def test_phone_number_and_email_sign_in(world: World) -> None:
    customer = await world.register()
    contacts = [phone_of(customer), sign_in_contact(None, customer.email.upper())]
    for contact in contacts:
        tokens = await world.sign_in.sign_in(contact, PASSWORD)
        caller = (await world.verifier.verify(tokens.access_token)).caller
        assert caller == customer_caller("main", customer.id)
        assert PASSWORD not in repr(tokens) + repr(contact)
        assert customer.phone_number not in repr(contact)


@pytest.mark.parametrize("password", [PIN, "unguessable", "ＦＵＬＬＷＩＤＴＨ", "ninety nine red balloons " * 5])
async def test_accepted_passwords(world: World, password: str) -> None:
    customer = await world.register(password)
    await world.sign_in.sign_in(phone_of(customer), password)
    if not password.isascii():
        await world.sign_in.sign_in(phone_of(customer), "FULLWIDTH")


@pytest.mark.parametrize("password", ["", "short", "12345", "1234567890123", "111111", "123456", "987654", "112233",
                                      "890123", "x" * 129, "\ud800" * 8])  # fmt: skip
def test_refused_passwords(password: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        check_new_password("password", password)
    if password:
        assert password not in str(error.value)


# ---------------------------------------------------------------------- refusals are all alike


async def _unknown(world: World) -> SignInContact:
    return SignInContact("phone_number", "+250788999999")


async def _wrong(world: World) -> SignInContact:
    return phone_of(await world.register("another password"))


async def _without(world: World) -> SignInContact:
    return phone_of(await world.register(None))


async def _locked(world: World) -> SignInContact:
    customer = await world.register()
    await fail(world, customer, FREE_ATTEMPTS)
    return phone_of(customer)


async def _suspended(world: World) -> SignInContact:
    customer = await world.register()
    await world.app.execute(SuspendCustomer(customer_id=customer.id, reason="a check"))
    return phone_of(customer)


async def _closed(world: World) -> SignInContact:
    customer = await world.register()
    await world.app.execute(CloseCustomer(customer_id=customer.id))
    return phone_of(customer)


REASONS: dict[str, Callable[[World], Awaitable[SignInContact]]] = {
    "unknown": _unknown,
    "wrong": _wrong,
    "without": _without,
    "locked": _locked,
    "suspended": _suspended,
    "closed": _closed,
}


async def fail(world: World, customer: Customer, times: int) -> None:
    """Sign in with a wrong password."""
    for _ in range(times):
        with pytest.raises(SignInRefused):
            await world.sign_in.sign_in(phone_of(customer), "a wrong password")


@pytest.mark.parametrize("reason", REASONS)
async def test_every_refusal_is_the_same_after_the_same_work(world: World, reason: str, caplog: Any) -> None:
    contact = await REASONS[reason](world)
    hashed: list[str] = []
    matches = world.hashing._matches
    world.hashing._matches = lambda text, compared: hashed.append(compared) or matches(text, compared)  # type: ignore
    began = asyncio.get_running_loop().time()
    with caplog.at_level(logging.DEBUG), pytest.raises(SignInRefused) as error:
        await world.sign_in.sign_in(contact, PASSWORD)
    assert str(error.value) == str(SignInRefused())
    assert len(hashed) == 1
    assert_at_a_step(asyncio.get_running_loop().time() - began)
    assert PASSWORD not in caplog.text
    assert contact.value not in caplog.text


def assert_at_a_step(seconds: float) -> None:
    """Assert that a refusal was given just after a multiple of the step."""
    steps, after = divmod(seconds, sign_in.REFUSAL_STEP_SECONDS)
    assert steps >= 1
    assert after < sign_in.REFUSAL_STEP_SECONDS / 2


async def test_the_wait_for_a_thread_does_not_show_who_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that takes a little longer for a customer would end at the next step, if the wait ends just before one."""
    monkeypatch.setattr(sign_in, "REFUSAL_STEP_SECONDS", 0.2)
    async with sign_in_world(threads=1) as world:
        contacts = [phone_of(await world.register("another password")), await _unknown(world)]
        update = world.store.customer_credentials.update

        async def take_longer(*arguments: Any) -> Any:
            await asyncio.sleep(0.05)
            return await update(*arguments)

        world.store.customer_credentials.update = take_longer
        clock, ends = asyncio.get_running_loop().time, []
        for contact in contacts:
            began = clock()
            async with world.hashing.slot():
                waiting = asyncio.create_task(world.sign_in.sign_in(contact, PASSWORD))
                await asyncio.sleep(0.17)
            with pytest.raises(SignInRefused):
                await waiting
            ends.append(clock() - began)
        assert abs(ends[0] - ends[1]) < sign_in.REFUSAL_STEP_SECONDS / 2, ends


async def test_a_lost_key_provider_does_not_show_who_exists(postgres_url: str) -> None:
    """Names cannot be read then, but sign-in needs none."""
    keys, contacts = MemoryKeys(), []
    for is_first in (True, False):
        store = postgres_store(postgres_url, key_provider=lambda: keys)
        await store.start()
        try:
            async with sign_in_world(store, clock=FrozenClock(), key_provider=keys) as world:
                if is_first:
                    contacts = [await _unknown(world), phone_of(await world.register())]
                for contact in contacts:
                    with pytest.raises(SignInRefused):
                        await world.sign_in.sign_in(contact, "a wrong password")
                    keys.lost = not is_first  # this process has but the key of indexes in memory
        finally:
            await store.stop()


# ---------------------------------------------------------------------- lockout


async def test_a_lock_doubles_up_to_an_hour_and_ends(world: World) -> None:
    customer = await world.register()
    await fail(world, customer, FREE_ATTEMPTS - 1)
    await world.sign_in.sign_in(phone_of(customer), PASSWORD)  # forgets the attempts
    await fail(world, customer, FREE_ATTEMPTS)
    for seconds in (30, 60, 120, 240, 480, 960, 1920, 3600, 3600):
        with pytest.raises(SignInRefused):
            await world.sign_in.sign_in(phone_of(customer), PASSWORD)
        world.clock.advance(timedelta(seconds=seconds - 1))
        with pytest.raises(SignInRefused):  # which prolongs nothing
            await world.sign_in.sign_in(phone_of(customer), PASSWORD)
        world.clock.advance()
        await fail(world, customer, 1)
    world.clock.advance(LONGEST_LOCK)
    await world.sign_in.sign_in(phone_of(customer), PASSWORD)


async def test_attempts_at_once_are_as_many_as_one_after_the_other(world: World) -> None:
    customer = await world.register()
    compared: list[str] = []
    await world.hashing.matches("any", None)
    decoy, matches = world.hashing._decoy, world.hashing._matches
    world.hashing._matches = lambda text, one: compared.append(one) or matches(text, one)  # type: ignore
    guesses = [world.sign_in.sign_in(phone_of(customer), f"guess number {number}") for number in range(50)]
    refused = await asyncio.gather(*guesses, return_exceptions=True)
    assert {type(one) for one in refused} == {SignInRefused}
    assert sum(one != decoy for one in compared) == FREE_ATTEMPTS


async def test_a_locked_customer_stays_signed_in_and_gets_in_by_a_code(world: World) -> None:
    customer = await world.register()
    tokens = await world.sign_in.sign_in(phone_of(customer), PASSWORD)
    await fail(world, customer, FREE_ATTEMPTS + 3)
    await world.sign_in.refresh(tokens.refresh_token)
    challenge = await world.passwords.request_code(phone_of(customer))
    await asyncio.sleep(0)
    await world.passwords.set_by_code(challenge.id, world.message(), "a new password")
    await world.sign_in.sign_in(phone_of(customer), "a new password")


async def test_an_attacker_cannot_use_up_the_attempts_of_a_code(world: World) -> None:
    customer = await world.register()
    mine = await world.passwords.request_code(phone_of(customer))
    await asyncio.sleep(0)
    code = world.message()
    theirs = await world.passwords.request_code(phone_of(customer))
    for challenge in (theirs.id, uuid4()):
        for _ in range(CODE_ATTEMPTS + 1):
            with pytest.raises(SignInRefused):
                await world.passwords.set_by_code(challenge, "00000000", PASSWORD)
    await world.passwords.set_by_code(mine.id, code, "a new password")


# ---------------------------------------------------------------------- hashing


async def test_a_hash_of_other_parameters_is_replaced(world: World) -> None:
    customer = await world.register()
    before = (await world.store.customer_credentials.find(customer.id)).credential
    async with sign_in_world(world.store, clock=world.clock, iterations=2) as stronger:
        await stronger.sign_in.sign_in(phone_of(customer), PASSWORD)
        after = (await world.store.customer_credentials.find(customer.id)).credential
        assert "t=1" in before.password_hash
        assert "t=2" in after.password_hash
        assert after.changed_at == before.changed_at
        await stronger.sign_in.sign_in(phone_of(customer), PASSWORD)
        assert (
            await world.store.customer_credentials.find(customer.id)
        ).credential.password_hash == after.password_hash


async def test_the_parameters_are_those_of_owasp() -> None:
    hashing = Hashing(threads=1)
    assert (await hashing.hash(PASSWORD)).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    hashing.stop()


async def test_the_event_loop_goes_on_while_fifty_sign_in() -> None:
    async with sign_in_world(iterations=2, memory_kib=19_456) as world:
        customers = [await world.register(None) for _ in range(50)]
        await world.passwords.set_for(LOCAL_OPERATOR, customers[0].id, PASSWORD)
        sign_ins = [asyncio.create_task(world.sign_in.sign_in(phone_of(one), "a wrong password")) for one in customers]
        delays: list[float] = []
        while not all(one.done() for one in sign_ins):
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(0.005)
            delays.append(asyncio.get_running_loop().time() - began - 0.005)
        assert {type(one.exception()) for one in sign_ins} == {SignInRefused}
    delays.sort()
    assert len(delays) > 100
    assert delays[len(delays) // 2] < 0.01
    assert delays[int(len(delays) * 0.95)] < 0.05


async def test_too_many_at_once_are_refused_and_not_counted() -> None:
    async with sign_in_world(threads=1, waiting_max=2) as world:
        customer = await world.register()
        guesses = [world.sign_in.sign_in(phone_of(customer), "a wrong password") for _ in range(20)]
        refused = await asyncio.gather(*guesses, return_exceptions=True)
        assert sum(isinstance(one, Overloaded) for one in refused) == 17
        assert (await world.store.customer_credentials.find(customer.id)).credential.attempts == 3
        await world.sign_in.sign_in(phone_of(customer), PASSWORD)


# ---------------------------------------------------------------------- new passwords


async def test_the_first_password_by_a_code(world: World) -> None:
    customer = await world.register(None)
    for contact in (phone_of(customer), sign_in_contact(None, customer.email)):
        challenge = await world.passwords.request_code(contact)
        await asyncio.sleep(0)
        message = world.sender.messages[-1]
        assert (message.channel, message.recipient) == (contact.channel, contact.value)
        assert len(message.code) == 8
        for hidden in (message.code, message.recipient, str(challenge.id)):
            assert hidden not in repr(message) + repr(challenge)
        await world.passwords.set_by_code(challenge.id, message.code, PASSWORD)
        await world.sign_in.sign_in(phone_of(customer), PASSWORD)
        with pytest.raises(SignInRefused):  # it was used
            await world.passwords.set_by_code(challenge.id, message.code, "a third password")


async def test_a_code_ends(world: World) -> None:
    customer = await world.register()
    challenge = await world.passwords.request_code(phone_of(customer))
    await asyncio.sleep(0)
    world.clock.advance(CODE_LIFETIME)
    with pytest.raises(SignInRefused):
        await world.passwords.set_by_code(challenge.id, world.message(), "a new password")


async def test_a_code_has_few_attempts_even_at_once(world: World) -> None:
    customer = await world.register()
    challenge = await world.passwords.request_code(phone_of(customer))
    await asyncio.sleep(0)
    guesses = [world.passwords.set_by_code(challenge.id, f"{n:08}", "a new password") for n in range(20)]
    await asyncio.gather(*guesses, return_exceptions=True)
    with pytest.raises(SignInRefused):
        await world.passwords.set_by_code(challenge.id, world.message(), "a new password")


@pytest.mark.parametrize("reason", ["unknown", "suspended", "closed", "without"])
async def test_asking_for_a_code_is_always_the_same(world: World, reason: str) -> None:
    contact = await REASONS[reason](world)
    began = asyncio.get_running_loop().time()
    challenge = await world.passwords.request_code(contact)
    assert_at_a_step(asyncio.get_running_loop().time() - began)
    assert challenge.expires_at == world.clock() + CODE_LIFETIME
    await asyncio.sleep(0)
    assert len(world.sender.messages) == (1 if reason == "without" else 0)
    with pytest.raises(SignInRefused):
        await world.passwords.set_by_code(challenge.id, "00000000", PASSWORD)


async def test_codes_in_an_hour_are_few(world: World) -> None:
    customer = await world.register()
    for _ in range(CODES_MAX + 2):
        await world.passwords.request_code(phone_of(customer))
    await asyncio.sleep(0)
    assert len(world.sender.messages) == CODES_MAX
    world.clock.advance(CODES_WINDOW)
    await world.passwords.request_code(phone_of(customer))
    await asyncio.sleep(0)
    assert len(world.sender.messages) == CODES_MAX + 1


async def test_a_sender_that_fails_or_hangs_changes_no_answer(world: World, caplog: Any) -> None:
    customer = await world.register()

    async def fail(message: Any) -> None:
        raise RuntimeError(f"no route to {message.recipient}")

    world.sender.send = fail  # type: ignore[method-assign]
    with caplog.at_level(logging.DEBUG):
        await world.passwords.request_code(phone_of(customer))
        await asyncio.sleep(0)
    assert "RuntimeError" in caplog.text
    assert customer.phone_number not in caplog.text


async def test_without_a_sender(world: World) -> None:
    world.passwords.sender = None
    with pytest.raises(SignInUnavailable):
        await world.passwords.request_code(await _unknown(world))


async def test_a_change_needs_the_present_password_and_ends_all_families(world: World) -> None:
    customer = await world.register()
    tokens = [await world.sign_in.sign_in(phone_of(customer), PASSWORD) for _ in range(2)]
    with pytest.raises(SignInRefused):
        await world.passwords.change(phone_of(customer), "a wrong password", "a new password")
    with pytest.raises(InvalidRequest):
        await world.passwords.change(phone_of(customer), PASSWORD, "short")
    world.clock.advance()
    await world.passwords.change(phone_of(customer), PASSWORD, "a new password")
    for one in tokens:
        with pytest.raises(SignInRefused):
            await world.sign_in.refresh(one.refresh_token)
    with pytest.raises(SignInRefused):
        await world.sign_in.sign_in(phone_of(customer), PASSWORD)
    await world.sign_in.sign_in(phone_of(customer), "a new password")


async def test_a_password_that_is_replaced_while_it_is_compared_is_refused() -> None:
    async with sign_in_world(threads=2) as world:
        await _replace_while_compared(world)


async def _replace_while_compared(world: World) -> None:
    customer = await world.register()
    matches = world.hashing.matches

    async def replace_meanwhile(text: str, hashed: str | None) -> bool:
        right = await matches(text, hashed)
        world.clock.advance()
        await world.passwords.set_for(LOCAL_OPERATOR, customer.id, "a new password")
        return right

    world.hashing.matches = replace_meanwhile  # type: ignore[method-assign]
    with pytest.raises(SignInRefused):
        await world.sign_in.sign_in(phone_of(customer), PASSWORD)
    world.hashing.matches = matches  # type: ignore[method-assign]
    await world.sign_in.sign_in(phone_of(customer), "a new password")


async def test_an_old_password_changes_none_that_was_set_meanwhile() -> None:
    async with sign_in_world(threads=2) as world:
        customer = await world.register()
        await world.sign_in.sign_in(phone_of(customer), PASSWORD)  # also makes the hash to compare with without another
        make, is_first = world.hashing.hash, iter([True])

        async def set_meanwhile(text: str) -> str:
            if next(is_first, False):
                world.clock.advance()
                await world.passwords.set_for(LOCAL_OPERATOR, customer.id, "the owner's password")
            return await make(text)

        world.hashing.hash = set_meanwhile  # type: ignore[method-assign]
        with pytest.raises(SignInRefused):
            await world.passwords.change(phone_of(customer), PASSWORD, "the thief's password")
        await world.sign_in.sign_in(phone_of(customer), "the owner's password")


async def test_who_may_set_a_password(world: World) -> None:
    customer = await world.register(None)
    partner = Caller("main", "key:1", ROLES["partner"])
    await world.passwords.set_for(partner, customer.id, PASSWORD)
    await world.sign_in.sign_in(phone_of(customer), PASSWORD)
    with pytest.raises(Forbidden):
        await world.passwords.set_for(customer_caller("main", customer.id), customer.id, PASSWORD)
    for caller, customer_id in ((Caller("other", "key:2", ROLES["partner"]), customer.id), (partner, uuid4())):
        with pytest.raises(CustomerNotFound):
            await world.passwords.set_for(caller, CustomerId(customer_id), PASSWORD)


@pytest.mark.parametrize("reason", [_suspended, _closed])
async def test_nothing_is_added_to_sign_in_of_a_customer_who_is_not_active(world: World, reason: Any) -> None:
    await reason(world)
    [customer_id] = world.store._state.customers
    identities = CustomerIdentities(world.store, world.clock, uuid7, world.audit)
    for refused in (
        world.passwords.set_for(LOCAL_OPERATOR, customer_id, PASSWORD),
        identities.add(LOCAL_OPERATOR, customer_id, "https://id.example", "a subject"),
    ):
        with pytest.raises(CustomerNotActive):
            await refused
    assert await identities.list(LOCAL_OPERATOR, customer_id) == []


async def test_the_scopes_are_required_without_http_too(world: World) -> None:
    customer = await world.register(None)
    identities = CustomerIdentities(world.store, world.clock, uuid7, world.audit)
    identity = await identities.add(LOCAL_OPERATOR, customer.id, "https://id.example", "a subject")
    reader = Caller("main", "key:1", frozenset({"customers:read"}))
    blind = Caller("main", "key:2", ROLES["partner"] - {"customers:read"})
    assert await identities.list(reader, customer.id) == [identity]
    for refused in (
        world.passwords.set_for(reader, customer.id, PASSWORD),
        identities.add(reader, customer.id, "https://id.example", "another subject"),
        identities.remove(reader, customer.id, identity.id),
        identities.list(blind, customer.id),
    ):
        with pytest.raises(Forbidden):
            await refused
    await world.recorder.stop()
    entries = (await world.app.audit_log.list(PageRequest(100), AuditFilter(outcome="refused"))).items
    found = {(one.action, one.subject, one.code, one.resource_id) for one in entries}
    actions = ("SetPassword", "LinkIdentity", "UnlinkIdentity")
    assert found == {(action, "key:1", "forbidden", customer.id) for action in actions}
