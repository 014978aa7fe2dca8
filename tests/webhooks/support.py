"""What the tests of webhooks share: a store of each kind, a receiver, and a running dispatcher between them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from uuid_utils.compat import uuid7

from tekana.application import PostingEngine, Session, Tekana, Webhooks
from tekana.application.engine.preparing_engine import PreparingEngine
from tekana.application.event_payload import event_payload
from tekana.application.secrets.data_keys import DataKeys
from tekana.application.webhooks.endpoint_secrets import EndpointSecrets
from tekana.application.workers import leased_worker
from tekana.application.workers import webhook_dispatcher as dispatchers
from tekana.application.workers.webhook_dispatcher import WebhookDispatcher, webhook_queue_worker
from tekana.application.workers.worker import running
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import Unavailable
from tekana.domain.webhooks import WebhookDelivery, WebhookEndpoint
from tekana.ports.key_provider import KeyProvider
from tekana.ports.page import PageRequest
from tekana.ports.webhook_store import WebhookStore
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import at_work
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.contracts.ledger_checks import assert_whole, every
from tekana.testing.receiver import Json, Receiver, receiving
from tekana_httpcore import HttpSender
from tekana_keyfile import KeyFile
from tekana_keyfile.memory import MemoryKeys
from tekana_memory import MemoryStore
from tests.postgres_stores import key_file, postgres_store

ME = builders.caller("me")
PATIENCE = 60.0
KEY_PROVIDER = MemoryKeys()
"""The key provider of stores in memory. While it is lost, that of PostgreSQL is lost, too."""


class LosableKeyFile:
    """The key file of the run, which cannot be reached while KEY_PROVIDER is lost."""

    location = "the key file of the run"

    async def wrap(self, key: bytes, context: str) -> str:
        return await self._file().wrap(key, context)

    async def unwrap(self, wrapped: str, context: str) -> bytes:
        return await self._file().unwrap(wrapped, context)

    def _file(self) -> KeyFile:
        if KEY_PROVIDER.lost:
            raise Unavailable("the key provider is lost")
        return key_file()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_POLL_SECONDS", "_REFRESH_SECONDS"):
        monkeypatch.setattr(dispatchers, name, 0.02)
    for name in ("_STANDBY_SECONDS", "_NEED_CHECK_SECONDS"):
        monkeypatch.setattr(leased_worker, name, 0.02)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime.now(UTC).replace(microsecond=0))  # receivers refuse what is signed long ago


@pytest.fixture(params=["memory", "postgres"])
def store_url(request: pytest.FixtureRequest) -> str:
    return "memory://" if request.param == "memory" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def store(store_url: str, clock: FrozenClock) -> AsyncIterator[WebhookStore]:
    kind: Callable[..., WebhookStore] = MemoryStore if store_url == "memory://" else postgres_store
    kept = kind(store_url, clock=clock)
    yield kept
    await assert_whole(kept)
    await kept.stop()


@pytest.fixture
async def app(store: WebhookStore) -> AsyncIterator[Session]:
    async with at_work(store) as app:
        yield app


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


@pytest.fixture
async def owner(store: WebhookStore) -> AsyncIterator[Session]:
    """The session of a caller who owns endpoints."""
    secrets = secrets_of(store)
    decides = PostingEngine(store.begin, uuid7, default_currency=builders.RWF, new_secret=secrets.new)
    engine = PreparingEngine(decides, lambda: store, lambda: HttpSender(allow_private=True), secrets)
    engine.start()
    yield Tekana(store, engine, webhooks=lambda caller: Webhooks(store, caller)).as_caller(ME)
    await engine.stop()


def secrets_of(store: WebhookStore, key_provider: KeyProvider | None = None) -> EndpointSecrets:
    """Return the secrets of a process of its own, which has no data key in memory yet."""
    usual = KEY_PROVIDER if isinstance(store, MemoryStore) else LosableKeyFile()
    data_keys = DataKeys(store, key_provider or usual, uuid7)
    return EndpointSecrets(lambda: data_keys)


@asynccontextmanager
async def dispatching(store: WebhookStore, clock: FrozenClock) -> AsyncIterator[None]:
    sender = HttpSender(allow_private=True)
    queue = webhook_queue_worker(store, uuid7, holder="a test")
    async with running([queue, WebhookDispatcher(store, sender, secrets_of(store), clock=clock)]):
        yield


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


async def log(owner: Session, endpoint: WebhookEndpoint) -> Sequence[WebhookDelivery]:
    return (await owner.webhooks.deliveries(endpoint.id, PageRequest(200))).items


async def until_logged(
    owner: Session, endpoint: WebhookEndpoint, condition: Callable[[Sequence[WebhookDelivery]], bool]
) -> Sequence[WebhookDelivery]:
    async with asyncio.timeout(PATIENCE):
        while not condition(found := await log(owner, endpoint)):  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.02)
    return found


async def feed(store: WebhookStore) -> list[Json]:
    payloads = [event_payload(one.event)._asdict() for one in await every(store.events(LOCAL_OPERATOR).list)]
    return [{**one, "aggregate_id": str(one["aggregate_id"])} for one in payloads]


def sequences(events: Sequence[Json]) -> dict[str, list[int]]:
    """Return the sequences of each aggregate's events, in the order of arrival."""
    found: dict[str, list[int]] = defaultdict(list)
    for one in events:
        found[one["aggregate_id"]].append(one["sequence"])
    return found


async def moved(app: Session, times: int) -> None:
    one, other = await a_wallet(app, "1000"), await a_wallet(app, "1000")
    for number in range(times):
        await app.execute(builders.transfer(one.id, other.id, "1"), key=f"{one.id} {number}")
