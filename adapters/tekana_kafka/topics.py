"""Creation of topics, and the settings of topics with personal data."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from tekana_kafka.address import Address
from tekana_kafka.log_limit import limited_logger
from tekana_kafka.service_table import COMMANDS, SERVICES

_log = limited_logger("tekana.bus")

METADATA_AGE_SECONDS: Final = 10.0
"""How long consumers of a group use metadata: so soon they notice topics and partitions that were created meanwhile.

The default of five minutes is how long a process would consume nothing that subscribed before a topic was known.
"""
_METADATA_PAUSE_SECONDS: Final = 0.05

_BROKERS_DEFAULT: Final = -1
_SET_FOR_THE_TOPIC: Final = 1  # the source of a setting in the broker's response

MESSAGE_BYTES_MAX: Final = 8 * 1024 * 1024
"""The maximum size of a command or reply, in bytes: larger than the largest batch over HTTP and its answer."""

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS


def _kept_for(retention_ms: int, segment_ms: int) -> dict[str, str]:
    """Return the settings of a topic with personal data.

    A broker deletes whole segments only, so they are short. Their age is measured with the broker's clock, not with
    timestamps of senders.
    """
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(retention_ms),
        "segment.ms": str(segment_ms),
        "message.timestamp.type": "LogAppendTime",
    }


QUERIES_AND_REPLIES: Final = _kept_for(_HOUR_MS, _HOUR_MS // 4)
"""For queries and replies: gateways wait for seconds only."""

COMMANDS_KEPT: Final = _kept_for(_DAY_MS, _HOUR_MS)
"""For commands: those without a deadline survive an outage of the service of this duration."""

DEAD_COMMANDS_KEPT: Final = _kept_for(7 * _DAY_MS, _DAY_MS)
"""For dead commands: the time to debug a client."""

DEAD_LETTERS_KEPT: Final = {"retention.ms": str(90 * _DAY_MS), "segment.ms": str(_DAY_MS)}
"""For dead letters, which have no personal data: the time for repairs."""


class _Topic(NamedTuple):
    name: str
    partitions: int
    settings: Mapping[str, str]


async def create_missing_topics(address: Address, timeout_seconds: float, *, dead_letters: bool = False) -> None:
    """Create the topics of events that do not exist, replicated by the broker's default.

    Args:
        address: the address of the bus.
        timeout_seconds: the timeout of the broker.
        dead_letters: whether to create the topic of dead letters too, which only consumers need.

    Raises:
        KafkaError: the broker does not answer within `timeout_seconds`, or does not permit it.
    """
    wanted = [_Topic(name, address.partitions, {}) for name in address.topics]
    if dead_letters:
        wanted.append(_Topic(address.dead_letters, address.partitions, DEAD_LETTERS_KEPT))
    await _create_missing(address, wanted, timeout_seconds, align=False)


async def create_missing_command_topics(address: Address, timeout_seconds: float, *, align: bool = False) -> None:
    """Create the missing topics of commands, queries, replies and dead commands.

    With `align`, existing topics get the settings for deletion, unless they have shorter times.

    Raises:
        KafkaError: the broker does not answer within `timeout_seconds`, or does not permit it.
    """
    wanted = [
        *(_Topic(address.commands(one), address.partitions, COMMANDS_KEPT) for one in COMMANDS),
        *(_Topic(address.queries(one), address.partitions, QUERIES_AND_REPLIES) for one in SERVICES),
        _Topic(address.replies, address.partitions, QUERIES_AND_REPLIES),
        _Topic(address.dead_commands, 1, DEAD_COMMANDS_KEPT),
    ]
    await _create_missing(address, wanted, timeout_seconds, align=align)


async def _create_missing(address: Address, wanted: Sequence[_Topic], timeout_seconds: float, *, align: bool) -> None:
    timeout_ms = int(timeout_seconds * 1000)
    admin = AIOKafkaAdminClient(**address.client_options(), request_timeout_ms=timeout_ms)
    try:
        await admin.start()
        existing = set(await admin.list_topics())
        missing = [_new(topic) for topic in wanted if topic.name not in existing]
        if missing:
            answer = await admin.create_topics(missing)
            for name, code, *_ in answer.topic_errors:
                error = for_code(code)
                if code and error is not TopicAlreadyExistsError:  # another process may have created it
                    raise error(f"cannot create the topic {name}")
            await _until_known(admin, [topic.name for topic in wanted], timeout_seconds)
        if align:
            await _align(admin, [topic for topic in wanted if topic.name in existing])
    finally:
        await admin.close()


async def _until_known(admin: AIOKafkaAdminClient, names: list[str], timeout_seconds: float) -> None:
    """Wait until the broker's metadata have new topics: to a group that subscribes before, it assigns no partitions."""
    with suppress(TimeoutError):  # they exist; METADATA_AGE_SECONDS is for brokers that are slower
        async with asyncio.timeout(timeout_seconds):
            while any(one["error_code"] or not one["partitions"] for one in await admin.describe_topics(names)):  # noqa: ASYNC110 - a broker has no event for it
                await asyncio.sleep(_METADATA_PAUSE_SECONDS)


def _new(topic: _Topic) -> NewTopic:
    settings = dict(topic.settings)
    if topic.settings is not DEAD_LETTERS_KEPT and settings:
        settings["max.message.bytes"] = str(MESSAGE_BYTES_MAX)
    new = NewTopic(topic.name, num_partitions=topic.partitions, replication_factor=1, topic_configs=settings)
    new.replication_factor = _BROKERS_DEFAULT  # valid in the protocol, but NewTopic rejects it
    return new


async def _align(admin: AIOKafkaAdminClient, topics: Sequence[_Topic]) -> None:
    """Set the missing settings of each topic. If the broker does not permit it, only log a warning."""
    for topic in topics:
        try:
            current = await _settings(admin, topic.name)
            lacking = {name: value for name, value in topic.settings.items() if _is_weaker(name, current, value)}
            if lacking:
                await _change(admin, topic.name, lacking, current)
        except KafkaError as error:
            _log.warning("the retention of %s was not checked, see that it ends: %r", topic.name, error)


def _is_weaker(name: str, current: Mapping[str, tuple[str, int]], wanted: str) -> bool:
    value = current[name][0] if name in current else None
    if value is None or not name.endswith(".ms"):
        return value != wanted
    return int(value) < 0 or int(value) > int(wanted)


async def _settings(admin: AIOKafkaAdminClient, topic: str) -> dict[str, tuple[str, int]]:
    """Return the settings of a topic: the value of each, and its source."""
    [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    [(code, _, _, _, entries)] = answer.resources
    if code:
        raise for_code(code)(f"cannot read the settings of {topic}")
    return {name: (value, source) for name, value, _, source, *_ in entries}


async def _change(
    admin: AIOKafkaAdminClient, topic: str, lacking: Mapping[str, str], current: Mapping[str, tuple[str, int]]
) -> None:
    """Change settings of a topic. The request replaces all its settings, so it repeats the others."""
    kept = {name: value for name, (value, source) in current.items() if source == _SET_FOR_THE_TOPIC}
    [answer, *_] = await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {**kept, **lacking})])
    for code, *_ in answer.resources:
        if code:
            raise for_code(code)(f"cannot change the settings of {topic}")
    _log.warning("changed settings of the topic %s, so that personal data are deleted: %s", topic, dict(lacking))
