"""The test kit, for adapters and for applications that use tekana. Install `tekana[testing]`.

contracts   the suites that a store and a publisher must pass: subclass `StoreContract`, `PublisherContract`
steps       the Gherkin steps of the shipped features, to run them against any store or server
driver      connects the steps with the system under test: `CoreDriver` in this process, `HttpDriver` over HTTP
builders    customers, wallets and commands with sensible defaults
sample_events  one event of every type
receiver    an HTTP server that receives webhooks and records them
clock       FrozenClock: a clock that tests set
"""

import pytest

pytest.register_assert_rewrite("tekana.testing.contracts", "tekana.testing.steps")
