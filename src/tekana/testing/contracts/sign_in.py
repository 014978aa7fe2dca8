"""The suite for a store that keeps what customers sign in with: `tekana.ports.sign_in_store`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from uuid_utils.compat import uuid7

from tekana.application import (
    CloseCustomer,
    EraseCustomer,
    ReactivateCustomer,
    Session,
    SuspendCustomer,
    VerifyCustomer,
)
from tekana.domain.audit_log import UNKNOWN_SUBJECT, Act, AuditEntry
from tekana.domain.caller import MAIN_TENANT, ROLES, Caller
from tekana.domain.credentials import CODES_MAX, CODES_WINDOW, Credential, OneTimeCode
from tekana.domain.customer import Contact
from tekana.domain.identifiers import CustomerId
from tekana.domain.identities import Identity
from tekana.domain.refresh_families import FAMILIES_MAX, IDLE_LIFETIME, RefreshFamily
from tekana.domain.signing_keys import SigningKey
from tekana.ports.audit_log import AuditFilter
from tekana.ports.page import PageRequest
from tekana.ports.personal_data import NO_SIGN_IN
from tekana.ports.sign_in_store import SignInStore
from tekana.testing.builders import person
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract

_AT_ONCE = 8


class SignInContract(Contract):
    """The contract of credentials, refresh families, codes, signing keys and identities.

    A subclass defines the fixture `store`, as for `StoreContract`.
    """

    @pytest.fixture
    async def customer_id(self, app: Session) -> CustomerId:
        """A registered customer."""
        return (await app.execute(person())).customer.id

    async def test_a_store_that_signs_in(self, store: Any) -> None:
        assert isinstance(store, SignInStore)

    async def test_accounts(self, store: SignInStore, app: Session, clock: FrozenClock) -> None:
        assert await store.customer_credentials.find(CustomerId(uuid4())) is None
        customer = (await app.execute(person())).customer
        account = await store.customer_credentials.find(customer.id)
        assert account == (MAIN_TENANT, True, None)
        credential = _credential(customer.id, clock, attempts=3, locked_until=clock() + timedelta(hours=1))
        assert await store.customer_credentials.replace(credential, _entry())
        assert await store.customer_credentials.find(customer.id) == (MAIN_TENANT, True, credential)
        await app.execute(SuspendCustomer(customer_id=customer.id, reason="a check"))
        assert await store.customer_credentials.find(customer.id) == (MAIN_TENANT, False, credential)

    async def test_the_owner_of_a_contact(self, store: SignInStore, app: Session) -> None:
        first = (await app.execute(person())).customer
        same = person(email=first.email, phone_number=first.phone_number)
        partner = app.as_caller(Caller("north", "key:1", ROLES["partner"]))
        theirs = (await partner.execute(same)).customer
        contacts = [Contact("email", first.email), Contact("phone_number", first.phone_number)]
        credentials = store.customer_credentials
        for one in contacts:
            owners = [await credentials.owner_of(one, tenant) for tenant in (MAIN_TENANT, "north", "south")]
            assert owners == [first.id, theirs.id, None]
        assert await credentials.owner_of(Contact("phone_number", first.email), MAIN_TENANT) is None
        await app.execute(SuspendCustomer(customer_id=first.id, reason="a check"))
        assert await credentials.owner_of(contacts[0], MAIN_TENANT) == first.id
        await app.execute(CloseCustomer(customer_id=first.id))
        assert [await credentials.owner_of(one, MAIN_TENANT) for one in contacts] == [None, None]
        again = (await app.execute(same)).customer
        assert [await credentials.owner_of(one, MAIN_TENANT) for one in contacts] == [again.id, again.id]

    async def test_updates_at_once_are_all_counted(
        self, store: SignInStore, customer_id: CustomerId, clock: FrozenClock
    ) -> None:
        assert await store.customer_credentials.update(customer_id, lambda one: one) is None
        await store.customer_credentials.replace(_credential(customer_id, clock), _entry())
        counted = await asyncio.gather(
            *(
                store.customer_credentials.update(customer_id, lambda one: one.count_attempt(clock()))
                for _ in range(_AT_ONCE)
            )
        )
        assert sorted(one.attempts for one in counted if one) == list(range(1, _AT_ONCE + 1))
        account = await store.customer_credentials.find(customer_id)
        assert account is not None
        assert account.credential is not None
        assert account.credential.attempts == _AT_ONCE
        assert account.credential.locked_until is not None

    async def test_a_new_credential_ends_families_and_codes(
        self, store: SignInStore, app: Session, customer_id: CustomerId, clock: FrozenClock
    ) -> None:
        credential, other = _credential(customer_id, clock), (await app.execute(person())).customer.id
        theirs = _credential(other, clock)
        for one in (credential, theirs):
            await store.customer_credentials.replace(one, _entry())
        family, their_family = _family(customer_id, clock), _family(other, clock)
        assert await store.refresh_families.add(family, credential)
        assert await store.refresh_families.add(their_family, theirs)
        code, their_code = _code(customer_id, clock), _code(other, clock)
        assert await store.one_time_codes.add(code, _entry())
        assert await store.one_time_codes.add(their_code, _entry())
        assert not await store.customer_credentials.replace(credential, _entry(), their_code.id)
        changed = await asyncio.gather(
            *(store.customer_credentials.replace(credential, _entry(), code.id) for _ in range(_AT_ONCE))
        )
        assert sum(changed) == 1
        assert await store.one_time_codes.update(code.id, lambda one: one) is None
        assert await store.one_time_codes.update(their_code.id, lambda one: one) == their_code
        assert await store.refresh_families.update(family.id, lambda one: one) == family.end()
        assert await store.refresh_families.update(their_family.id, lambda one: one) == their_family

    async def test_several_codes_at_once_set_one_credential(
        self, store: SignInStore, customer_id: CustomerId, clock: FrozenClock
    ) -> None:
        for _ in range(_AT_ONCE):
            codes = [_code(customer_id, clock) for _ in range(CODES_MAX)]
            for code in codes:
                assert await store.one_time_codes.add(code, _entry())
            changed = await asyncio.gather(
                *(
                    store.customer_credentials.replace(_credential(customer_id, clock), _entry(), code.id)
                    for code in codes
                )
            )
            assert sum(changed) == 1

    async def test_a_credential_is_not_replaced_by_one_that_was_replaced(
        self, store: SignInStore, customer_id: CustomerId, clock: FrozenClock
    ) -> None:
        first, replace = _credential(customer_id, clock), store.customer_credentials.replace
        assert not await replace(first, _entry(), compared=first)
        assert await replace(first, _entry())
        clock.advance()
        newer = [_credential(customer_id, clock) for _ in range(_AT_ONCE)]
        changed = await asyncio.gather(*(replace(one, _entry(), compared=first) for one in newer))
        assert sum(changed) == 1
        account = await store.customer_credentials.find(customer_id)
        assert account is not None
        assert account.credential == newer[changed.index(True)]

    async def test_families_begin_for_active_customers_with_the_compared_credential(
        self, store: SignInStore, app: Session, customer_id: CustomerId, clock: FrozenClock
    ) -> None:
        credential = _credential(customer_id, clock)
        assert not await store.refresh_families.add(_family(customer_id, clock), credential)
        await store.customer_credentials.replace(credential, _entry())
        clock.advance()
        newer = _credential(customer_id, clock)
        await store.customer_credentials.replace(newer, _entry())
        assert not await store.refresh_families.add(_family(customer_id, clock), credential)
        assert await store.refresh_families.add(_family(customer_id, clock), newer)
        await app.execute(SuspendCustomer(customer_id=customer_id, reason="a check"))
        assert not await store.refresh_families.add(_family(customer_id, clock), newer)

    async def test_suspension_and_closing_end_families(
        self, store: SignInStore, app: Session, customer_id: CustomerId, clock: FrozenClock
    ) -> None:
        credential, families = _credential(customer_id, clock), store.refresh_families
        await store.customer_credentials.replace(credential, _entry())
        family = _family(customer_id, clock)
        await families.add(family, credential)
        await app.execute(VerifyCustomer(customer_id=customer_id, tier="1"))
        assert await families.update(family.id, lambda one: one) == family
        await app.execute(SuspendCustomer(customer_id=customer_id, reason="a check"))
        assert await families.update(family.id, lambda one: one) == family.end()
        await app.execute(ReactivateCustomer(customer_id=customer_id))
        assert await families.update(family.id, lambda one: one) == family.end()
        another = _family(customer_id, clock)
        assert await families.add(another, credential)
        for wallet in (await app.customers.get(customer_id)).wallets:
            assert wallet.ledger_balance == 0
        await app.execute(CloseCustomer(customer_id=customer_id))
        assert await families.update(another.id, lambda one: one) == another.end()

    async def test_one_of_many_rotations_at_once(
        self, store: SignInStore, customer_id: CustomerId, clock: FrozenClock
    ) -> None:
        credential, family = _credential(customer_id, clock), _family(customer_id, clock)
        await store.customer_credentials.replace(credential, _entry())
        await store.refresh_families.add(family, credential)

        def rotate(digest: bytes) -> Any:
            return lambda one: one.rotate(digest, b"sealed", clock()) if one.digest == family.digest else one

        digests = [bytes([number]) * 32 for number in range(_AT_ONCE)]
        found = await asyncio.gather(*(store.refresh_families.update(family.id, rotate(one)) for one in digests))
        assert len({one.digest for one in found if one}) == 1
        assert {one.previous_digest for one in found if one} == {family.digest}
        assert await store.refresh_families.update(uuid4(), lambda one: one) is None

    async def test_families_are_bounded(self, store: SignInStore, customer_id: CustomerId, clock: FrozenClock) -> None:
        credential, families = _credential(customer_id, clock), []
        await store.customer_credentials.replace(credential, _entry())
        for _ in range(FAMILIES_MAX + 2):
            clock.advance()
            families.append(_family(customer_id, clock))
            assert await store.refresh_families.add(families[-1], credential)
        kept = [await store.refresh_families.update(one.id, lambda one: one) for one in families]
        assert kept == [None, None, *families[2:]]
        clock.advance(IDLE_LIFETIME)
        last = _family(customer_id, clock)
        await store.refresh_families.add(last, credential)
        assert [await store.refresh_families.update(one.id, lambda one: one) for one in families[2:]] == [None] * (
            FAMILIES_MAX
        )
        assert await store.refresh_families.update(last.id, lambda one: one) == last

    async def test_codes(self, store: SignInStore, customer_id: CustomerId, clock: FrozenClock) -> None:
        first = _code(customer_id, clock)
        added = [await store.one_time_codes.add(first, _entry())]
        added += await asyncio.gather(
            *(store.one_time_codes.add(_code(customer_id, clock), _entry()) for _ in range(_AT_ONCE))
        )
        assert sum(added) == CODES_MAX
        counted = await asyncio.gather(
            *(store.one_time_codes.update(first.id, lambda one: one.count_attempt()) for _ in range(_AT_ONCE))
        )
        assert sorted(one.attempts for one in counted if one) == list(range(1, _AT_ONCE + 1))
        clock.advance(CODES_WINDOW)
        assert await store.one_time_codes.add(_code(customer_id, clock), _entry())
        assert await store.one_time_codes.update(first.id, lambda one: one) is None

    async def test_an_export_has_sign_in_data_without_secrets(
        self, store: SignInStore, app: Session, customer_id: CustomerId, clock: FrozenClock
    ) -> None:
        other = (await app.execute(person())).customer.id
        for one in (customer_id, other):
            credential = _credential(one, clock, attempts=2, attempted_at=clock(), locked_until=clock())
            assert await store.customer_credentials.replace(credential, _entry())
            assert await store.refresh_families.add(_family(one, clock), credential)
            assert await store.one_time_codes.add(_code(one, clock), _entry())
            await store.identities.add(_identity(one, clock, subject=f"subject {one}"), _entry())
        at, [identity] = clock(), await store.identities.list(customer_id)
        found = await app.personal_data.sign_in(customer_id)
        assert found == (at, 2, at, at, ((at, at, False),), (at,), (identity,))

    async def test_an_erased_customer_has_nothing_to_sign_in_with(
        self, store: SignInStore, app: Session, customer_id: CustomerId, clock: FrozenClock
    ) -> None:
        other = (await app.execute(person())).customer.id
        families, codes = [], []
        for one in (customer_id, other):
            credential, family, code = _credential(one, clock), _family(one, clock), _code(one, clock)
            assert await store.customer_credentials.replace(credential, _entry())
            assert await store.refresh_families.add(family, credential)
            assert await store.one_time_codes.add(code, _entry())
            await store.identities.add(_identity(one, clock, subject=f"subject {one}"), _entry())
            families.append(family.id)
            codes.append(code.id)
        await app.execute(CloseCustomer(customer_id=customer_id))
        await app.execute(EraseCustomer(customer_id=customer_id))
        assert await app.personal_data.sign_in(customer_id) == NO_SIGN_IN
        assert await store.customer_credentials.find(customer_id) == (MAIN_TENANT, False, None)
        assert await store.refresh_families.update(families[0], lambda one: one) is None
        assert await store.one_time_codes.update(codes[0], lambda one: one) is None
        assert await store.identities.find(MAIN_TENANT, "https://issuer.example", f"subject {customer_id}") is None
        kept = await app.personal_data.sign_in(other)
        assert (len(kept.sessions), len(kept.codes_sent_at), len(kept.identities)) == (1, 1, 1)

    async def test_signing_keys(self, store: SignInStore) -> None:
        keys = [SigningKey(period=n, kid=f"key {n}", public_key=b"p" * 32, sealed_private_key=b"s") for n in (7, 5, 6)]
        for one in keys:
            await store.signing_keys.add(one, _entry())
        await store.signing_keys.add(replace(keys[0], kid="another"), _entry())
        assert [one.kid for one in await store.signing_keys.list()] == ["key 5", "key 6", "key 7"]
        await store.signing_keys.remove(6)
        assert await store.signing_keys.list() == [keys[2], keys[0]]

    async def test_identities(self, store: SignInStore, app: Session, clock: FrozenClock) -> None:
        one, other = [(await app.execute(person())).customer.id for _ in range(2)]
        first = _identity(one, clock)
        assert await store.identities.find(MAIN_TENANT, first.issuer, first.subject) is None
        added = await asyncio.gather(
            store.identities.add(first, _entry()),
            *(store.identities.add(_identity(other, clock), _entry()) for _ in range(_AT_ONCE)),
        )
        assert len({identity.id for identity in added}) == 1
        linked = added[0]
        assert await store.identities.find(MAIN_TENANT, first.issuer, first.subject) == linked.customer_id
        assert await store.identities.find("another tenant", first.issuer, first.subject) is None
        assert await store.identities.find(MAIN_TENANT, "another issuer", first.subject) is None
        second = _identity(linked.customer_id, clock, subject="another subject")
        await store.identities.add(second, _entry())
        assert await store.identities.list(linked.customer_id) == sorted([linked, second], key=lambda one: one.id)
        stranger = other if linked.customer_id == one else one
        assert not await store.identities.remove(stranger, linked.id, _entry())
        assert await store.identities.remove(linked.customer_id, linked.id, _entry())
        assert not await store.identities.remove(linked.customer_id, linked.id, _entry())
        assert await store.identities.list(linked.customer_id) == [second]

    async def test_what_changes_is_saved_with_its_entry(
        self, store: SignInStore, app: Session, customer_id: CustomerId, clock: FrozenClock
    ) -> None:
        credential, code = _credential(customer_id, clock), _code(customer_id, clock)
        family, identity = _family(customer_id, clock), _identity(customer_id, clock)
        key = SigningKey(period=9, kid="key 9", public_key=b"p" * 32, sealed_private_key=b"s")
        steps: list[Callable[[AuditEntry], Awaitable[Any]]] = [
            lambda entry: store.customer_credentials.replace(credential, entry),
            lambda entry: store.one_time_codes.add(code, entry),
            lambda entry: store.customer_credentials.replace(credential, entry, code.id),
            lambda entry: store.identities.add(identity, entry),
            lambda entry: store.identities.remove(customer_id, identity.id, entry),
            lambda entry: store.signing_keys.add(key, entry),
        ]
        expected = []
        for step in steps:
            expected.append(_entry())
            await step(expected[-1])
        assert await store.refresh_families.add(family, credential)
        expected.append(_entry())
        ended = await store.refresh_families.update(family.id, RefreshFamily.end, lambda _: expected[-1])
        assert ended == family.end()
        assert await _entries(app) == expected

    async def test_what_changes_nothing_adds_no_entry(
        self, store: SignInStore, app: Session, customer_id: CustomerId, clock: FrozenClock
    ) -> None:
        credential, families = _credential(customer_id, clock), store.refresh_families
        await store.customer_credentials.replace(credential, _entry())
        family, identity = _family(customer_id, clock), _identity(customer_id, clock)
        await families.add(family, credential)
        await families.update(family.id, RefreshFamily.end, lambda _: _entry())
        await store.identities.add(identity, _entry())
        key = SigningKey(period=9, kid="key 9", public_key=b"p" * 32, sealed_private_key=b"s")
        await store.signing_keys.add(key, _entry())
        for _ in range(CODES_MAX):
            assert await store.one_time_codes.add(_code(customer_id, clock), _entry())
        before = await _entries(app)
        assert not await store.customer_credentials.replace(credential, _entry(), uuid4())
        assert not await store.one_time_codes.add(_code(customer_id, clock), _entry())
        assert await families.update(family.id, RefreshFamily.end, lambda _: _entry()) == family.end()
        assert await store.identities.add(_identity(customer_id, clock), _entry()) == identity
        assert not await store.identities.remove(customer_id, uuid4(), _entry())
        await store.signing_keys.add(key, _entry())
        assert await _entries(app) == before


def _entry() -> AuditEntry:
    """Return an entry, at a time of which every store keeps all digits."""
    act = Act(MAIN_TENANT, UNKNOWN_SUBJECT, None, "SetPassword", "done", None, "192.0.2.1")
    return act.entry(uuid7(), datetime(2026, 1, 1, tzinfo=UTC))


async def _entries(app: Session) -> list[AuditEntry]:
    """Return the entries that a test added: all but those of commands."""
    page = await app.audit_log.list(PageRequest(100), AuditFilter(subject=UNKNOWN_SUBJECT))
    return [*page.items]


def _credential(customer_id: CustomerId, clock: FrozenClock, **changes: Any) -> Credential:
    values: dict[str, Any] = {"password_hash": f"hash {uuid4()}", "changed_at": clock()}
    return Credential(customer_id=customer_id, tenant=MAIN_TENANT, **(values | changes))


def _family(customer_id: CustomerId, clock: FrozenClock) -> RefreshFamily:
    return RefreshFamily(
        id=uuid4(),
        customer_id=customer_id,
        tenant=MAIN_TENANT,
        created_at=clock(),
        rotated_at=clock(),
        digest=uuid4().bytes * 2,
    )


def _code(customer_id: CustomerId, clock: FrozenClock) -> OneTimeCode:
    return OneTimeCode(
        id=uuid4(), customer_id=customer_id, tenant=MAIN_TENANT, code_hash=f"hash {uuid4()}", created_at=clock()
    )


def _identity(customer_id: CustomerId, clock: FrozenClock, *, subject: str = "a subject") -> Identity:
    return Identity(
        id=uuid7(),
        tenant=MAIN_TENANT,
        issuer="https://issuer.example",
        subject=subject,
        customer_id=customer_id,
        created_by="partner",
        created_at=clock(),
    )
