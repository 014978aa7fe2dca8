"""The OpenAPI document, made of the routes: their handlers' docstrings, their operations and the fields of Structs.

Litestar's own generator knows one media type for each status, no headers of other responses than the first, and no
examples with names, so that less would remain of it than of this.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from tekana import Forbidden, IdempotencyKeyReused, InvalidRequest, Refused, TekanaError, Unauthenticated, Unavailable
from tekana_litestar import openapi_texts, schemas
from tekana_litestar.bodies import Body, size_in_words, too_large
from tekana_litestar.examples import example_error, example_of
from tekana_litestar.fields import PATH_EXAMPLES, PATH_SCHEMAS, REQUEST_ID
from tekana_litestar.openapi_links import Target, links_of
from tekana_litestar.operation import Operation, Returns
from tekana_litestar.problems import (
    BodyTooLarge,
    HeadersTooLarge,
    IdempotencyKeyRequired,
    Problem,
    RateLimited,
    RequestTooSlow,
    WrongContentType,
    problem_of,
    status_of,
)
from tekana_litestar.resources import ROUTERS
from tekana_litestar.resources.events import WebhookEvent
from tekana_litestar.responses import JSON, PROBLEM_JSON

Node = dict[str, Any]

_SCHEME = "bearer"
_QUOTA_HEADERS = ("RateLimit-Policy", "RateLimit")
_NEEDS_CREDENTIAL: list[Node] = [{_SCHEME: []}]


@cache
def document() -> bytes:
    """Return the document in JSON. It is the same for every installation."""
    handlers = list(_handlers())
    operations = [handler.opt["operation"] for _, _, handler in handlers]
    bodies = [operation.body for operation in operations if operation.body]
    targets = {handler.handler_name: Target(path, handler.opt["operation"].body) for path, _, handler in handlers}
    paths: dict[str, Node] = {}
    for path, tags, handler in handlers:
        method = min(handler.http_methods - {"HEAD"}).lower()
        paths.setdefault(path, {})[method] = _operation(path, tags, handler, targets)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "tekana",
                "version": version("tekana"),
                "description": openapi_texts.ABOUT,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/", "description": "This server"}],
            "tags": _tags(),
            "security": _NEEDS_CREDENTIAL,
            "paths": paths,
            "webhooks": {"event": {"post": _webhook()}},
            "components": {
                "schemas": schemas.components(_kinds(operations), bodies),
                "headers": openapi_texts.HEADERS,
                "securitySchemes": {_SCHEME: openapi_texts.BEARER},
            },
        }
    )


def _tags() -> list[Node]:
    """Return the tags in order of the routers; the first router of a tag has its description."""
    abouts: dict[str, str | None] = {}
    for router in ROUTERS:
        for name in router.tags:
            abouts.setdefault(name, router.opt.get("about_tag"))
    return [{"name": name} if about is None else {"name": name, "description": about} for name, about in abouts.items()]


def _handlers() -> Iterator[tuple[str, list[str], HTTPRouteHandler]]:
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, HTTPRoute):
                path = re.sub(r":\w+}", "}", route.path)
                # Litestar keeps the handlers of a path in a set, whose order differs from process to process.
                handlers = sorted(route.route_handlers, key=lambda one: one.handler_name)
                yield from ((path, list(router.tags), one) for one in handlers if "operation" in one.opt)


def _kinds(operations: Iterable[Operation]) -> Iterator[Any]:
    """Return the Structs of responses."""
    yield from (Problem, WebhookEvent)
    for operation in operations:
        yield from (one.kind for one in operation.returns if one.kind)


def _operation(path: str, tags: list[str], handler: HTTPRouteHandler, targets: Mapping[str, Target]) -> Node:
    operation: Operation = handler.opt["operation"]
    summary, _, description = inspect.cleandoc(handler.fn.__doc__ or "").partition("\n\n")
    node: Node = {
        "operationId": handler.handler_name,
        "tags": tags,
        "summary": summary.removesuffix("."),
        "description": description.replace("\n", " "),
        "parameters": [
            *_path_parameters(path),
            *(schemas.parameters(operation.query) if operation.query else ()),
            *_header_parameters(operation),
        ],
    }
    if operation.public:
        node["security"] = []
    if operation.body is not None:
        node["requestBody"] = _body(operation.body)
    responses: dict[str, Node] = {}
    for status, kinds in _refusals(operation).items():
        responses[str(status)] = _failure(status, kinds, operation)
    for returns in operation.returns:
        success = _success(returns, operation) | links_of(returns, targets)
        other = responses.get(str(returns.status), success)
        success["headers"] = other["headers"] | success["headers"]
        success["content"] = success["content"] | other["content"]
        if other is not success and returns.meaning:
            success["description"] = f"{other['description']} {returns.meaning}"
        responses[str(returns.status)] = success
    node["responses"] = dict(sorted(responses.items()))
    return node


def _path_parameters(path: str) -> list[Node]:
    identifier = {"type": "string", "format": "uuid"}
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": identifier if name.endswith("_id") else {"type": "string", **PATH_SCHEMAS[name]},
            "example": PATH_EXAMPLES[name],
        }
        for name in re.findall(r"{(\w+)}", path)
    ]


def _header_parameters(operation: Operation) -> Iterator[Node]:
    if operation.key != "none":
        required = operation.key == "required"
        key = openapi_texts.IDEMPOTENCY_KEY | ({"example": "order-1001"} if required else {})
        if operation.query and "dry_run" in operation.query.__struct_fields__:
            key["description"] += " A dry run does not need it."
        yield {"in": "header", "required": required, **key}
    for header in operation.headers:
        yield {"in": "header", **header}
    if operation.if_match:
        yield {"in": "header", "required": True, **openapi_texts.IF_MATCH}
    yield {"in": "header", "required": False, **openapi_texts.X_REQUEST_ID}


def _body(body: Body) -> Node:
    examples = {name: {"value": example} for name, example in body.examples().items()}
    return {
        "description": f"At most {size_in_words(body.bytes_max)}.",
        "required": not body.may_be_absent,
        "content": {JSON: {"schema": schemas.body_schema(body), "examples": examples}},
    }


def _success(returns: Returns, operation: Operation) -> Node:
    replayed = ("Idempotency-Replayed",) if operation.key != "none" and returns.is_kept else ()
    left = _QUOTA_HEADERS if operation.rate else ()
    return {
        "description": returns.meaning or openapi_texts.STATUSES[returns.status],
        "headers": _references(["X-Request-ID", *returns.headers, *replayed, *left]),
        "content": _json_content(returns, operation.body) | _text_contents(returns.texts),
    }


def _json_content(returns: Returns, body: Body | None) -> Node:
    """Return the form in JSON. In its example, the fields that the body's example also has are as there."""
    if returns.kind is None:
        return {}
    example = returns.example or example_of(returns.kind)
    sent = list(body.examples().values()) if body else []
    if len(sent) == 1:
        example = example | {name: value for name, value in sent[0].items() if name in example}
    name = returns.kind.__name__
    return {JSON: {"schema": schemas.reference(name), "examples": {name: {"value": example}}}}


def _text_contents(texts: Mapping[str, str | None]) -> Node:
    return {
        media_type: {}  # as OpenAPI 3.1 describes binary data
        if example is None
        else {"schema": {"type": "string"}, "examples": {"Text": {"value": example}}}
        for media_type, example in texts.items()
    }


def _refusals(operation: Operation) -> dict[int, list[type[TekanaError]]]:
    """Return every kind of error that a request can meet, by status."""
    kinds: list[type[TekanaError]] = [InvalidRequest, RequestTooSlow, HeadersTooLarge]
    if operation.key == "required":
        kinds.append(IdempotencyKeyRequired)
    if operation.body is not None:
        kinds += [BodyTooLarge, WrongContentType, *operation.body.refusals]
    if not operation.is_probe:
        kinds.append(RateLimited)
    if not operation.public:
        kinds += [Unauthenticated, Forbidden]
    kinds += operation.refusals
    if operation.key != "none":
        kinds.append(IdempotencyKeyReused)
    kinds.append(Unavailable)
    by_status: dict[int, list[type[TekanaError]]] = {}
    for kind in dict.fromkeys(kinds):
        by_status.setdefault(status_of(kind), []).append(kind)
    return by_status


def _failure(status: int, kinds: list[type[TekanaError]], operation: Operation) -> Node:
    codes = ", ".join(f"`{code}`" for code in dict.fromkeys(kind.code for kind in kinds))
    headers = ["X-Request-ID"]
    if status == 401:
        headers.append("WWW-Authenticate")
    if status in (429, 503):
        headers.append("Retry-After")
    if status == 429 or operation.rate:
        headers += _QUOTA_HEADERS
    is_kept = status in (404, 409, 422) or (status == 403 and any(issubclass(kind, Refused) for kind in kinds))
    if operation.key != "none" and is_kept:
        headers.append("Idempotency-Replayed")
    reading = operation.body is None
    errors = {kind: example_error(kind) for kind in kinds}
    if operation.body and BodyTooLarge in errors:
        errors[BodyTooLarge] = too_large(operation.body.bytes_max)
    examples = {
        kind.__name__: {"value": problem_of(error, REQUEST_ID, reading=reading)} for kind, error in errors.items()
    }
    return {
        "description": f"{openapi_texts.STATUSES[status]} Codes: {codes}.",
        "headers": _references(headers),
        "content": {PROBLEM_JSON: {"schema": schemas.reference("Problem"), "examples": examples}},
    }


def _references(headers: Iterable[str]) -> Node:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers}


def _webhook() -> Node:
    """Return what tekana sends to webhook endpoints."""
    body = {"schema": schemas.reference("WebhookEvent"), "examples": {"Event": {"value": example_of(WebhookEvent)}}}
    return {
        "operationId": "receive_event",
        "tags": ["Webhooks"],
        "summary": "Receive an event",
        "description": openapi_texts.WEBHOOK,
        "parameters": [{"in": "header", "required": True, **one} for one in openapi_texts.WEBHOOK_HEADERS],
        "requestBody": {"required": True, "content": {JSON: body}},
        "responses": {"2XX": {"description": "Received. Any other answer, or none, is a failure: it is sent again."}},
    }
