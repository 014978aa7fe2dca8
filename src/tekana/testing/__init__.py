"""The test kit, for adapters and for applications that use tekana. Install `tekana[testing]`.

contracts   the suites that a store and a publisher must pass: subclass `StoreContract`, `PublisherContract`
steps       the Gherkin steps of the shipped features, to run them against any store or server
driver      connects the steps with the system under test: `CoreDriver` in this process, `HttpDriver` over HTTP
builders    customers, wallets and commands with sensible defaults
sample_events  one event of every type
receiver    an HTTP server that receives webhooks and records them
clock       FrozenClock: a clock that tests set
"""

try:
    import pytest
except ImportError as error:
    raise ImportError(f"tekana.testing needs more libraries ({error}): pip install 'tekana[testing]'") from error

pytest.register_assert_rewrite("tekana.testing.contracts", "tekana.testing.steps")
