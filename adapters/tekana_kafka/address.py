"""The address of the bus, read from a URL, and the names of its topics."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple, get_args
from urllib.parse import parse_qsl

from tekana.domain.errors import InvalidRequest, invalid
from tekana.domain.events import Aggregate
from tekana_kafka.connection import Security, explain_failure, parse_security

# Not with urllib, whose newer versions reject a list of hosts with an IPv6 address in it.
_URL = re.compile(r"kafka://(?:(?P<credentials>[^@/?#]*)@)?(?P<servers>[^@/?#]*)/?(?:\?(?P<options>[^#]*))?", re.ASCII)
_SERVER = re.compile(r"(?:[\w.-]+|\[[0-9a-fA-F:.]+\]):(?P<port>\d{1,5})", re.ASCII)
_PREFIX = re.compile(r"[\w.-]{1,200}", re.ASCII)
_PARTITIONS = re.compile(r"[1-9]\d{0,4}", re.ASCII)
_PORT_MAX: Final = 65_535

AGGREGATES: Final[tuple[Aggregate, ...]] = get_args(Aggregate)
"""The kinds of aggregate: the events of each kind have a topic."""


class Address(NamedTuple):
    """The address of the bus.

    Attributes:
        servers: the first brokers to connect to, each host:port.
        topic_prefix: the first part of the names of topics.
        partitions: the number of partitions of new topics.
        security: TLS and SASL.
    """

    servers: tuple[str, ...]
    topic_prefix: str = "tekana"
    partitions: int = 12
    security: Security = Security()

    def client_options(self) -> dict[str, Any]:
        """Return the arguments with which each client of aiokafka connects."""
        return {"bootstrap_servers": list(self.servers), **self.security.client_options()}

    async def explain(self, error: BaseException) -> str:
        """Return why a client that raised this error cannot connect."""
        return await explain_failure(self.servers[0], self.security, error)

    def topic(self, aggregate: Aggregate) -> str:
        """Return the topic of the events of a kind of aggregate."""
        return f"{self.topic_prefix}.{aggregate}"

    def commands(self, name: str) -> str:
        """Return the topic of commands with this name in `service_table`."""
        return f"{self.topic_prefix}.{name}.commands"

    def queries(self, service: str) -> str:
        """Return the topic of the queries of a service."""
        return f"{self.topic_prefix}.{service}.queries"

    @property
    def replies(self) -> str:
        """The topic of replies; each gateway reads one partition of it."""
        return f"{self.topic_prefix}.replies"

    @property
    def dead_commands(self) -> str:
        """The topic of commands and queries that no service can read or execute."""
        return f"{self.topic_prefix}.commands.dead-letters"

    @property
    def dead_letters(self) -> str:
        """The topic of events that a consumer could not handle."""
        return f"{self.topic_prefix}.dead-letters"

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics of events."""
        return tuple(self.topic(one) for one in AGGREGATES)


def parse_address(url: str) -> Address:
    """Parse `kafka://[user:password@]host:port[,host:port …][?option=value&…]`.

    The options are `topic_prefix` (tekana), `partitions` (12), `security_protocol` (PLAINTEXT, SSL or SASL_SSL),
    `sasl_mechanism` (SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN) and `ssl_cafile`.

    Raises:
        InvalidRequest: the URL has another form.
    """
    found = _URL.fullmatch(url)
    if found is None:
        raise _wrong()
    servers = tuple(found["servers"].split(","))
    try:
        options = dict(parse_qsl(found["options"] or "", keep_blank_values=True, strict_parsing=bool(found["options"])))
    except ValueError:
        raise _wrong() from None
    prefix, partitions = options.pop("topic_prefix", "tekana"), options.pop("partitions", "12")
    security = parse_security(found["credentials"], options)
    if options or not all(map(_is_server, servers)):
        raise _wrong()
    if not _PREFIX.fullmatch(prefix):
        raise invalid("bus_url", "topic_prefix must be letters, digits, dots, hyphens and underscores, at most 200")
    if not _PARTITIONS.fullmatch(partitions):
        raise invalid("bus_url", "partitions must be a number from 1 to 99999")
    return Address(servers, prefix, int(partitions), security)


def _is_server(text: str) -> bool:
    found = _SERVER.fullmatch(text)
    return found is not None and 1 <= int(found["port"]) <= _PORT_MAX


def _wrong() -> InvalidRequest:
    return invalid("bus_url", "must be a URL such as kafka://host:9092,other:9092?topic_prefix=tekana&partitions=12")
