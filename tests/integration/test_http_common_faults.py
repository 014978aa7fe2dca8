"""Every operation has the same limits, errors and headers, hot routes included."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import httpx
import pytest

from tekana_litestar.openapi import document
from tests.integration.http_support import assert_problem
from tests.integration.http_support import shared_client as client

__all__ = ["client"]

AN_ID = "019a3c52-7f00-7000-8000-000000000001"
JSON = {"Content-Type": "application/json", "Idempotency-Key": "a key", "If-Match": "*"}


class Wrong(NamedTuple):
    """A fault of a request that applies to every operation, and the expected problem."""

    status: int
    field: str
    body: bytes = b""
    headers: dict[str, str] = JSON
    query: str = ""


WRONG_BODIES = {
    "no JSON": Wrong(400, "body", b"{"),
    "no object": Wrong(400, "body", b"[]"),
    "not UTF-8": Wrong(400, "body", b"\xff"),
    "nested": Wrong(400, "body", b"[" * 5_000 + b"]" * 5_000),
    "given as text": Wrong(415, "Content-Type", b"{}", {**JSON, "Content-Type": "text/plain"}),
    "too large": Wrong(413, "body", b" " * 2_000_000),
}
WRONG_ANYWHERE = {
    "an unknown parameter": Wrong(400, "colour", query="?colour=red"),
    "no host": Wrong(400, "Host", headers={**JSON, "Host": "a b"}),
}


def _required_query(operation: Any) -> str:
    """Return the parameters that an operation does not do without, with any value."""
    names = [one["name"] for one in operation.get("parameters", ()) if one.get("in") == "query" and one.get("required")]
    return "?" + "&".join(f"{name}=x" for name in names) if names else ""


def _operations(*, with_body: bool) -> list[Any]:
    return [
        pytest.param(method.upper(), path + _required_query(operation), id=operation["operationId"])
        for path, methods in json.loads(document())["paths"].items()
        for method, operation in methods.items()
        if path.startswith("/v1/") and (with_body is False or "requestBody" in operation)
    ]


@pytest.mark.parametrize(("method", "path"), _operations(with_body=True))
@pytest.mark.parametrize("how", WRONG_BODIES)
async def test_a_faulty_body_is_refused_by_every_operation(
    client: httpx.AsyncClient, method: str, path: str, how: str
) -> None:
    await _assert_refused(client, method, path, WRONG_BODIES[how])


@pytest.mark.parametrize(("method", "path"), _operations(with_body=False))
@pytest.mark.parametrize("how", WRONG_ANYWHERE)
async def test_a_faulty_request_is_refused_by_every_operation(
    client: httpx.AsyncClient, method: str, path: str, how: str
) -> None:
    await _assert_refused(client, method, path, WRONG_ANYWHERE[how])


async def _assert_refused(client: httpx.AsyncClient, method: str, path: str, wrong: Wrong) -> None:
    path = re.sub(r"{\w+}", AN_ID, path)
    headers = {**wrong.headers, "X-Request-ID": "my-request"}
    query = wrong.query.replace("?", "&") if "?" in path else wrong.query
    answer = await client.request(method, path + query, content=wrong.body, headers=headers)
    problem = assert_problem(answer, wrong.status, "invalid_request", wrong.field)
    assert problem["request_id"] == answer.headers["x-request-id"] == "my-request"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
