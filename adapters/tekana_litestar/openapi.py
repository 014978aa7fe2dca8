"""The OpenAPI document, made from what each operation says about itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version
from typing import Any, Final

import msgspec
from litestar.handlers import HTTPRouteHandler

from tekana import IdempotencyKeyReused, InvalidRequest, TekanaError, Unavailable
from tekana_litestar import schemas, wire
from tekana_litestar.bodies import BodyReader, in_words, too_large
from tekana_litestar.examples import BATCH_EXAMPLES, ERRORS, EXAMPLES, REQUEST_ID
from tekana_litestar.operation import Operation
from tekana_litestar.parameters import Parameter
from tekana_litestar.problems import (
    BodyTooLarge,
    IdempotencyKeyRequired,
    PreconditionRequired,
    Problem,
    WrongContentType,
    problem_of,
    status_of,
)
from tekana_litestar.responses import JSON, PROBLEM_JSON, TEXT
from tekana_litestar.routes import HANDLERS as ROUTES
from tekana_litestar.server_sent_events import EVENT_STREAM

Node = dict[str, Any]

_ABOUT: Final = """\
Customers, their wallets, and money that moves between them.

- **Amounts** are decimal strings in major units beside their currency: `"1500"` RWF, `"12.50"` USD.
- **Retries are safe** with an `Idempotency-Key`: the same request under the same key gets the first answer again,
  marked `Idempotency-Replayed: true`. Money does not move without a key.
- **Problems** are `application/problem+json` with a stable `code`. After a `503` the outcome is unknown: retry with the
  same key.
- **Lists** come in pages: follow `next_cursor`.
- **Times** are RFC 3339 in UTC.
"""

_TAGS: Final = {
    "Customers": "People who own wallets.",
    "Wallets": "Money of one owner in one currency.",
    "Transactions": "Money that moved, or was refused.",
    "Events": "Everything that happened, in order.",
    "Webhooks": "Events delivered to you over HTTP.",
    "Health": "For load balancers and orchestrators.",
}

_STATUSES: Final = {
    200: "Done.",
    201: "Created.",
    202: "It is queued.",
    204: "Done; there is nothing to tell.",
    207: "Some of it was done, some was refused.",
    400: "The request is malformed.",
    404: "There is no such thing.",
    409: "Not possible as things stand.",
    410: "It is not kept any more.",
    412: "It changed since you read it.",
    413: "The body is too large.",
    415: "The body is not declared as JSON in UTF-8.",
    422: "A rule says no.",
    428: "The request must say which version it is about.",
    503: "Not now; whether it was done is unknown.",
}

_REQUEST_ID_SCHEMA: Final = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"}

_HEADERS: Final[Node] = {
    "X-Request-ID": {"description": "What this request is called in our logs.", "schema": _REQUEST_ID_SCHEMA},
    "Location": {"description": "Where the new thing is.", "schema": {"type": "string", "format": "uri-reference"}},
    "ETag": {"description": "The customer's version, for `If-Match`.", "schema": {"type": "string"}, "example": '"3"'},
    "Retry-After": {"description": "Seconds to wait before trying again.", "schema": {"type": "integer"}},
    "Idempotency-Replayed": {
        "description": "The request was answered before, under this key: this is that answer again.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}


@cache
def document() -> bytes:
    """The document in JSON. It says the same for every installation."""
    operations = [(handler, handler.opt["operation"]) for handler in ROUTES]
    types = list(_types(operation for _, operation in operations))
    references, components = schemas.components(types)
    by_type = {str(kind): reference for kind, reference in zip(types, references, strict=True)}
    paths: dict[str, Node] = {}
    for handler, operation in operations:
        path = re.sub(r":\w+}", "}", min(handler.paths))
        method = min(handler.http_methods - {"HEAD"}).lower()
        paths.setdefault(path, {})[method] = _operation(path, handler, operation, by_type)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "tekana",
                "version": version("tekana"),
                "description": _ABOUT,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/", "description": "This server"}],
            "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
            "paths": paths,
            "components": {"schemas": components, "headers": _HEADERS},
        }
    )


def _types(operations: Iterable[Operation]) -> Iterator[Any]:
    yield Problem
    seen = set()
    for operation in operations:
        for kind in (*operation.answers.values(), *((operation.body.kind,) if operation.body else ())):
            if kind is not str and str(kind) not in seen:
                seen.add(str(kind))
                yield kind


def _operation(path: str, handler: HTTPRouteHandler, operation: Operation, by_type: dict[str, Node]) -> Node:
    described: Node = {
        "operationId": handler.handler_name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "parameters": [
            *_path_parameters(path),
            *map(_query_parameter, operation.query),
            *_header_parameters(operation),
        ],
    }
    if operation.body is not None:
        described["requestBody"] = _body(operation.body, by_type)
    described["responses"] = {
        **{str(status): _success(status, kind, operation, by_type) for status, kind in operation.answers.items()},
        **{str(status): _failure(status, kinds, operation) for status, kinds in _refusals(operation).items()},
    }
    for status in operation.answers.keys() & _refusals(operation).keys():  # a batch that was refused, one by one
        response = described["responses"][str(status)]
        response["content"] |= _success(status, operation.answers[status], operation, by_type)["content"]
        response["description"] += " Or nothing was done, and the results tell why."
    return described


def _path_parameters(path: str) -> list[Node]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _query_parameter(parameter: Parameter) -> Node:
    # The example is told in words: the page would send each one along.
    such_as = f" Such as `{parameter.example}`." if parameter.example else ""
    return {
        "name": parameter.name,
        "in": "query",
        "description": f"{parameter.description}{such_as}",
        "schema": parameter.schema,
    }


def _header_parameters(operation: Operation) -> Iterator[Node]:
    if operation.key != "none":
        dry_run = any(parameter.name == "dry_run" for parameter in operation.query)
        example = {"example": "order-1001"} if operation.key == "required" else {}
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": operation.key == "required",
            "description": "Your own name for this very request: 1 to 255 printable ASCII characters. Repeat it when "
            "you retry." + (" A dry run does not look at it." if dry_run else ""),
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
            **example,
        }
    if operation.streams:
        yield {
            "name": "Last-Event-ID",
            "in": "header",
            "required": False,
            "description": "Of a stream: the `id` of the last event that you have. It outranks `after`.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 500},
        }
    if operation.if_match:
        yield {
            "name": "If-Match",
            "in": "header",
            "required": True,
            "description": "The `ETag` that you read; `*` stands for any version.",
            "schema": {"type": "string", "pattern": r'^(\*|"[1-9][0-9]*")$', "examples": ['"3"']},
        }
    yield {
        "name": "X-Request-ID",
        "in": "header",
        "required": False,
        "description": "Your own name for the request, for our logs: 1 to 128 letters, digits, `.`, `_` or `-`. One is "
        "made up instead of anything else.",
        "schema": {"type": "string"},
    }


def _body(reader: BodyReader[Any], by_type: dict[str, Node]) -> Node:
    kinds = getattr(reader.kind, "__args__", (reader.kind,))
    named = {kind.__struct_config__.tag or kind.__name__: {"value": EXAMPLES[kind]} for kind in kinds}
    return {
        "description": f"At most {in_words(reader.largest)}.",
        "required": not reader.may_be_absent,
        "content": {JSON: {"schema": by_type[str(reader.kind)], "examples": named}},
    }


def _success(status: int, kind: type, operation: Operation, by_type: dict[str, Node]) -> Node:
    preview = status == 200 and 201 in operation.answers
    headers = ["X-Request-ID"]
    if status == 201 and kind is not wire.BatchResults:  # a batch is no thing of its own
        headers.append("Location")
    if operation.etag:
        headers.append("ETag")
    if operation.key != "none" and not preview:
        headers.append("Idempotency-Replayed")
    if status == 204:
        return {"description": _STATUSES[status], "headers": _references(headers), "content": {}}
    if operation.text:
        text = {"schema": {"type": "string"}, "examples": {"Text": {"value": operation.text}}}
        return {"description": _STATUSES[status], "headers": _references(headers), "content": {TEXT: text}}
    example = BATCH_EXAMPLES[status] if kind is wire.BatchResults else EXAMPLES[kind]
    return {
        "description": "A dry run: this is what would happen. Nothing was kept." if preview else _STATUSES[status],
        "headers": _references(headers),
        "content": {
            JSON: {"schema": by_type[str(kind)], "examples": {kind.__name__: {"value": example}}},
            **(_stream() if operation.streams else {}),
        },
    }


def _stream() -> Node:
    event = EXAMPLES[wire.EventPage]["items"][0]
    text = f"id: {event['cursor']}\nevent: {event['type']}\ndata: {msgspec.json.encode(event).decode()}\n\n"
    schema = {"type": "string", "description": "Server-Sent Events; a comment every 15 seconds shows that it lives."}
    return {EVENT_STREAM: {"schema": schema, "examples": {"Events": {"value": text}}}}


def _refusals(operation: Operation) -> dict[int, list[type[TekanaError]]]:
    """Every kind of error that a request can meet, by status."""
    kinds: list[type[TekanaError]] = [InvalidRequest]
    if operation.key == "required":
        kinds.append(IdempotencyKeyRequired)
    if operation.body is not None:
        kinds += [BodyTooLarge, WrongContentType]
    if operation.if_match:
        kinds.append(PreconditionRequired)
    kinds += operation.refusals
    if operation.key != "none":
        kinds.append(IdempotencyKeyReused)
    kinds.append(Unavailable)
    by_status: dict[int, list[type[TekanaError]]] = {}
    for kind in dict.fromkeys(kinds):
        by_status.setdefault(status_of(kind), []).append(kind)
    return dict(sorted(by_status.items()))


def _failure(status: int, kinds: list[type[TekanaError]], operation: Operation) -> Node:
    codes = ", ".join(f"`{code}`" for code in dict.fromkeys(kind.code for kind in kinds))
    headers = ["X-Request-ID"]
    if status == 503:
        headers.append("Retry-After")
    if operation.key != "none" and status in (404, 409, 422):
        headers.append("Idempotency-Replayed")
    reading = operation.key == "none" and not operation.if_match
    errors = ERRORS | ({BodyTooLarge: too_large(operation.body.largest)} if operation.body else {})
    examples = {kind.__name__: {"value": problem_of(errors[kind], REQUEST_ID, reading=reading)} for kind in kinds}
    return {
        "description": f"{_STATUSES[status]} Codes: {codes}.",
        "headers": _references(headers),
        "content": {PROBLEM_JSON: {"schema": {"$ref": schemas.REF.format(name="Problem")}, "examples": examples}},
    }


def _references(headers: Iterable[str]) -> Node:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
