"""The suite for API keys: the commands, the reader and the credentials."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from tekana.application import (
    CreateApiKey,
    IssuedKey,
    KeyProperties,
    RevokeApiKey,
    RotateApiKey,
    Session,
    create_api_key,
    rotate_api_key,
)
from tekana.application.authentication.key_text import parse_key
from tekana.domain.api_keys import ROTATION_OVERLAP
from tekana.domain.caller import LOCAL_OPERATOR, MAIN_TENANT, ROLES, Caller
from tekana.domain.errors import (
    ApiKeyNotActive,
    ApiKeyNotFound,
    GrantForbidden,
    IdempotencyKeyReused,
    InvalidRequest,
)
from tekana.domain.identifiers import ApiKeyId
from tekana.ports.credentials import USE_RECORDED_EVERY
from tekana.ports.page import PageRequest
from tekana.ports.store import Store
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import Contract

_SHOP = KeyProperties("Shop", "partner")
_UNKNOWN = ApiKeyId(UUID("01a00000-0000-7000-8000-00000000abcd"))
_PAGE = PageRequest(100)


def _partner(tenant: str, *more: str) -> Caller:
    scopes = ROLES["partner"] | {"keys:read", "keys:write", *more}
    return Caller(tenant, f"partner of {tenant}", frozenset(scopes), "partner")  # type: ignore[arg-type]


def _digest_of(issued: IssuedKey) -> str:
    assert issued.text is not None
    parsed = parse_key(issued.text)
    assert parsed is not None
    assert parsed[0] == issued.key.id
    return parsed[1]


async def _hashes(store: Store, key_id: ApiKeyId) -> Sequence[str]:
    known = await store.credentials.find(key_id)
    assert known is not None
    return known.key.valid_hashes(known.at)


class ApiKeysContract(Contract):
    """Commands about API keys are saved, read back, and found by authentication."""

    async def test_a_key_is_kept_as_it_was_created(self, store: Store, app: Session, clock: FrozenClock) -> None:
        expires_at = clock() + timedelta(days=30)
        properties = KeyProperties("Kiosk ✓", "partner", ("wallets:read", "customers:read"), "north", expires_at)
        issued = await create_api_key(app, properties, key="a key")
        key = issued.key
        assert (key.name, key.kind, key.tenant, key.subject) == ("Kiosk ✓", "partner", "north", f"key:{key.id}")
        assert (key.scopes, key.expires_at) == (("customers:read", "wallets:read"), expires_at)
        assert (key.created_by, key.created_at, key.updated_at) == (LOCAL_OPERATOR.subject, clock(), clock())
        assert (key.revoked_at, key.last_used_at, key.secret_hash, key.previous_secret_hash) == (None, None, "", None)
        assert await app.api_keys.get(key.id) == key
        known = await store.credentials.find(key.id)
        assert known is not None
        assert known.key.without_hashes() == key
        assert known.at == clock()
        assert known.key.secret_hash == builders.hash_secret(_digest_of(issued))

    async def test_a_partner_without_a_tenant_gets_one_with_the_id_of_the_key(self, app: Session) -> None:
        first, second = [(await create_api_key(app, _SHOP)).key for _ in range(2)]
        assert (first.tenant, second.tenant) == (str(first.id), str(second.id))
        assert frozenset(first.scopes) == ROLES["partner"]

    async def test_an_operator_belongs_to_the_main_tenant(self, app: Session) -> None:
        issued = await create_api_key(app, KeyProperties("Back office", "operator"))
        assert issued.key.tenant == MAIN_TENANT
        assert frozenset(issued.key.scopes) == ROLES["administrator"]
        with pytest.raises(InvalidRequest, match="tenant"):
            await create_api_key(app, KeyProperties("Back office", "operator", tenant="north"))

    async def test_a_key_can_act_as_its_creator(self, app: Session) -> None:
        issued = await create_api_key(app, KeyProperties("Local", "operator", acts_as_creator=True))
        assert issued.key.subject == LOCAL_OPERATOR.subject

    async def test_a_repeated_creation_returns_the_key_without_a_text(self, app: Session) -> None:
        first = await create_api_key(app, _SHOP, key="a key")
        again = await create_api_key(app, _SHOP, key="a key")
        assert (first.replayed, again.replayed, again.text) == (False, True, None)
        assert again.key == first.key
        with pytest.raises(IdempotencyKeyReused):
            await create_api_key(app, _SHOP._replace(name="Other"), key="a key")
        await app.execute(RevokeApiKey(key_id=first.key.id))
        assert (await create_api_key(app, _SHOP, key="a key")).key.revoked_at is not None

    async def test_the_id_of_a_key_is_not_used_twice(self, app: Session) -> None:
        key = (await create_api_key(app, _SHOP)).key
        with pytest.raises(GrantForbidden):
            await app.execute(CreateApiKey(key_id=key.id, name="Other", kind="partner", secret_digest="0" * 64))
        assert await app.api_keys.get(key.id) == key

    async def test_a_rotated_key_has_two_secrets_for_a_while(
        self, store: Store, app: Session, clock: FrozenClock
    ) -> None:
        issued = await create_api_key(app, _SHOP)
        old = builders.hash_secret(_digest_of(issued))
        clock.advance(timedelta(hours=1))
        rotated = await rotate_api_key(app, issued.key.id, key="rotate")
        new = builders.hash_secret(_digest_of(rotated))
        assert await _hashes(store, issued.key.id) == (new, old)
        assert (rotated.key.id, rotated.key.updated_at) == (issued.key.id, clock())
        assert rotated.key.previous_until == clock() + ROTATION_OVERLAP
        again = await rotate_api_key(app, issued.key.id, key="rotate")
        assert (again.text, again.replayed) == (None, True)
        assert await _hashes(store, issued.key.id) == (new, old)
        clock.advance(ROTATION_OVERLAP)
        assert await _hashes(store, issued.key.id) == (new,)

    async def test_a_revoked_key_has_no_valid_secret(self, store: Store, app: Session, clock: FrozenClock) -> None:
        key = (await create_api_key(app, _SHOP)).key
        revoked = await app.execute(RevokeApiKey(key_id=key.id))
        assert revoked.revoked_at == clock()
        assert await _hashes(store, key.id) == ()
        clock.advance(timedelta(hours=1))
        assert await app.execute(RevokeApiKey(key_id=key.id)) == revoked
        with pytest.raises(ApiKeyNotActive):
            await rotate_api_key(app, key.id)

    async def test_an_expired_key_has_no_valid_secret(self, store: Store, app: Session, clock: FrozenClock) -> None:
        expires_at = clock() + timedelta(hours=1)
        key = (await create_api_key(app, _SHOP._replace(expires_at=expires_at))).key
        assert len(await _hashes(store, key.id)) == 1
        clock.advance(timedelta(hours=1))
        assert await _hashes(store, key.id) == ()
        with pytest.raises(ApiKeyNotActive):
            await rotate_api_key(app, key.id)
        with pytest.raises(InvalidRequest, match="expires_at"):
            await create_api_key(app, _SHOP._replace(expires_at=expires_at))

    async def test_an_unknown_key_is_not_found(self, store: Store, app: Session) -> None:
        assert await store.credentials.find(_UNKNOWN) is None
        await store.credentials.record_use(_UNKNOWN)
        with pytest.raises(ApiKeyNotFound):
            await app.api_keys.get(_UNKNOWN)
        for command in (RevokeApiKey(key_id=_UNKNOWN), RotateApiKey(key_id=_UNKNOWN, secret_digest="0" * 64)):
            with pytest.raises(ApiKeyNotFound):
                await app.execute(command)

    async def test_the_use_of_a_key_is_recorded_once_a_minute(
        self, store: Store, app: Session, clock: FrozenClock
    ) -> None:
        key = (await create_api_key(app, _SHOP)).key
        first = clock()
        await store.credentials.record_use(key.id)
        clock.advance(USE_RECORDED_EVERY - timedelta(seconds=1))
        await store.credentials.record_use(key.id)
        assert (await app.api_keys.get(key.id)).last_used_at == first
        await rotate_api_key(app, key.id)
        assert (await app.api_keys.get(key.id)).last_used_at == first
        clock.advance(timedelta(seconds=1))
        await store.credentials.record_use(key.id)
        assert (await app.api_keys.get(key.id)).last_used_at == clock()

    async def test_a_list_has_the_keys_in_order_of_creation(self, app: Session) -> None:
        created = [(await create_api_key(app, _SHOP._replace(name=f"Shop {number}"))).key for number in range(3)]
        first = await app.api_keys.list(PageRequest(2))
        second = await app.api_keys.list(PageRequest(2, first.next_cursor))
        assert [*first.items, *second.items] == created
        assert second.next_cursor is None
        with pytest.raises(InvalidRequest, match="cursor"):
            await app.api_keys.list(PageRequest(2, "no cursor"))

    async def test_callers_manage_the_keys_of_their_tenant_only(self, app: Session) -> None:
        north, south = [(await create_api_key(app, _SHOP._replace(tenant=tenant))).key for tenant in ("north", "south")]
        operator = (await create_api_key(app, KeyProperties("Staff", "operator"))).key
        in_main = (await create_api_key(app, _SHOP._replace(tenant=MAIN_TENANT))).key
        partner = app.as_caller(_partner("north"))
        assert (await partner.api_keys.list(_PAGE)).items == (north,)
        for hidden in (south, operator, in_main):
            await self._assert_hidden(partner, hidden.id)
        # A partner of the main tenant does not manage operators.
        main = app.as_caller(_partner(MAIN_TENANT))
        assert (await main.api_keys.list(_PAGE)).items == (in_main,)
        await self._assert_hidden(main, operator.id)
        assert (await app.api_keys.list(_PAGE)).items == (north, south, operator, in_main)
        assert (await partner.execute(RevokeApiKey(key_id=north.id))).revoked_at is not None

    async def _assert_hidden(self, session: Session, key_id: ApiKeyId) -> None:
        with pytest.raises(ApiKeyNotFound, match=f"no API key has the id {key_id}"):
            await session.api_keys.get(key_id)
        with pytest.raises(ApiKeyNotFound, match=f"no API key has the id {key_id}"):
            await session.execute(RevokeApiKey(key_id=key_id))
        with pytest.raises(ApiKeyNotFound, match=f"no API key has the id {key_id}"):
            await rotate_api_key(session, key_id)

    async def test_a_caller_gives_no_right_that_it_does_not_have(self, app: Session) -> None:
        partner = app.as_caller(_partner("north"))
        assert (await create_api_key(partner, _SHOP)).key.tenant == "north"
        assert (await create_api_key(partner, _SHOP._replace(tenant="north"))).key.tenant == "north"
        assert (await create_api_key(partner, _SHOP._replace(scopes=("wallets:freeze",)))).text
        for properties in (
            KeyProperties("Staff", "operator", ("wallets:read",)),
            KeyProperties("Staff", "operator"),
            _SHOP._replace(tenant="south"),
            _SHOP._replace(tenant=MAIN_TENANT),
            _SHOP._replace(scopes=("tenants:all",)),
            _SHOP._replace(scopes=("wallets:read", "audit:read")),
        ):
            with pytest.raises(GrantForbidden):
                await create_api_key(partner, properties)
        local = Caller(MAIN_TENANT, "staff", frozenset({"keys:write", "wallets:read"}), "operator")
        with pytest.raises(GrantForbidden):  # a new tenant is another one than theirs
            await create_api_key(app.as_caller(local), _SHOP._replace(scopes=("wallets:read",)))

    async def test_a_caller_rotates_no_key_that_has_more_rights(self, store: Store, app: Session) -> None:
        wide = await create_api_key(app, _SHOP._replace(tenant="north", scopes=("audit:read", "wallets:read")))
        before = await _hashes(store, wide.key.id)
        with pytest.raises(GrantForbidden):
            await rotate_api_key(app.as_caller(_partner("north")), wide.key.id)
        assert await _hashes(store, wide.key.id) == before
        narrow = (await create_api_key(app, _SHOP._replace(tenant="north"))).key
        assert (await rotate_api_key(app.as_caller(_partner("north")), narrow.id)).text
