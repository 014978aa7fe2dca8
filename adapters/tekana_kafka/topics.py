"""The topics: of events, and of commands, queries and what is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from tekana_kafka.address import AGGREGATES, Address

_BROKERS_DEFAULT = -1

LARGEST_MESSAGE: Final = 8 * 1024 * 1024
"""Bytes that a command or a reply may have: well over what the largest batch over HTTP and its answer take."""

_SHORT_LIVED: Final = {"max.message.bytes": str(LARGEST_MESSAGE), "retention.ms": "3600000"}  # nobody waits an hour
_FOR_EVER: Final = {"retention.ms": "-1"}
_LONG_LIVED: Final = {"max.message.bytes": str(LARGEST_MESSAGE)}


async def create_missing_topics(address: Address, patience: float, *, dead_letters: bool = False) -> None:
    """Create the topics of events that are not there yet, replicated as the broker does by default.

    Dead letters are wanted by consumers alone, and kept for ever.

    Raises:
        KafkaError: the broker does not answer within `patience` seconds, or does not let us.
    """
    wanted = [_new(name, address.partitions) for name in address.topics]
    if dead_letters:
        wanted.append(_new(address.dead_letters, address.partitions, _FOR_EVER))
    await _create_missing(address, wanted, patience)


async def create_missing_command_topics(address: Address, patience: float) -> None:
    """Create the topics of commands, queries, replies and dead commands likewise."""
    asked = [_new(address.commands(one), address.partitions, _LONG_LIVED) for one in AGGREGATES]
    asked += [_new(address.queries(one), address.partitions, _SHORT_LIVED) for one in AGGREGATES]
    replies = _new(address.replies, address.partitions, _SHORT_LIVED)
    await _create_missing(address, [*asked, replies, _new(address.dead_commands, 1, _LONG_LIVED)], patience)


async def _create_missing(address: Address, wanted: Sequence[NewTopic], patience: float) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=list(address.servers), request_timeout_ms=int(patience * 1000))
    try:
        await admin.start()
        there = set(await admin.list_topics())
        missing = [topic for topic in wanted if topic.name not in there]
        if missing:
            answer = await admin.create_topics(missing)
            for name, code, *_ in answer.topic_errors:
                error = for_code(code)
                if code and error is not TopicAlreadyExistsError:  # somebody else was faster
                    raise error(f"cannot create the topic {name}")
    finally:
        await admin.close()


def _new(name: str, partitions: int, configs: Mapping[str, str] | None = None) -> NewTopic:
    topic = NewTopic(name, num_partitions=partitions, replication_factor=1, topic_configs=dict(configs or {}))
    topic.replication_factor = _BROKERS_DEFAULT  # which the protocol knows, and NewTopic refuses
    return topic
