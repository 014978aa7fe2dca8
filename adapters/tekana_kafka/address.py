"""Where the bus is, read from a URL."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, get_args
from urllib.parse import parse_qsl, urlsplit

from tekana.domain.errors import InvalidRequest, invalid
from tekana.domain.events import Aggregate

_SERVER = re.compile(r"(?:[\w.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}", re.ASCII)
_PREFIX = re.compile(r"[\w.-]{1,200}", re.ASCII)
_PARTITIONS = re.compile(r"[1-9]\d{0,4}", re.ASCII)

AGGREGATES: Final[tuple[Aggregate, ...]] = get_args(Aggregate)


class Address(NamedTuple):
    """Brokers to begin with, each host:port; what topics are called; and how many partitions a new one gets."""

    servers: tuple[str, ...]
    topic_prefix: str = "tekana"
    partitions: int = 12

    def topic(self, aggregate: Aggregate) -> str:
        """The topic that the events of this kind of aggregate are on."""
        return f"{self.topic_prefix}.{aggregate}"

    def commands(self, aggregate: Aggregate) -> str:
        """The topic that the commands about this kind of aggregate are on."""
        return f"{self.topic_prefix}.{aggregate}.commands"

    def queries(self, aggregate: Aggregate) -> str:
        """The topic that the questions about this kind of aggregate are on."""
        return f"{self.topic_prefix}.{aggregate}.queries"

    @property
    def replies(self) -> str:
        """The topic that replies are on; each gateway reads one partition of it."""
        return f"{self.topic_prefix}.replies"

    @property
    def dead_commands(self) -> str:
        """The topic for commands and queries that no service can make sense of."""
        return f"{self.topic_prefix}.commands.dead-letters"

    @property
    def dead_letters(self) -> str:
        """The topic for messages that a consumer could not deal with."""
        return f"{self.topic_prefix}.dead-letters"

    @property
    def topics(self) -> tuple[str, ...]:
        """All that events are published on."""
        return tuple(self.topic(one) for one in AGGREGATES)


def parse_address(url: str) -> Address:
    """Read `kafka://host:port[,host:port …][?topic_prefix=tekana&partitions=12]`.

    Raises:
        InvalidRequest: it is no such URL.
    """
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise _wrong() from None
    servers = tuple(parts.netloc.split(","))
    prefix, partitions = options.pop("topic_prefix", "tekana"), options.pop("partitions", "12")
    if parts.scheme != "kafka" or parts.path.strip("/") or parts.fragment or options:
        raise _wrong()
    if not all(map(_SERVER.fullmatch, servers)):
        raise _wrong()
    if not _PREFIX.fullmatch(prefix):
        raise invalid("bus_url", "topic_prefix must be letters, digits, dots, hyphens and underscores, at most 200")
    if not _PARTITIONS.fullmatch(partitions):
        raise invalid("bus_url", "partitions must be a number from 1 to 99999")
    return Address(servers, prefix, int(partitions))


def _wrong() -> InvalidRequest:
    return invalid("bus_url", "must be a URL such as kafka://host:9092,other:9092?topic_prefix=tekana&partitions=12")
