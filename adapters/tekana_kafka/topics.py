"""The topics that events are published on."""

from __future__ import annotations

from collections.abc import Mapping

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from tekana_kafka.address import Address

_BROKERS_DEFAULT = -1
_AS_THE_BROKER_DOES: Mapping[str, str] = {}
_FOR_EVER: Mapping[str, str] = {"retention.ms": "-1"}


async def create_missing_topics(address: Address, patience: float, *, dead_letters: bool = False) -> None:
    """Create the topics that are not there yet, replicated as the broker does by default.

    Dead letters are wanted by consumers alone, and kept for ever.

    Raises:
        KafkaError: the broker does not answer within `patience` seconds, or does not let us.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=list(address.servers), request_timeout_ms=int(patience * 1000))
    try:
        await admin.start()
        wanted = dict.fromkeys(address.topics, _AS_THE_BROKER_DOES)
        if dead_letters:
            wanted[address.dead_letters] = _FOR_EVER
        missing = wanted.keys() - set(await admin.list_topics())
        if missing:
            new = [_new(name, address.partitions, wanted[name]) for name in sorted(missing)]
            answer = await admin.create_topics(new)
            for name, code, *_ in answer.topic_errors:
                error = for_code(code)
                if code and error is not TopicAlreadyExistsError:  # somebody else was faster
                    raise error(f"cannot create the topic {name}")
    finally:
        await admin.close()


def _new(name: str, partitions: int, settings: Mapping[str, str]) -> NewTopic:
    topic = NewTopic(name, num_partitions=partitions, replication_factor=1, topic_configs=dict(settings))
    topic.replication_factor = _BROKERS_DEFAULT  # which the protocol knows, and NewTopic refuses
    return topic
