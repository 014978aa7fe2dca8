"""A question as a message: the name of a port's method, and its arguments, both as the port's type hints say.

There is no code here for any one question. A method that is added to a reader's port can be asked over the bus at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Signature, isfunction, signature
from typing import Any, Final, NamedTuple, Protocol, get_type_hints

import msgspec
from aiokafka import ConsumerRecord

from tekana.application import Webhooks
from tekana.domain.book import Answer
from tekana.domain.caller import LOCAL_OPERATOR, Caller
from tekana.domain.errors import InvalidRequest, invalid
from tekana.domain.events import Aggregate
from tekana.ports.customers import Customers
from tekana.ports.events import Events
from tekana.ports.transactions import Transactions
from tekana.ports.wallets import Wallets
from tekana_kafka.codec import Codec, codec_of
from tekana_kafka.command_messages import AnyCommand, Message, caller_headers, headers_of, read_caller

_read_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_write_list = msgspec.json.Encoder().encode


class Previews(Protocol):
    """What a command would lead to, as something that can be asked."""

    async def preview(self, command: AnyCommand, caller: Caller) -> Answer:
        """As the engine's `preview`."""
        ...


class Query(NamedTuple):
    """A method that can be asked: `port` and `method` name it. Its arguments and its answer have a codec each."""

    aggregate: Aggregate
    port: str
    method: str
    signature: Signature
    arguments: tuple[Codec, ...]
    answer: Codec

    @property
    def name(self) -> str:
        """What it is called on the bus."""
        return f"{self.port}.{self.method}"

    def message(self, caller: Caller, *given: Any, **named: Any) -> Message:
        """Return the message that asks it with these arguments, on behalf of the caller."""
        bound = self.signature.bind(None, *given, **named)
        bound.apply_defaults()
        values = tuple(bound.arguments.values())[1:]  # without self
        body = [msgspec.Raw(codec.encode(value)) for codec, value in zip(self.arguments, values, strict=True)]
        headers = [("content-type", b"application/json"), ("query", self.name.encode()), *caller_headers(caller)]
        return Message(self.aggregate, None, _write_list(body), headers)

    async def call(self, port: Any, values: Sequence[Any]) -> Any:
        """Have the port answer, with these values for all of the method's arguments, in order."""
        named = dict(zip(list(self.signature.parameters)[1:], values, strict=True))
        bound = self.signature.bind(port, **named)
        return await getattr(port, self.method)(*bound.args[1:], **bound.kwargs)


def _queries(port: str, protocol: type, aggregate: Aggregate) -> dict[str, Query]:
    methods = {name: one for name, one in vars(protocol).items() if isfunction(one) and not name.startswith("_")}
    return {f"{port}.{name}": _query(port, method, aggregate) for name, method in methods.items()}


def _query(port: str, method: Callable[..., Any], aggregate: Aggregate) -> Query:
    hints = get_type_hints(method)
    answer = codec_of(hints.pop("return"))
    return Query(aggregate, port, method.__name__, signature(method), tuple(map(codec_of, hints.values())), answer)


QUERIES: Final = {
    **_queries("customers", Customers, "customer"),
    **_queries("wallets", Wallets, "wallet"),
    **_queries("transactions", Transactions, "transaction"),
    **_queries("events", Events, "transaction"),
    **_queries("previews", Previews, "transaction"),
    **_queries("webhooks", Webhooks, "transaction"),
}
"""Everything that can be asked, by its name on the bus."""


def read_query(record: ConsumerRecord, aggregate: Aggregate) -> tuple[Query, Caller, list[Any]]:
    """The question that a message holds, with its arguments.

    Raises:
        InvalidRequest: there is none in it that belongs on the topic of this kind of aggregate.
    """
    headers = headers_of(record)
    name = headers.get("query", b"").decode(errors="replace")
    query = QUERIES.get(name)
    if query is None or query.aggregate != aggregate:
        raise invalid("query", f"{name[:50]!r} cannot be asked about a {aggregate}")
    try:
        values = _read_list(record.value or b"")
        if len(values) != len(query.arguments):
            raise invalid("body", f"{name} takes {len(query.arguments)} arguments, not {len(values)}")
        caller = read_caller(headers) if "caller" in headers else LOCAL_OPERATOR  # of an earlier version
        return query, caller, [codec.decode(value) for codec, value in zip(query.arguments, values, strict=True)]
    except (msgspec.DecodeError, RecursionError) as error:
        if isinstance(error.__cause__, InvalidRequest):
            raise error.__cause__ from None
        raise invalid("body", str(error)) from None
