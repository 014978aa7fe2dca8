"""The topics that events are published on."""

from __future__ import annotations

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from tekana_kafka.address import Address

_BROKERS_DEFAULT = -1


async def create_missing_topics(address: Address, patience: float) -> None:
    """Create the topics that are not there yet, replicated as the broker does by default.

    Raises:
        KafkaError: the broker does not answer within `patience` seconds, or does not let us.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=list(address.servers), request_timeout_ms=int(patience * 1000))
    try:
        await admin.start()
        missing = sorted(set(address.topics) - set(await admin.list_topics()))
        if missing:
            answer = await admin.create_topics([_new(name, address.partitions) for name in missing])
            for name, code, *_ in answer.topic_errors:
                error = for_code(code)
                if code and error is not TopicAlreadyExistsError:  # somebody else was faster
                    raise error(f"cannot create the topic {name}")
    finally:
        await admin.close()


def _new(name: str, partitions: int) -> NewTopic:
    topic = NewTopic(name, num_partitions=partitions, replication_factor=1)
    topic.replication_factor = _BROKERS_DEFAULT  # which the protocol knows, and NewTopic refuses
    return topic
