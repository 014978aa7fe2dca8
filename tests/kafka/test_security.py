"""Connections to a broker with TLS and SASL, and the errors of those that it or the client refuses."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

import tekana
from tekana.bootstrap.production import check_settings
from tekana.domain.events import Event, aggregate_id
from tekana.testing.builders import deposit
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.sample_events import sample_events
from tekana.testing.session import session
from tekana_kafka import EventConsumer, KafkaPublisher
from tekana_memory import MemoryStore
from tests.kafka.secure_broker import SecureKafka
from tests.kafka.topology import BUS_SECRET, gateway, services, until_it_answers

pytestmark = pytest.mark.kafka

WRONG = "the-wrong-one"
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")


@pytest.fixture(scope="module")
def broker() -> Iterator[SecureKafka]:
    if "TEKANA_TEST_KAFKA_JARS" not in os.environ:
        pytest.skip("not here: Apache Kafka")
    broker = SecureKafka(Path(os.environ["TEKANA_TEST_KAFKA_JARS"]))
    try:
        broker.start()
        yield broker
    finally:
        broker.remove()


def url_of(broker: SecureKafka, password: str = SecureKafka.PASSWORD, host: str = "127.0.0.1", **options: str) -> str:
    """Return a URL with a user and a password, and with some options changed."""
    usual = {"security_protocol": "SASL_SSL", "ssl_cafile": str(broker.ca_file), "topic_prefix": "secure"}
    query = "&".join(f"{name}={value}" for name, value in {**usual, **options}.items())
    return f"kafka://{broker.USER}:{quote(password, safe='')}@{host}:{broker.port}?{query}&partitions=1"


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_events_are_published_and_consumed(broker: SecureKafka, mechanism: str) -> None:
    url = url_of(broker, sasl_mechanism=mechanism, topic_prefix=f"events-{mechanism}")
    publisher = KafkaPublisher(url)
    events = sample_events()
    assert await publisher.publish(events) == []
    await publisher.stop()
    consumed: list[Event] = []

    async def handle(event: Event) -> None:
        consumed.append(event)
        if len(consumed) == len(events):
            consumer.stop()

    consumer = EventConsumer(url, f"group-{mechanism}", handle)
    await consumer.run()
    assert {type(one) for one in consumed} == {type(one) for one in events}
    assert len(consumed) == len(events)


async def test_the_relay_publishes_and_a_gateway_reaches_the_services(broker: SecureKafka, postgres_url: str) -> None:
    url = url_of(broker, topic_prefix="topology")
    async with services(url, "memory://", store=MemoryStore()), gateway(url) as app:
        await until_it_answers(app)
        wallet = await a_wallet(app, "5")
        assert (await app.execute(deposit(wallet.id, "1"))).status == "posted"
    settings = tekana.Settings(database_url=postgres_url, bus_url=url)
    async with session(settings, run_workers=True) as app:
        wallet = await a_wallet(app)
        consumed: list[Event] = []

        async def handle(event: Event) -> None:
            consumed.append(event)
            consumer.stop()

        consumer = EventConsumer(url, "relayed", handle, aggregates=("wallet",))
        await consumer.run()
    assert [aggregate_id(one) for one in consumed] == [wallet.id]


async def test_a_gateway_starts_in_production(broker: SecureKafka) -> None:
    url = url_of(broker, topic_prefix="production")
    settings = tekana.Settings(
        env="production",
        role="gateway",
        bus_url=url,
        bus_secret=BUS_SECRET,
        token_issuer="https://wallets.example",  # noqa: S106 - the name of an issuer
        token_audience="wallets",  # noqa: S106 - the name of an audience
    )
    check_settings(settings, host="127.0.0.1")
    async with tekana.connect(settings) as app:
        await app.check_ready()


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        (lambda broker: url_of(broker, password=WRONG), "SaslAuthenticationFailed"),
        (lambda broker: url_of(broker, password=WRONG, sasl_mechanism="PLAIN"), "Invalid username or password"),
        (lambda broker: url_of(broker, ssl_cafile=str(_another_authority(broker))), "CERTIFICATE_VERIFY_FAILED"),
        (lambda broker: url_of(broker).replace(f"ssl_cafile={broker.ca_file}&", ""), "CERTIFICATE_VERIFY_FAILED"),
        (lambda broker: url_of(broker, host="localhost"), "Hostname mismatch"),
        (lambda broker: f"kafka://{broker.address}", "is security_protocol=PLAINTEXT right for its port"),
        (
            lambda broker: f"kafka://{broker.address}?security_protocol=SSL&ssl_cafile={broker.ca_file}",
            "is security_protocol=SSL right for its port",
        ),
    ],
    ids=["password", "plain password", "authority", "authorities of the system", "host", "no TLS", "no SASL"],
)
async def test_the_cause_of_a_refused_connection_is_named(
    broker: SecureKafka, url: object, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(url)
    address = url(broker)
    with pytest.raises(tekana.Unavailable, match=cause) as refused:
        await KafkaPublisher(address).start()
    assert WRONG not in str(refused.value)
    assert SecureKafka.PASSWORD not in str(refused.value)
    with pytest.raises(tekana.Unavailable, match=cause):
        await EventConsumer(address, "group", _never).run()
    with caplog.at_level(logging.WARNING, "tekana.bus"):
        async with gateway(address) as app:
            with pytest.raises(tekana.Overloaded, match="nothing was begun"):
                await app.wallets.list(tekana.WalletFilter(), tekana.PageRequest())
    assert any(cause in line for line in _lines(caplog))
    assert not any(SecureKafka.PASSWORD in line for line in caplog.messages)


async def test_tls_to_a_listener_without_it_is_refused(
    kafka_address: str, broker: SecureKafka, topic_prefix: str
) -> None:
    url = f"kafka://{kafka_address}?topic_prefix={topic_prefix}&security_protocol=SSL&ssl_cafile={broker.ca_file}"
    with pytest.raises(tekana.Unavailable, match="is security_protocol=SSL right for its port"):
        await KafkaPublisher(url).start()


def _another_authority(broker: SecureKafka) -> Path:
    path = broker.folder / "other.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return path


def _lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.name == "tekana.bus"]


async def _never(event: Event) -> None:
    raise AssertionError("nothing is consumed")
