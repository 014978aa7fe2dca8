"""Where a URL leads is checked before a command is decided, and not again for a request that was answered."""

from __future__ import annotations

from collections.abc import AsyncIterator

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
from tekana.application.webhooks.url_checks import UrlCheckingEngine
from tekana.domain.errors import IdempotencyKeyReused, InvalidRequest, invalid
from tekana.ports.page import PageRequest
from tekana.ports.webhook_store import WebhookStore
from tekana.testing import builders
from tekana_httpcore import HttpSender
from tekana_memory import MemoryStore

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
async def owner(sender: Sender) -> AsyncIterator[Session]:
    store = MemoryStore()
    decides = PostingEngine(store.begin, uuid7, default_currency=builders.RWF)
    engine = UrlCheckingEngine(decides, lambda: store, lambda: sender)
    engine.start()
    yield Tekana(store, engine, webhooks=lambda caller: Webhooks(store, caller)).as_caller(ME)
    await engine.stop()


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
    engine = UrlCheckingEngine(
        PostingEngine(store.begin, uuid7, default_currency=builders.RWF), missing, lambda: sender
    )
    engine.start()
    session = Tekana(store, engine).as_caller(ME)
    for command in (CreateWebhookEndpoint(url=URL), RotateWebhookSecret(endpoint_id=uuid7())):
        with pytest.raises(MissingAdapter):
            await session.execute(command)
    assert (await session.execute(builders.person())).wallets
    await engine.stop()
