"""What production refuses of a bus is found at the start, also where only the broker knows it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import tekana
from tekana import Settings
from tekana.bootstrap.production import UnsafeForProduction
from tekana.testing.session import session
from tekana_kafka import KafkaPublisher
from tests.kafka.brokers import PipBroker
from tests.serving import free_port

pytestmark = pytest.mark.kafka

SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of no system


class ClusterMember(PipBroker):
    """A broker on this machine, of a cluster whose clients connect to another one."""

    def command(self) -> list[str]:
        words = super().command()
        return [*words[:-3], "tcp://kafka.example:9092", *words[-2:]]


@pytest.fixture
def member() -> Iterator[str]:
    broker = ClusterMember()
    try:
        broker.start()
        yield f"kafka://{broker.address}"
    finally:
        broker.remove()


async def test_a_local_broker_of_a_remote_cluster_needs_tls(member: str) -> None:
    """A client asks the broker of the URL for those that have the topics, and connects to these."""
    [fault] = await KafkaPublisher(member).check_production()
    assert fault == ("bus_url", "has no TLS to kafka.example:9092")


async def test_a_process_is_refused_at_such_a_broker(member: str) -> None:
    with pytest.raises(UnsafeForProduction, match=r"^bus_url: has no TLS to kafka\.example:9092$"):
        async with session(Settings(env="production", role="gateway", bus_url=member, bus_secret=SECRET)):
            pass


async def test_a_local_cluster_is_safe(kafka_address: str) -> None:
    assert await KafkaPublisher(f"kafka://{kafka_address}").check_production() == []


async def test_a_local_broker_that_does_not_answer_cannot_be_checked() -> None:
    url = f"kafka://127.0.0.1:{free_port()}"
    with pytest.raises(tekana.Unavailable, match=f"^Kafka at {url[8:]} cannot be checked: "):
        await KafkaPublisher(url).check_production()


async def test_a_broker_with_tls_need_not_answer() -> None:
    url = f"kafka://127.0.0.1:{free_port()}?security_protocol=SSL"
    assert await KafkaPublisher(url).check_production() == []
