"""Command messages: sealed JSON as the value; principal, idempotency key and reply address in the headers."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka import ConsumerRecord

from tekana.application import Batch
from tekana.application.commands.validation import check_text, read_number
from tekana.domain.caller import Caller
from tekana.domain.errors import InvalidRequest, invalid
from tekana_kafka.cloud_events import Header
from tekana_kafka.service_table import COMMANDS, TOPIC_OF, AnyCommand

_DECODERS: Final[Mapping[str, msgspec.json.Decoder[Any]]] = {
    kind.NAME: msgspec.json.Decoder(kind, float_hook=read_number) for kind in TOPIC_OF
}

_encode = msgspec.json.Encoder().encode


class RequestMessage(NamedTuple):
    """A message, not sealed yet, with a command or a query of a caller. Messages with the same key stay in order.

    `topic` is a name in `service_table`, from which the address makes that of the topic. `address` is the one that the
    caller's request came from.
    """

    caller: Caller
    topic: str
    key: bytes | None
    value: bytes
    headers: list[Header]
    address: str | None = None


class ReplyTo(NamedTuple):
    """The reply address: a partition of the topic of replies, and the correlation id."""

    partition: int
    correlation_id: bytes


class ReceivedCommand(NamedTuple):
    """A command from the bus, with its sender's idempotency key."""

    command: AnyCommand
    key: str
    request_id: str | None


def command_message(
    command: AnyCommand, *, caller: Caller, key: str, request_id: str | None, address: str | None = None
) -> RequestMessage:
    """Build the message of a command or batch, not sealed yet.

    Raises:
        InvalidRequest: no service executes commands of this class.
    """
    kind = type(command)
    if kind not in TOPIC_OF:
        raise invalid("command", f"{getattr(kind, 'NAME', kind.__name__)} is not a command that a service executes")
    headers = [
        ("command", command.NAME.encode()),
        ("idempotency-key", key.encode()),
    ]
    if request_id is not None:
        headers.append(("request-id", request_id.encode()))
    message_key = _message_key(command, caller, key)
    return RequestMessage(caller, TOPIC_OF[kind], message_key, _encode(command), headers, address)


def _message_key(command: AnyCommand, caller: Caller, key: str) -> bytes:
    """Return the message key, which orders commands: the id of the aggregate, or else a digest of the idempotency key.

    It has no personal data: brokers store keys, show them in their tools, and compact by them.
    """
    first = command.transactions[0] if isinstance(command, Batch) else command
    aggregate_id = first.partition_key()
    if aggregate_id is not None:
        return str(aggregate_id).encode()
    text = "\x1f".join((caller.tenant, caller.subject, key))
    return blake2b(text.encode(), digest_size=16).hexdigest().encode()


def read_command(record: ConsumerRecord, value: bytes, topic: str) -> ReceivedCommand:
    """Read the command in a message, with its opened value, from the topic of commands with this name.

    Raises:
        InvalidRequest: the message does not contain a command of this topic.
    """
    headers = headers_of(record)
    name = _text(headers, "command")
    if name not in {kind.NAME for kind in COMMANDS[topic]}:
        raise invalid("command", f"{name[:50]!r} is not a command on the topic {topic}")
    key = _text(headers, "idempotency-key")
    # An empty one is none: anyone can add an empty header to a sealed message that lacks it.
    request_id = _text(headers, "request-id") if headers.get("request-id") else None
    try:
        command = _DECODERS[name].decode(value)
    except (msgspec.DecodeError, RecursionError) as error:
        if isinstance(error.__cause__, InvalidRequest):
            raise error.__cause__ from None
        raise invalid("body", str(error)) from None
    return ReceivedCommand(command, key, request_id)


def _text(headers: Mapping[str, bytes], name: str) -> str:
    try:
        text = headers[name].decode()
    except KeyError:
        raise invalid(name, "is a header that every command needs") from None
    except UnicodeDecodeError:
        raise invalid(name, "must be text in UTF-8") from None
    check_text(name, text, most=255)
    return text


def headers_of(record: ConsumerRecord) -> dict[str, bytes]:
    """Return the headers of a message by name; the last one of several with the same name."""
    return {name: value or b"" for name, value in record.headers}


def reply_headers(reply_to: ReplyTo) -> list[Header]:
    """Return the headers that request a reply."""
    return [("reply-to", b"%d" % reply_to.partition), ("correlation-id", reply_to.correlation_id)]


def reply_to(record: ConsumerRecord) -> ReplyTo | None:
    """Return the reply address; None if no reply is requested, or the headers are malformed."""
    headers = headers_of(record)
    partition, correlation_id = headers.get("reply-to", b""), headers.get("correlation-id", b"")
    if not (partition.isdigit() and len(partition) <= 5 and correlation_id):
        return None
    return ReplyTo(int(partition), correlation_id)
