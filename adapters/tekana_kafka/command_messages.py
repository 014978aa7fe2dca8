"""A command as a message: the command's own JSON, and in the headers who sends it, under which key, until when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, get_args

import msgspec
from aiokafka import ConsumerRecord

from tekana.application import (
    Batch,
    CloseCustomer,
    CloseWallet,
    DepositFunds,
    FreezeWallet,
    OpenWallet,
    ReactivateCustomer,
    RegisterCustomer,
    SuspendCustomer,
    TransferFunds,
    UnfreezeWallet,
    UpdateCustomer,
    VerifyCustomer,
    WithdrawFunds,
)
from tekana.application.commands.validation import check_text
from tekana.domain.errors import InvalidRequest, invalid
from tekana.domain.events import Aggregate
from tekana_kafka.cloud_events import Header

CustomerCommand = (
    RegisterCustomer | UpdateCustomer | VerifyCustomer | SuspendCustomer | ReactivateCustomer | CloseCustomer
)
WalletCommand = OpenWallet | FreezeWallet | UnfreezeWallet | CloseWallet
TransactionCommand = DepositFunds | WithdrawFunds | TransferFunds
AnyCommand = CustomerCommand | WalletCommand | TransactionCommand

COMMANDS: Final[dict[Aggregate, tuple[type[msgspec.Struct], ...]]] = {
    "customer": get_args(CustomerCommand),
    "wallet": get_args(WalletCommand),
    "transaction": (*get_args(TransactionCommand), Batch),
}
"""What goes over the bus, by the topic that it is on."""

_AGGREGATE_OF: Final[dict[type, Aggregate]] = {kind: one for one, kinds in COMMANDS.items() for kind in kinds}
_DECODERS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    kind.__name__: msgspec.json.Decoder(kind) for kind in _AGGREGATE_OF
}

# The first of these that a command has is its message's key: what must not overtake each other has the same.
_KEY_FIELDS: Final = ("from_wallet_id", "wallet_id", "customer_id", "email")

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
    caller: str
    key: str
    request_id: str | None


def command_message(command: object, *, caller: str, key: str, request_id: str | None) -> Message:
    """The message that has this command, or batch, done.

    Raises:
        InvalidRequest: it is a command of somebody's own, which no service knows.
    """
    kind = type(command)
    if kind not in _AGGREGATE_OF:
        raise invalid("command", f"{kind.__name__} is none that goes over the bus")
    headers = [
        ("content-type", b"application/json"),
        ("command", kind.__name__.encode()),
        ("caller", caller.encode()),
        ("idempotency-key", key.encode()),
    ]
    if request_id is not None:
        headers.append(("request-id", request_id.encode()))
    return Message(_AGGREGATE_OF[kind], str(_key_of(command)).encode(), _encode(command), headers)


def _key_of(command: object) -> object:
    first = command.transactions[0] if isinstance(command, Batch) else command
    return next(getattr(first, name) for name in _KEY_FIELDS if hasattr(first, name))


def read_command(record: ConsumerRecord, aggregate: Aggregate) -> ReceivedCommand:
    """The command that a message holds.

    Raises:
        InvalidRequest: there is none in it that belongs on the topic of this kind of aggregate.
    """
    headers = headers_of(record)
    name = _text(headers, "command")
    if name not in {kind.__name__ for kind in COMMANDS[aggregate]}:
        raise invalid("command", f"{name[:50]!r} is no command about a {aggregate}")
    caller, key = _text(headers, "caller"), _text(headers, "idempotency-key")
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
