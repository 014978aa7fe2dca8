"""The test kit: for those who write an adapter, and for those who build on tekana. Install `tekana[testing]`.

contracts   the suites that a store and a publisher must pass: subclass `StoreContract`, `PublisherContract`
steps       the Gherkin steps of the shipped features, to run them against a store or a server of your own
driver      how the steps reach what they test: `CoreDriver` in this process, `HttpDriver` over HTTP
builders    customers, wallets and commands with sensible defaults
sample_events  one event of every type
receiver    a receiver of webhooks, and what it was sent
clock       FrozenClock: time that moves when the test says so
"""

import pytest

pytest.register_assert_rewrite("tekana.testing.contracts", "tekana.testing.steps")
