"""Query messages: the name of a port's method, and its arguments by name, encoded according to the port's type hints.

Queries need no code of their own: every method of a port in `PORTS` is a query.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import Parameter, Signature, signature
from typing import Any, Final, NamedTuple, get_type_hints

import msgspec
from aiokafka import ConsumerRecord

from tekana.domain.caller import Caller
from tekana.domain.errors import InvalidRequest, Unavailable
from tekana.ports.readers import ServiceName
from tekana_kafka.codec import Codec, Field, arguments_codec, codec_of
from tekana_kafka.command_messages import RequestMessage, headers_of
from tekana_kafka.service_table import PORTS, SERVICE_OF

_CALLER: Final = "caller"


class Query(NamedTuple):
    """A query: a method of a port, its service, and the codecs of arguments and answer.

    A parameter `caller` is not among the arguments: it is the principal of the message.
    """

    name: str
    service: ServiceName
    signature: Signature
    arguments: Codec
    answer: Codec

    def message(self, sender: Caller, /, *positional: Any, **named: Any) -> RequestMessage:
        """Build the message of the query with these arguments, not sealed yet: that of `caller`, or of the sender."""
        bound = self.signature.bind(*positional, **named)
        bound.apply_defaults()
        caller = bound.arguments.pop(_CALLER, sender)
        headers = [("query", self.name.encode())]
        return RequestMessage(caller, self.service, None, self.arguments.encode(bound.arguments), headers)

    def with_caller(self, arguments: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Return the arguments of a message with its caller, if the method has that parameter."""
        return {_CALLER: caller, **arguments} if _CALLER in self.signature.parameters else arguments


def _query(name: str, service: ServiceName) -> Query:
    port, _, method_name = name.partition(".")
    method: Callable[..., Any] = vars(PORTS[port])[method_name]
    hints, parameters = get_type_hints(method), signature(method).parameters
    rest = [one for one in parameters.values() if one.name != "self"]
    sent = [one for one in rest if one.name != _CALLER]
    arguments = arguments_codec(name, [Field(one.name, hints[one.name], _default(one)) for one in sent])
    return Query(name, service, Signature(rest), arguments, codec_of(hints["return"]))


def _default(parameter: Parameter) -> Any:
    return msgspec.NODEFAULT if parameter.default is Parameter.empty else parameter.default


QUERIES: Final[Mapping[str, Query]] = {name: _query(name, service) for name, service in SERVICE_OF.items()}
"""All queries, by name."""


def read_query(record: ConsumerRecord, value: bytes, service: ServiceName) -> tuple[Query, dict[str, Any]]:
    """Read the query in a message with its opened value, and all arguments.

    Raises:
        InvalidRequest: an argument is invalid.
        Unavailable: the query or its arguments are unknown to this version of the service. The client is not at fault:
            the gateway may have another version.
    """
    headers = headers_of(record)
    name = headers.get("query", b"").decode(errors="replace")
    query = QUERIES.get(name)
    if query is None or query.service != service:
        raise Unavailable(f"the service {service} does not know the query {name[:50]!r}")
    try:
        arguments = query.arguments.decode(value)
    except (msgspec.DecodeError, RecursionError) as error:
        if isinstance(error.__cause__, InvalidRequest):
            raise error.__cause__ from None
        raise Unavailable(f"the arguments of {name} are not those of this version of the service") from None
    return query, arguments
