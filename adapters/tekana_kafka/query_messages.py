"""A query as a message: the name of a port's method, and its arguments by name, encoded by the port's type hints.

There is no code here for any one query: a method of a port that `service_table` lists can be asked over the bus.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import Parameter, Signature, signature
from typing import Any, Final, NamedTuple, Protocol, get_type_hints

import msgspec
from aiokafka import ConsumerRecord

from tekana.application import Webhooks
from tekana.application.bus import ServiceName
from tekana.domain.book import Answer
from tekana.domain.caller import Caller
from tekana.domain.errors import InvalidRequest, Unavailable
from tekana.ports.customers import Customers
from tekana.ports.events import Events
from tekana.ports.transactions import Transactions
from tekana.ports.wallets import Wallets
from tekana_kafka.codec import Codec, Field, arguments_codec, codec_of
from tekana_kafka.command_messages import RequestMessage, caller_headers, headers_of, read_caller
from tekana_kafka.service_table import SERVICE_OF, CoreCommand


class Previews(Protocol):
    """The engine's previews, as a port that can be asked."""

    async def preview(self, command: CoreCommand, caller: Caller) -> Answer:
        """As the engine's `preview`."""
        ...


PORTS: Final[Mapping[str, type]] = {
    "customers": Customers,
    "wallets": Wallets,
    "transactions": Transactions,
    "events": Events,
    "previews": Previews,
    "webhooks": Webhooks,
}
"""The ports whose methods can be asked, by the first part of a query's name."""


_CALLER: Final = "caller"
"""The parameter of methods that take the caller."""


class Query(NamedTuple):
    """A method that can be asked, the service that answers, and how arguments and answer are encoded.

    The caller is in the headers, also where the method takes it as an argument: `takes_caller`.
    """

    name: str
    service: ServiceName
    signature: Signature
    takes_caller: bool
    arguments: Codec
    answer: Codec

    def message(self, caller: Caller, *positional: Any, **named: Any) -> RequestMessage:
        """The message that asks for the caller, with these arguments. Its `topic` is the name of the service."""
        bound = self.signature.bind(*positional, **named)
        bound.apply_defaults()
        headers = [("content-type", b"application/json"), ("query", self.name.encode()), *caller_headers(caller)]
        return RequestMessage(self.service, None, self.arguments.encode(bound.arguments), headers)


def _query(name: str, service: ServiceName) -> Query:
    port, _, method_name = name.partition(".")
    method: Callable[..., Any] = vars(PORTS[port])[method_name]
    hints, parameters = get_type_hints(method), signature(method).parameters
    rest = [one for one in parameters.values() if one.name not in ("self", _CALLER)]
    arguments = arguments_codec(name, [Field(one.name, hints[one.name], _default(one)) for one in rest])
    return Query(name, service, Signature(rest), _CALLER in parameters, arguments, codec_of(hints["return"]))


def _default(parameter: Parameter) -> Any:
    return msgspec.NODEFAULT if parameter.default is Parameter.empty else parameter.default


QUERIES: Final[Mapping[str, Query]] = {name: _query(name, service) for name, service in SERVICE_OF.items()}
"""All queries, by name."""


def read_query(record: ConsumerRecord, service: ServiceName) -> tuple[Query, Caller, dict[str, Any]]:
    """The query that a message holds, who asks, and all arguments.

    Raises:
        InvalidRequest: an argument can be read, and is wrong.
        Unavailable: this version of the service does not know the query, or cannot read its arguments. That is no
            mistake of the client whom the gateway asks for: a gateway of another version may be at work.
    """
    headers = headers_of(record)
    name = headers.get("query", b"").decode(errors="replace")
    query = QUERIES.get(name)
    if query is None or query.service != service:
        raise Unavailable(f"the service {service} does not know the query {name[:50]!r}")
    try:
        caller = read_caller(headers)
    except InvalidRequest as error:
        raise Unavailable(f"the query {name} has no caller: {error}") from None
    try:
        arguments = query.arguments.decode(record.value or b"")
    except (msgspec.DecodeError, RecursionError) as error:
        if isinstance(error.__cause__, InvalidRequest):
            raise error.__cause__ from None
        raise Unavailable(f"the arguments of {name} cannot be read: {error}") from None
    return query, caller, arguments | ({_CALLER: caller} if query.takes_caller else {})
