"""Fixtures with a real PostgreSQL and a real broker, each started once per run.

PostgreSQL is the embedded one, so that nothing has to be installed; each test gets a new migrated database.
`TEKANA_TEST_DATABASE_URL` (of a database whose user may create others) uses an existing server instead.
`TEKANA_TEST_KAFKA=host:port` uses an existing broker; otherwise see `tests.kafka.brokers`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import signal
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import asyncpg
import hypothesis
import pytest
from litestar.utils.signature import ParsedSignature
from sqlalchemy import make_url

from tekana.application.sign_in import customer_sign_in
from tekana.application.sign_in.hashing import Hashing
from tekana.bootstrap import adapters
from tekana_postgres.embedded import EmbeddedPostgres
from tekana_postgres.rights import AUDIT_PREFIX, role_name
from tests.kafka import idempotent_on_the_pip_broker
from tests.kafka.brokers import Broker, PipBroker, new_broker
from tests.postgres_stores import postgres_store

_MEMORY_FREE_BYTES_MIN = 6 * 2**30  # two servers, with the write-ahead log of a whole run
_GIVEN_BROKER, _SHARED_BROKER = "TEKANA_TEST_KAFKA", "TEKANA_TEST_KAFKA_SHARED"
_SKIPPED_FOR_A_REASON = "not here: "
_skipped: list[str] = []
_COUNTED = ("cells of the access matrix", "deviations from it")


# A run has many objects, of which hardly any are garbage: looking for it takes a fifth of the time of an HTTP test.
gc.set_threshold(50_000, 20, 100)


# A process that waits for others on a busy machine is no failure.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# A run in the background of a shell ignores Ctrl-C, and so would the programs that tests start and interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Exclude what was made until now, which remains, from later searches for garbage."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Record every test that was skipped without the name of a missing optional tool."""
    if report.skipped and isinstance(report.longrepr, tuple) and _SKIPPED_FOR_A_REASON not in report.longrepr[2]:
        _skipped.append(f"{report.nodeid}: {report.longrepr[2]}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if a test was skipped for another reason than `pytest.skip("not here: <an optional tool>")`."""
    if _skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the tests that were skipped without an accepted reason, and count what tests counted."""
    reports = [one for ones in terminalreporter.stats.values() for one in ones if isinstance(one, pytest.TestReport)]
    counts: Counter[str] = Counter()
    for report in reports:
        counts.update(
            {name: value for name, value in report.user_properties if name in _COUNTED and report.when == "teardown"}
        )
    for name, count in counts.items():
        terminalreporter.write_line(f"{name}: {count:,}")
    for one in _skipped:
        terminalreporter.write_line(f"SKIPPED without a missing tool: {one}", red=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Start one Apache Kafka for all processes of the run, as each would take many seconds of CPU."""
    if "TEKANA_TEST_KAFKA_JARS" in os.environ and _GIVEN_BROKER not in os.environ:
        broker = _broker()
        config.add_cleanup(broker.remove)
        broker.start()
        os.environ[_SHARED_BROKER] = broker.address


@pytest.fixture(scope="session", autouse=True)
def key_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder for the default key file of this process and of the commands that tests start."""
    folder = tmp_path_factory.mktemp("keys")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapters, "default_data_dir", lambda: folder)
        patch.setenv("TEKANA_KEY_PROVIDER_URL", f"file://{folder}/master-keys.json")
        yield folder


@pytest.fixture(scope="session", autouse=True)
def signatures() -> Iterator[None]:
    """Parse the signature of each handler once, instead of once for each app: a third of the time that an app takes."""
    parse, known = ParsedSignature.from_fn, WeakKeyDictionary[Callable[..., Any], ParsedSignature]()

    def parse_once(fn: Callable[..., Any], signature_namespace: dict[str, Any]) -> ParsedSignature:
        if fn not in known:
            known[fn] = parse(fn, signature_namespace)
        return known[fn]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ParsedSignature, "from_fn", parse_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes() -> Iterator[None]:
    """Hash passwords and codes at a small cost in the apps of this process: see `full_hashes`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(customer_sign_in, "Hashing", partial(Hashing, iterations=1, memory_kib=64))
        yield


@pytest.fixture
def full_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash at the cost of production in the apps that a test builds, for tests that measure times."""
    monkeypatch.setattr(customer_sign_in, "Hashing", Hashing)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Return the URL of the server's maintenance database."""
    given = os.environ.get("TEKANA_TEST_DATABASE_URL")
    if given:
        yield given
        return
    folder = _new_server_folder()
    server = EmbeddedPostgres(folder, durable=False)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_data() -> Iterator[Path]:
    """Return a folder with the data of an embedded PostgreSQL that was created and stopped.

    Tests that are not about the creation of data copy them with `copy_postgres_data`: initdb takes a second of CPU.
    """
    folder = _new_server_folder()
    with EmbeddedPostgres(folder, durable=False):
        pass
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _new_server_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tekana-test-", dir=_server_folder()))
    folder.chmod(0o755)  # so that the account PostgreSQL runs as can enter it
    return folder


def _server_folder() -> Path:
    """Return the folder for the server's data: in memory if there is room, where databases are created much faster."""
    memory = Path("/dev/shm")  # a file system in memory
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > _MEMORY_FREE_BYTES_MIN
    return memory if has_room and os.access(memory, os.W_OK) else Path("/var/tmp")


@pytest.fixture(scope="session")
def template_database(postgres_server: str) -> str:
    """Return the name of a migrated, empty database, the template of all others."""
    name = f"tekana_template_{uuid.uuid4().hex[:8]}"
    _maintain(postgres_server, f"CREATE DATABASE {name}")
    asyncio.run(postgres_store(_database(postgres_server, name)).migrate())
    return name


@pytest.fixture
def postgres_url(postgres_server: str, template_database: str) -> Iterator[str]:
    """Return the URL of a new database with the newest schema; it is dropped after the test."""
    with new_database(postgres_server, template_database) as url:
        yield url


@pytest.fixture(scope="module")
def shared_postgres_url(postgres_server: str, template_database: str) -> Iterator[str]:
    """Return the URL of a database for all tests of a module, with the newest schema."""
    with new_database(postgres_server, template_database) as url:
        yield url


@contextmanager
def new_database(server: str, template: str) -> Iterator[str]:
    """Create a database like the template, yield its URL, and drop it."""
    name = f"tekana_{uuid.uuid4().hex[:12]}"
    _maintain(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    try:
        yield _database(server, name)
    finally:
        _maintain(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_postgres_url(postgres_server: str) -> Iterator[str]:
    """Return the URL of a new, empty database; it is dropped after the test."""
    name = f"tekana_{uuid.uuid4().hex[:12]}"
    _maintain(postgres_server, f"CREATE DATABASE {name}")
    try:
        yield _database(postgres_server, name)
    finally:
        _maintain(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")
        _maintain(postgres_server, f"DROP ROLE IF EXISTS {role_name(name)}, {role_name(name, AUDIT_PREFIX)}")


@pytest.fixture(scope="session")
def kafka_address() -> Iterator[str]:
    """Return host:port of a broker that all tests share; each test uses its own `topic_prefix`."""
    given = os.environ.get(_GIVEN_BROKER) or os.environ.get(_SHARED_BROKER)
    if given:
        yield given
        return
    broker = _broker()
    try:
        broker.start()
        yield broker.address
    finally:
        broker.remove()


@pytest.fixture(scope="session")
def stoppable_broker() -> Iterator[Broker]:
    """Return a broker that is not shared, and not started yet."""
    if os.environ.get(_GIVEN_BROKER):
        pytest.skip("not here: a broker that may be stopped")
    broker = _broker()
    yield broker
    broker.remove()


@pytest.fixture
def kafka_broker(stoppable_broker: Broker) -> Broker:
    """Return a running broker that the test may stop, kill and restart. It may hold messages of earlier tests."""
    if not stoppable_broker.running:
        stoppable_broker.start()
    return stoppable_broker


@pytest.fixture
def topic_prefix() -> str:
    """Return the prefix of this test's topics."""
    return f"test-{uuid.uuid4().hex[:12]}"


def _broker() -> Broker:
    broker = new_broker()
    if isinstance(broker, PipBroker):
        idempotent_on_the_pip_broker.install()
    return broker


def _database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _maintain(url: str, statement: str) -> None:
    """Execute a statement that runs outside of transactions."""

    async def execute() -> None:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(execute())
