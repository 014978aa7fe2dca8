"""The contract suites for stores, publishers and key providers. Every guarantee of `tekana.ports` has a test here.

    class TestMyStore(StoreContract):
        persistent = True  # and define `another`, if other store objects can read the data

        @pytest_asyncio.fixture
        async def store(self, clock):
            store = MyStore(NEW_EMPTY_PLACE, clock=clock)
            await store.start()
            await store.migrate()
            yield store
            await store.stop()

        async def another(self, store):
            return MyStore(store.url, clock=store.clock)  # not started: the suite starts it

The fixture `store` is a started, migrated and empty store with the fixture `clock` as its clock. After every test the
suite audits the store: with the store's own audit, and with everything that its readers return. Tests of capabilities
that a subclass does not declare are not collected. pytest-asyncio runs the suite, in either mode.

A `PublisherContract` needs a fixture `publisher`, and the methods `arrived` and `bodies`, which read from the bus. Its
base `PublisherFailuresContract` tests failures, with the methods `away` and `make_unacceptable`.

A `KeyProviderContract` needs the fixtures `provider` and `stranger`, and the methods `another` and `lost`.
"""

from tekana.testing.contracts.data_keys import DataKeysContract
from tekana.testing.contracts.key_providers import KeyProviderContract
from tekana.testing.contracts.leases import LeasesContract
from tekana.testing.contracts.outbox import OutboxContract
from tekana.testing.contracts.publishing import PublisherContract
from tekana.testing.contracts.publishing_failures import PublisherFailuresContract
from tekana.testing.contracts.sign_in import SignInContract
from tekana.testing.contracts.suite import StoreContract
from tekana.testing.contracts.webhooks import WebhooksContract

__all__ = [
    "DataKeysContract",
    "KeyProviderContract",
    "LeasesContract",
    "OutboxContract",
    "PublisherContract",
    "PublisherFailuresContract",
    "SignInContract",
    "StoreContract",
    "WebhooksContract",
]
