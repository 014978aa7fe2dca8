"""Where a URL leads is checked before a command is decided, once for each key. Secrets are stored encrypted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from uuid_utils.compat import uuid7

from tekana import MissingAdapter
from tekana.application import (
    CreateWebhookEndpoint,
    PostingEngine,
    RotateWebhookSecret,
    Session,
    Tekana,
    UpdateWebhookEndpoint,
    Webhooks,
)
from tekana.application.engine.preparing_engine import PreparingEngine
from tekana.application.secrets.encryption import DamagedText
from tekana.application.webhooks.signature import signature_headers
from tekana.application.webhooks.stored_secrets import decrypt_stored_secrets, encrypt_stored_secrets
from tekana.domain.errors import IdempotencyKeyReused, InvalidRequest, Unavailable, invalid
from tekana.domain.identifiers import WebhookEndpointId
from tekana.ports.page import PageRequest
from tekana.ports.webhook_endpoints import ENCRYPTED
from tekana.ports.webhook_store import WebhookStore
from tekana.testing import builders
from tekana_httpcore import HttpSender
from tekana_keyfile.memory import MemoryKeys
from tekana_memory import MemoryStore
from tests.webhooks.support import secrets_of

ME = builders.caller("me")
URL = "https://example.com/hooks"


class Sender(HttpSender):
    """Checks nothing but whether a URL is among those that are refused."""

    def __init__(self) -> None:
        super().__init__(allow_private=False)
        self.checked: list[str] = []
        self.refused: set[str] = set()

    async def check(self, url: str) -> None:
        self.checked.append(url)
        if url in self.refused:
            raise invalid("url", "may not be sent to")


@pytest.fixture
def sender() -> Sender:
    return Sender()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def keys() -> MemoryKeys:
    return MemoryKeys()


@pytest.fixture
async def owner(store: MemoryStore, keys: MemoryKeys, sender: Sender) -> AsyncIterator[Session]:
    secrets = secrets_of(store, keys)
    decides = PostingEngine(store.begin, uuid7, default_currency=builders.RWF, new_secret=secrets.new)
    engine = PreparingEngine(decides, lambda: store, lambda: sender, secrets)
    engine.start()
    yield Tekana(store, engine, webhooks=lambda caller: Webhooks(store, caller)).as_caller(ME)
    await engine.stop()


async def test_a_secret_is_stored_encrypted_and_shown_readable(owner: Session, store: MemoryStore) -> None:
    create, rotate = CreateWebhookEndpoint(url=URL), RotateWebhookSecret
    created = await owner.execute(create, key="creation")
    assert created.secret.startswith("whsec_")
    assert await owner.execute(create, key="creation") == created
    rotated = await owner.execute(rotate(endpoint_id=created.id), key="rotation")
    assert rotated.secret.startswith("whsec_")
    assert rotated.secret != created.secret
    assert (await owner.execute(create, key="creation")).secret == rotated.secret
    stored = await store.webhook_endpoints.get(ME, created.id)
    assert stored.secret.startswith(ENCRYPTED)
    assert str(stored.previous_secret).startswith(ENCRYPTED)
    assert (await owner.preview(create)).secret.startswith("whsec_")


async def test_without_the_key_provider_only_new_secrets_are_unavailable(
    owner: Session, store: MemoryStore, keys: MemoryKeys
) -> None:
    keys.lost = True
    with pytest.raises(Unavailable):
        await owner.execute(CreateWebhookEndpoint(url=URL), key="a key")
    with pytest.raises(Unavailable):
        await owner.preview(CreateWebhookEndpoint(url=URL))
    assert (await owner.execute(builders.person())).wallets
    keys.lost = False
    created = await owner.submit(CreateWebhookEndpoint(url=URL), key="a key")
    assert not created.replayed
    keys.lost = True  # by now the data key is in memory
    await owner.execute(RotateWebhookSecret(endpoint_id=created.answer.id))
    await owner.execute(UpdateWebhookEndpoint(endpoint_id=created.answer.id, description="second"))


async def test_the_secret_of_another_endpoint_is_not_decrypted(owner: Session, store: MemoryStore) -> None:
    one, other = [await owner.execute(CreateWebhookEndpoint(url=URL), key=key) for key in "ab"]
    before = await store.webhook_endpoints.stored_secrets(encrypted=True)
    [mine] = [found for found in before if found.endpoint_id == one.id]
    [foreign] = [found for found in before if found.endpoint_id == other.id]
    assert await store.webhook_endpoints.replace_secrets(mine, mine._replace(secret=foreign.secret))
    with pytest.raises(DamagedText):
        await owner.execute(CreateWebhookEndpoint(url=URL), key="a")


async def test_readable_secrets_are_encrypted_and_decrypted_again(
    owner: Session, store: MemoryStore, keys: MemoryKeys
) -> None:
    created = await owner.execute(CreateWebhookEndpoint(url=URL), key="a key")
    await owner.execute(RotateWebhookSecret(endpoint_id=created.id))
    endpoints, secrets = store.webhook_endpoints, secrets_of(store, keys)
    encrypted = await endpoints.stored_secrets(encrypted=True)
    assert await endpoints.stored_secrets(encrypted=False) == []
    assert await decrypt_stored_secrets(endpoints, secrets) == 1
    [readable] = await endpoints.stored_secrets(encrypted=False)
    assert readable.previous_secret == created.secret
    assert await owner.execute(CreateWebhookEndpoint(url=URL), key="a key")  # it is used as it is
    keys.lost = True
    with pytest.raises(Unavailable):
        await encrypt_stored_secrets(endpoints, secrets_of(store, keys))
    keys.lost = False
    assert await encrypt_stored_secrets(endpoints, secrets) == 1
    assert await encrypt_stored_secrets(endpoints, secrets) == 0
    [again] = await endpoints.stored_secrets(encrypted=True)
    assert again != encrypted[0]
    assert await secrets.decrypt_stored(again) == readable


def test_an_earlier_version_cannot_sign_with_an_encrypted_secret(keys: MemoryKeys) -> None:
    secrets = secrets_of(MemoryStore(), keys)
    asyncio.run(secrets.load())
    for _ in range(100):
        with pytest.raises(ValueError, match="base64"):
            signature_headers("a message", datetime.now(UTC), b"", [secrets.new(WebhookEndpointId(uuid7()))])


async def test_a_url_is_checked_where_one_is_given(owner: Session, sender: Sender) -> None:
    endpoint = await owner.execute(CreateWebhookEndpoint(url=URL))
    await owner.execute(UpdateWebhookEndpoint(endpoint_id=endpoint.id, description="second"))
    await owner.execute(RotateWebhookSecret(endpoint_id=endpoint.id))
    await owner.execute(builders.person())
    assert sender.checked == [URL]
    await owner.enqueue(UpdateWebhookEndpoint(endpoint_id=endpoint.id, url=f"{URL}/2"))
    await owner.preview(CreateWebhookEndpoint(url=f"{URL}/3"))
    assert sender.checked == [URL, f"{URL}/2", f"{URL}/3"]


async def test_nothing_is_kept_of_a_request_with_a_url_that_is_refused(owner: Session, sender: Sender) -> None:
    sender.refused.add(URL)
    for _ in range(2):
        with pytest.raises(InvalidRequest, match="may not be sent to"):
            await owner.execute(CreateWebhookEndpoint(url=URL), key="a key")
    assert (await owner.webhooks.list(PageRequest())).items == ()
    sender.refused.clear()
    assert not (await owner.submit(CreateWebhookEndpoint(url=URL), key="a key")).replayed


async def test_a_repeated_request_is_answered_wherever_its_url_leads_by_now(owner: Session, sender: Sender) -> None:
    first = await owner.execute(CreateWebhookEndpoint(url=URL), key="a key")
    sender.refused.add(URL)
    again = await owner.submit(CreateWebhookEndpoint(url=URL), key="a key")
    assert (again.answer, again.replayed) == (first, True)
    with pytest.raises(IdempotencyKeyReused):
        await owner.execute(CreateWebhookEndpoint(url=URL, description="another"), key="a key")
    assert sender.checked == [URL]


async def test_a_store_without_webhooks_says_so_before_anything_is_decided(sender: Sender) -> None:
    def missing() -> WebhookStore:
        raise MissingAdapter("the store keeps no webhooks")

    store = MemoryStore()
    secrets = secrets_of(store)
    decides = PostingEngine(store.begin, uuid7, default_currency=builders.RWF, new_secret=secrets.new)
    engine = PreparingEngine(decides, missing, lambda: sender, secrets)
    engine.start()
    session = Tekana(store, engine).as_caller(ME)
    for command in (CreateWebhookEndpoint(url=URL), RotateWebhookSecret(endpoint_id=uuid7())):
        with pytest.raises(MissingAdapter):
            await session.execute(command)
    assert (await session.execute(builders.person())).wallets
    await engine.stop()
