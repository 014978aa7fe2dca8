"""The suites that a store and a publisher must pass. Every guarantee of `tekana.ports` is a test here.

    class TestMyStore(StoreContract):
        persistent = True  # and `another`, if your store outlives its object

        @pytest_asyncio.fixture
        async def store(self, clock):
            store = MyStore(NEW_EMPTY_PLACE, clock=clock)
            await store.start()
            await store.migrate()
            yield store
            await store.stop()

        async def another(self, store):
            return MyStore(store.url, clock=store.clock)  # not started: the suite does it

The fixture gives each test a started, migrated and empty store whose clock is the fixture `clock`. After every test the
suite audits the store, by the store's own audit and by everything that its readers show. What a store does not claim to
be able to do is not collected. pytest-asyncio runs it, in either mode.

A `PublisherContract` asks for less: a fixture `publisher`, and `arrived` and `bodies`, which read what is on its bus.
Half of it, `PublisherFailuresContract`, is about failures; for these a bus brings `away` and `make_unacceptable`.
"""

from tekana.testing.contracts.leases import LeasesContract
from tekana.testing.contracts.outbox import OutboxContract
from tekana.testing.contracts.publishing import PublisherContract
from tekana.testing.contracts.publishing_failures import PublisherFailuresContract
from tekana.testing.contracts.suite import StoreContract
from tekana.testing.contracts.webhooks import WebhooksContract

__all__ = [
    "LeasesContract",
    "OutboxContract",
    "PublisherContract",
    "PublisherFailuresContract",
    "StoreContract",
    "WebhooksContract",
]
