"""A command as a message: the command's own JSON, and in the headers who sends it, under which key, until when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, cast, get_args
from uuid import uuid4

import msgspec
from aiokafka import ConsumerRecord

from tekana.application.commands import COMMANDS as ALL_COMMANDS
from tekana.application.commands import Batch
from tekana.application.commands.command import Command
from tekana.application.commands.validation import check_text
from tekana.domain.caller import MAIN_TENANT, SCOPES, Caller, Scope
from tekana.domain.errors import InvalidRequest, invalid
from tekana.domain.events import Aggregate
from tekana_kafka.cloud_events import Header

AnyCommand = Any
"""A command of `tekana.application.commands.COMMANDS`."""


def _aggregate_of(kind: Any) -> Aggregate:
    """Return the aggregate whose topic the command is on, which its scope names."""
    return cast("Aggregate", kind.SCOPE.partition(":")[0].removesuffix("s"))


_ALL: Final[tuple[Any, ...]] = (*ALL_COMMANDS.values(), Batch)

COMMANDS: Final[dict[Aggregate, tuple[Any, ...]]] = {
    aggregate: tuple(kind for kind in _ALL if _aggregate_of(kind) == aggregate) for aggregate in get_args(Aggregate)
}
"""What goes over the bus, by the topic that it is on."""

_AGGREGATE_OF: Final[dict[Any, Aggregate]] = {kind: one for one, kinds in COMMANDS.items() for kind in kinds}
_DECODERS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    kind.NAME: msgspec.json.Decoder(kind) for kind in _AGGREGATE_OF
}

_encode = msgspec.json.Encoder().encode


class Message(NamedTuple):
    """A question on its way: about which kind of aggregate; messages of one key stay in order."""

    aggregate: Aggregate
    key: bytes | None
    value: bytes
    headers: list[Header]


class ReplyTo(NamedTuple):
    """Where the one who asked waits: a partition of the topic of replies, and the name of the question there."""

    partition: int
    correlation_id: bytes


class ReceivedCommand(NamedTuple):
    """A command as it came in."""

    command: AnyCommand | Batch
    caller: Caller
    key: str
    request_id: str | None


def command_message(command: object, *, caller: Caller, key: str, request_id: str | None) -> Message:
    """The message that has this command, or batch, done.

    Raises:
        InvalidRequest: it is a command of somebody's own, which no service knows.
    """
    kind = type(command)
    if kind not in _AGGREGATE_OF:
        raise invalid("command", f"{getattr(kind, 'NAME', kind.__name__)} is none that goes over the bus")
    headers = [
        ("content-type", b"application/json"),
        ("command", cast("Command[Any]", command).NAME.encode()),
        *caller_headers(caller),
        ("idempotency-key", key.encode()),
    ]
    if request_id is not None:
        headers.append(("request-id", request_id.encode()))
    return Message(_AGGREGATE_OF[kind], str(_key_of(command)).encode(), _encode(command), headers)


def caller_headers(caller: Caller) -> list[Header]:
    """Return the headers that say who asks."""
    scopes = " ".join(sorted(caller.scopes))
    return [("caller", caller.subject.encode()), ("tenant", caller.tenant.encode()), ("scopes", scopes.encode())]


def read_caller(headers: Mapping[str, bytes]) -> Caller:
    """Return who asks. Messages of earlier versions name the subject alone, who could do everything."""
    tenant = _text(headers, "tenant") if "tenant" in headers else MAIN_TENANT
    scopes = frozenset(_text(headers, "scopes").split()) & SCOPES if "scopes" in headers else SCOPES
    return Caller(tenant, _text(headers, "caller"), cast("frozenset[Scope]", scopes))


def _key_of(command: object) -> object:
    """Return what keeps messages in order; a new customer's have no key, as nothing precedes them."""
    first = command.transactions[0] if isinstance(command, Batch) else command
    return cast("Command[Any]", first).partition_key() or uuid4()


def read_command(record: ConsumerRecord, aggregate: Aggregate) -> ReceivedCommand:
    """The command that a message holds.

    Raises:
        InvalidRequest: there is none in it that belongs on the topic of this kind of aggregate.
    """
    headers = headers_of(record)
    name = _text(headers, "command")
    if name not in {kind.NAME for kind in COMMANDS[aggregate]}:
        raise invalid("command", f"{name[:50]!r} is no command about a {aggregate}")
    caller, key = read_caller(headers), _text(headers, "idempotency-key")
    request_id = _text(headers, "request-id") if "request-id" in headers else None
    try:
        command = _DECODERS[name].decode(record.value or b"")
    except (msgspec.DecodeError, RecursionError) as error:
        if isinstance(error.__cause__, InvalidRequest):
            raise error.__cause__ from None
        raise invalid("body", str(error)) from None
    return ReceivedCommand(command, caller, key, request_id)


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
    """A message's headers; of several with one name, the last."""
    return {name: value or b"" for name, value in record.headers}


def deadline_header(moment: datetime) -> Header:
    """The header that says until when somebody waits."""
    return ("deadline", moment.isoformat().encode())


def is_late(record: ConsumerRecord) -> bool:
    """Whether its deadline has passed. A message without one, or with one that makes no sense, is never late."""
    try:
        deadline = datetime.fromisoformat(headers_of(record)["deadline"].decode())
        return deadline < datetime.now(UTC)
    except (KeyError, ValueError, TypeError):  # TypeError: no offset from UTC
        return False


def reply_header(reply_to: ReplyTo) -> list[Header]:
    """The headers that ask for a reply."""
    return [("reply-to", b"%d" % reply_to.partition), ("correlation-id", reply_to.correlation_id)]


def reply_to(record: ConsumerRecord) -> ReplyTo | None:
    """Who waits for a reply; None if nobody does, or does not say so properly."""
    headers = headers_of(record)
    partition, correlation_id = headers.get("reply-to", b""), headers.get("correlation-id", b"")
    if not (partition.isdigit() and len(partition) <= 5 and correlation_id):
        return None
    return ReplyTo(int(partition), correlation_id)
