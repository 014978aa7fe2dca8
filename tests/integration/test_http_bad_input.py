"""Invalid input is refused with a problem that names the field and the reason, and nothing is stored."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.integration.http_support import (
    UNKNOWN_ID,
    assert_problem,
    client,
    move,
    registration,
    store_url,
    wallet_with,
)
from tests.integration.http_support import restarted_app as app

__all__ = ["app", "client", "store_url"]

JSON = {"Content-Type": "application/json"}


async def _has_no_transactions(client: httpx.AsyncClient) -> bool:
    events = (await client.get("/v1/events?limit=200")).json()["items"]
    return {one["type"] for one in events} <= {"CustomerRegistered", "WalletOpened"}


@pytest.mark.parametrize(
    "amount",
    [
        *("0", "0.00", "-5", "+5", "1e2", "1E2", "NaN", "Infinity", "-Infinity", "0x10", "1_000", "1,5", " 5", "5 "),
        *("", ".5", "5.", "1.234", "1.2.3", "٣", "\uff15", "9223372036854775808", "10000000000000.01", "9" * 5_000),
        *("1\x00", "null", "true"),
        *(5, 5.0, 1.5, 0, -1, 2**63, True, None, [], {}, ["5"]),
    ],
)
async def test_invalid_amounts_are_refused(client: httpx.AsyncClient, amount: Any) -> None:
    wallet = await wallet_with(client, currency="USD")
    body = {"type": "deposit", "wallet_id": wallet, "amount": amount, "currency": "USD"}
    assert_problem(await move(client, body), 400, "invalid_request", "amount")
    assert await _has_no_transactions(client)


@pytest.mark.parametrize("raw", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"0x1", b"01", b"5.", b"'5'"])
async def test_invalid_json_numbers_are_refused(client: httpx.AsyncClient, raw: bytes) -> None:
    wallet = (await wallet_with(client)).encode()
    body = b'{"type":"deposit","currency":"RWF","wallet_id":"' + wallet + b'","amount":' + raw + b"}"
    answer = await client.post("/v1/transactions", content=body, headers={**JSON, "Idempotency-Key": "x"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] in ("amount", "body")
    assert await _has_no_transactions(client)


async def test_decimals_depend_on_the_currency(client: httpx.AsyncClient) -> None:
    for currency, fine, wrong in [("RWF", "1", "1.0"), ("USD", "1.10", "1.001"), ("KWD", "1.001", "1.0001")]:
        wallet = await wallet_with(client, currency=currency)
        body = {"type": "deposit", "wallet_id": wallet, "currency": currency}
        assert_problem(await move(client, {**body, "amount": wrong}), 400, "invalid_request", "amount")
        assert (await move(client, {**body, "amount": fine})).json()["amount"] == fine


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"currency": "EURO"}, "currency"),
        ({"currency": "ZZZ"}, "currency"),
        ({"currency": ""}, "currency"),
        ({"currency": None}, "currency"),
        ({"currency": "rwf"}, "currency"),
        ({"wallet_id": "1"}, "wallet_id"),
        ({"wallet_id": ""}, "wallet_id"),
        ({"wallet_id": None}, "wallet_id"),
        ({"wallet_id": 7}, "wallet_id"),
        ({"wallet_id": UNKNOWN_ID.hex}, "wallet_id"),
        ({"wallet_id": f"{{{UNKNOWN_ID}}}"}, "wallet_id"),
        ({"wallet_id": f"urn:uuid:{UNKNOWN_ID}"}, "wallet_id"),
        ({"wallet_id": f"{UNKNOWN_ID}\x00"}, "wallet_id"),
        ({"from_wallet_id": str(UNKNOWN_ID)}, "from_wallet_id"),
        ({"note": "x"}, "note"),
        ({"n" * 200: "x"}, "n" * 63 + "…"),
        ({"description": ""}, "description"),
        ({"description": "\x00"}, "description"),
        ({"description": "x" * 501}, "description"),
        ({"reference": "x" * 201}, "reference"),
        ({"reference": 7}, "reference"),
        ({"metadata": {"a": {"b": 1}}}, "metadata"),
        ({"metadata": {"a\x00": 1}}, "metadata"),
        ({"effective_at": "yesterday"}, "effective_at"),
        ({"effective_at": "2026-01-31"}, "effective_at"),
        ({"effective_at": "2026-01-31T12:00:00"}, "effective_at"),
        ({"effective_at": "0001-01-01T00:00:00+01:00"}, "effective_at"),
        ({"effective_at": 1769860800}, "effective_at"),
    ],
)
async def test_invalid_fields_are_refused(client: httpx.AsyncClient, change: dict[str, Any], field: str) -> None:
    body = {"type": "deposit", "wallet_id": await wallet_with(client), "amount": "1", "currency": "RWF", **change}
    assert_problem(await move(client, body), 400, "invalid_request", field)
    assert await _has_no_transactions(client)


@pytest.mark.parametrize("missing", ["type", "wallet_id", "amount", "currency"])
async def test_missing_fields_are_refused(client: httpx.AsyncClient, missing: str) -> None:
    body = {"type": "deposit", "wallet_id": await wallet_with(client), "amount": "1", "currency": "RWF"}
    del body[missing]
    assert_problem(await move(client, body), 400, "invalid_request", missing)


NESTED = 5_000


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b" ",
            b"{",
            b'{"a"',
            b"nonsense",
            b"{'a': 1}",
            b'{"a": 1,}',
            b"{} {}",
            b"\xef\xbb\xbf{}",
            b"\x00",
            b"//",
        ),
        *(b"[]", b"[{}]", b"null", b"true", b"7", b'"text"'),
        *(b'{"full_name": "\xff"}', b'{"full_name": "\xed\xa0\x80"}', '{"full_name": "é"}'.encode("latin-1")),
        *(
            b'{"full_name": "\\ud800"}',
            b'{"full_name": "\\udc00x"}',
            b'{"\\ud800": 1}',
            b'{"full_name": "\\ud800\\u0041"}',
        ),
        *('{"full_name": "A"}'.encode(encoding) for encoding in ("utf-16", "utf-32")),
        b"[" * NESTED,
        b"[" * NESTED + b"]" * NESTED,
        b'{"a":' * NESTED + b"1" + b"}" * NESTED,
    ],
    ids=lambda body: repr(body[:24]),
)
@pytest.mark.parametrize("path", ["/v1/customers", "/v1/wallets", "/v1/transactions"])
async def test_a_body_that_is_not_an_object_is_refused(client: httpx.AsyncClient, path: str, body: bytes) -> None:
    answer = await client.post(path, content=body, headers={**JSON, "Idempotency-Key": "x"})
    problem = assert_problem(answer, 400, "invalid_request")
    assert problem["errors"]
    assert (await client.get("/v1/events")).json()["items"] == []


@pytest.mark.parametrize("inner", [b"[" * NESTED + b"]" * NESTED, b'{"a":' * NESTED + b"1" + b"}" * NESTED])
@pytest.mark.parametrize(
    "place", [b'{"metadata": %b}', b'{"x": %b, "type": "deposit"}', b'{"type": "deposit", "x": %b}']
)
async def test_deep_nesting_is_refused(client: httpx.AsyncClient, place: bytes, inner: bytes) -> None:
    headers = {**JSON, "Idempotency-Key": "x"}
    for path in ("/v1/customers", "/v1/transactions"):
        answer = await client.post(path, content=place % inner, headers=headers)
        assert_problem(answer, 400, "invalid_request")


@pytest.mark.parametrize("escaped", ["\\u0000", "\\ud800", "\\udfff\\ud800"])
@pytest.mark.parametrize("field", ["full_name", "email", "phone_number", "external_id"])
async def test_characters_that_cannot_be_stored_are_refused(
    client: httpx.AsyncClient, field: str, escaped: str
) -> None:
    body = json.dumps(registration(**{field: "a?b"})).replace("?", escaped)
    answer = await client.post("/v1/customers", content=body.encode(), headers=JSON)
    assert assert_problem(answer, 400, "invalid_request")["errors"][0]["field"] in (field, "body")
    assert (await client.get("/v1/events")).json()["items"] == []


async def test_duplicate_fields_are_refused(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client)
    head = f'{{"type": "deposit", "wallet_id": "{wallet}", "currency": "RWF", '
    for tail, field in [
        ('"amount": "1", "amount": "2"}', "amount"),
        ('"amount": "1", "metadata": {"a": 1, "a": 2}}', "metadata.a"),
    ]:
        answer = await client.post(
            "/v1/transactions", content=(head + tail).encode(), headers={**JSON, "Idempotency-Key": "x"}
        )
        assert_problem(answer, 400, "invalid_request", field)
    assert await _has_no_transactions(client)


@pytest.mark.parametrize(
    "content_type",
    [
        *("text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json"),
        *("application/problem+json", "application/json; charset=latin-1", "application/json; charset=utf-16", ""),
        *("application/jsonp", "application/msgpack", "*/*", "application/json, text/plain", None),
        *(
            "application/json; charset",
            "application/json; charset=utf-8; charset=utf-16",
            "application/json charset=utf-8",
        ),
    ],
)
@pytest.mark.parametrize("path", ["/v1/customers", "/v1/transactions"])
async def test_other_content_types_are_refused(client: httpx.AsyncClient, path: str, content_type: str | None) -> None:
    headers = {"Idempotency-Key": "x"} | ({} if content_type is None else {"Content-Type": content_type})
    answer = await client.post(path, content=json.dumps(registration()).encode(), headers=headers)
    assert_problem(answer, 415, "invalid_request", "Content-Type")
    assert (await client.get("/v1/events")).json()["items"] == []


@pytest.mark.parametrize(
    "content_type",
    [
        *(
            "application/json",
            "Application/JSON",
            "application/json;charset=UTF-8",
            'application/json ; charset="utf-8"',
        ),
        *("application/json;", "application/json; ", " application/json ", "application/json;;charset=utf-8"),
        *("application/json; profile=x", 'application/json; profile="a, b"; charset=utf-8', "application/json;v=1"),
    ],
)
async def test_json_content_types_are_accepted(client: httpx.AsyncClient, content_type: str) -> None:
    body = json.dumps(registration()).encode()
    answer = await client.post("/v1/customers", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 201


async def test_actions_without_a_body_need_no_content_type(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client)
    assert (await client.post(f"/v1/wallets/{wallet}/unfreeze")).status_code == 200
    plain = await client.post(f"/v1/wallets/{wallet}/unfreeze", content=b"{}", headers={"Content-Type": "text/plain"})
    assert_problem(plain, 415, "invalid_request", "Content-Type")


async def _chunks(size: int) -> AsyncIterator[bytes]:
    while size > 0:
        yield b" " * min(size, 10_000)
        size -= 10_000


@pytest.mark.parametrize("size", [64 * 1024 + 1, 200_000, 1024 * 1024 + 1, 5_000_000])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_refused(client: httpx.AsyncClient, size: int, chunked: bool) -> None:
    for path in ("/v1/customers", "/v1/transactions", f"/v1/wallets/{UNKNOWN_ID}/close"):
        content = _chunks(size) if chunked else b" " * size
        answer = await client.post(path, content=content, headers={**JSON, "Idempotency-Key": "x"})
        assert_problem(answer, 413, "invalid_request", "body")
    assert (await client.get("/v1/events")).json()["items"] == []


async def test_a_body_at_the_limit_is_accepted(client: httpx.AsyncClient) -> None:
    body = json.dumps(registration()).encode().ljust(64 * 1024)
    assert (await client.post("/v1/customers", content=body, headers=JSON)).status_code == 201
