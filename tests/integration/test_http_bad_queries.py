"""Invalid queries and paths are refused with a problem that names the field and the reason."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.integration.http_support import UNKNOWN_ID, app, assert_problem, registration, store_url
from tests.integration.http_support import client as own_client
from tests.integration.http_support import shared_client as client

__all__ = ["app", "client", "own_client", "store_url"]

LISTS = ["/v1/customers", "/v1/wallets", "/v1/transactions", "/v1/events"]


@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "ten", "", "1e1", "%00", "99999999999999999999", "٣"])
@pytest.mark.parametrize("path", LISTS)
async def test_an_invalid_page_limit_is_refused(client: httpx.AsyncClient, path: str, limit: str) -> None:
    assert_problem(await client.get(f"{path}?limit={limit}"), 400, "invalid_request")
    assert (await client.get(f"{path}?limit=200")).status_code == 200


@pytest.mark.parametrize("cursor", ["nonsense", "", "%00", "a%20b", "x" * 600, "-1", str(UNKNOWN_ID), "%F0%9F%92%A9"])
@pytest.mark.parametrize("path", LISTS)
async def test_an_invalid_cursor_is_refused(client: httpx.AsyncClient, path: str, cursor: str) -> None:
    name = "after" if path == "/v1/events" else "cursor"
    problem = assert_problem(await client.get(f"{path}?{name}={cursor}"), 400, "invalid_request")
    assert problem["errors"][0]["field"] in (name, "query")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("/v1/customers?name=x", "name"),
        ("/v1/customers?Email=a@example.com", "Email"),
        ("/v1/customers?email=unknown", "email"),
        ("/v1/customers?email=", "email"),
        ("/v1/customers?phone_number=12", "phone_number"),
        ("/v1/customers?external_id=", "external_id"),
        ("/v1/customers?external_id=%20", "external_id"),
        ("/v1/customers?external_id=%00", "query"),
        ("/v1/customers?%00=x", "query"),
        ("/v1/customers?external_id=%ff", "query"),
        ("/v1/customers?external_id=%ed%a0%80", "query"),
        ("/v1/customers?status=gone", "status"),
        ("/v1/customers?status=active&status=closed", "status"),
        ("/v1/customers?" + "&".join(f"a{number}=1" for number in range(60)), "query"),
        ("/v1/customers?" + "x" * 5_000 + "=1", "x" * 64),
        ("/v1/wallets?customer_id=1", "customer_id"),
        (f"/v1/wallets?customer_id={UNKNOWN_ID.hex}", "customer_id"),
        ("/v1/wallets?currency=EURO", "currency"),
        ("/v1/wallets?currency=xau", "currency"),
        ("/v1/transactions?type=gift", "type"),
        ("/v1/transactions?status=cancelled", "status"),
        ("/v1/transactions?reference=", "reference"),
        ("/v1/transactions?from=yesterday", "from"),
        ("/v1/transactions?from=2026-01-31", "from"),
        ("/v1/transactions?from=2026-01-31T12:00:00", "from"),
        ("/v1/transactions?to=2026-02-31T12:00:00Z", "to"),
        ("/v1/transactions?to=0001-01-01T00:00:00%2B14:00", "to"),
        ("/v1/transactions?at=2026-01-31T12:00:00Z", "at"),
        ("/v1/events?cursor=x", "cursor"),
        (f"/v1/wallets/{UNKNOWN_ID}?verbose=1", "verbose"),
        (f"/v1/wallets/{UNKNOWN_ID}/balance?at=now", "at"),
        (f"/v1/wallets/{UNKNOWN_ID}/balance?at=1769860800", "at"),
        (f"/v1/wallets/{UNKNOWN_ID}/entries?from=yesterday", "from"),
        (f"/v1/wallets/{UNKNOWN_ID}/entries?order=up", "order"),
        (f"/v1/wallets/{UNKNOWN_ID}/entries?at=2026-01-31T12:00:00Z", "at"),
    ],
)
async def test_an_invalid_query_parameter_is_refused(client: httpx.AsyncClient, query: str, field: str) -> None:
    assert_problem(await client.get(query), 400, "invalid_request", field)


_CURSOR = "must be a cursor that this list returned, unchanged"


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        *(
            ("/v1/customers?limit=" + one, "limit: must be a whole number from 1 to 200")
            for one in ("-1", "0", "201", "")
        ),
        ("/v1/events?limit=99999999999999999999", "limit: must be a whole number from 1 to 200"),
        ("/v1/events?after=abc", f"after: {_CURSOR}"),
        ("/v1/wallets?cursor=abc", f"cursor: {_CURSOR}"),
        ("/v1/wallets?cursor=" + "x" * 501, "cursor: must be at most 500 characters"),
        ("/v1/wallets?order=", "order: must be one of: asc, desc"),
        ("/v1/wallets?customer_id=", "customer_id: must be a UUID, such as 019a3c52-7f00-7000-8000-000000000001"),
        (
            "/v1/transactions?from=",
            "from: must be a time in RFC 3339 form with its offset, such as 2026-01-31T12:00:00Z",
        ),
        *(
            (
                f"/v1/transactions?currency=RWF&{name}={text}",
                f"{name}: must be an amount from 1 to 1000000000000000 RWF, with at most 0 decimals",
            )
            for name in ("amount_min", "amount_max")
            for text in ("-1", "0", "x", "1.5", "1000000000000001")
        ),
        (
            "/v1/transactions?currency=USD&amount_min=1.234",
            "amount_min: must be an amount from 0.01 to 10000000000000.00 USD, with at most 2 decimals",
        ),
        (
            "/v1/wallets?metadata[]=x",
            "metadata[]: must be given as metadata[name]=value, with a name of 1 to 64 characters",
        ),
        (
            "/v1/webhook-endpoints?page=2",
            "page: is not a parameter of this route; its parameters are: limit, cursor",
        ),
        (f"/v1/wallets/{UNKNOWN_ID}?limit=2", "limit: is not a parameter of this route; it has none"),
        ("/v1/wallets?currency=%00", "query: must not contain NUL characters (%00), as the parameter currency does"),
        ("/v1/wallets?a%00b=x", "query: must not contain NUL characters (%00), as the parameter a%00b does"),
    ],
)
async def test_the_detail_names_the_parameter_and_its_rule(client: httpx.AsyncClient, query: str, detail: str) -> None:
    assert assert_problem(await client.get(query), 400, "invalid_request")["detail"] == detail


@pytest.mark.parametrize(
    "text", ["-1", "", "abc", "1.5", "99999999999999999999", "x" * 501, "%00", "0001-01-01T00:00:00Z"]
)
async def test_no_parameter_of_any_route_is_refused_without_its_rule(client: httpx.AsyncClient, text: str) -> None:
    """A text that no parameter accepts is refused with a rule, not with what a library reports."""
    paths = (await client.get("/api/openapi.json")).json()["paths"]
    names = {
        (re.sub(r"{\w+}", str(UNKNOWN_ID), path), one["name"])
        for path, operations in paths.items()
        for one in operations.get("get", {}).get("parameters", [])
        if one["in"] == "query"
    }
    assert len(names) > 40
    for path, name in sorted(names):
        answer = await client.get(f"{path}?{name}={text}")
        if answer.status_code == 400:
            detail = answer.json()["detail"]
            assert name in detail, (path, detail)
            assert re.search(r"must |is not an ISO 4217 currency code|: is missing: ", detail), (path, detail)


async def test_all_faults_of_a_query_are_reported_together(client: httpx.AsyncClient) -> None:
    problem = (await client.get("/v1/customers?limit=0&nope=1&status=x")).json()
    assert [one["field"] for one in problem["errors"]] == ["limit", "nope", "status"]


async def test_posts_refuse_unknown_parameters(own_client: httpx.AsyncClient) -> None:
    answer = await own_client.post("/v1/customers?dry_run=true", json=registration())
    assert_problem(answer, 400, "invalid_request", "dry_run")
    assert (await own_client.get("/v1/events")).json()["items"] == []


BAD_IDS = [
    "1",
    "unknown",
    UNKNOWN_ID.hex,
    f"{{{UNKNOWN_ID}}}",
    f"{UNKNOWN_ID}%00",
    "%00",
    f"{UNKNOWN_ID}%0a",
    "%20",
]


@pytest.mark.parametrize("bad", BAD_IDS)
async def test_an_invalid_id_in_a_path_is_refused(client: httpx.AsyncClient, bad: str) -> None:
    for path, field in [("customers", "customer_id"), ("wallets", "wallet_id"), ("transactions", "transaction_id")]:
        assert_problem(await client.get(f"/v1/{path}/{bad}"), 400, "invalid_request", field)
    assert_problem(await client.get(f"/v1/wallets/{bad}/entries"), 400, "invalid_request", "wallet_id")
    closing = await client.post(f"/v1/customers/{bad}/close")
    assert_problem(closing, 400, "invalid_request", "customer_id")


async def test_a_cursor_of_another_list_is_refused(own_client: httpx.AsyncClient) -> None:
    for _ in range(2):
        await own_client.post("/v1/customers", json=registration())
    cursor = (await own_client.get("/v1/customers?limit=1")).json()["next_cursor"]
    assert (await own_client.get(f"/v1/customers?cursor={cursor}")).status_code == 200
    after = (await own_client.get("/v1/events?limit=1")).json()["next_cursor"]
    assert (await own_client.get(f"/v1/events?after={after}")).status_code == 200
    for path in ("/v1/wallets", "/v1/transactions"):
        for other in (cursor, after):
            assert_problem(await own_client.get(f"{path}?cursor={other}"), 400, "invalid_request", "cursor")
    for forged in (cursor + "A", cursor[:-1], cursor.swapcase(), "====", "A"):
        assert_problem(
            await own_client.get("/v1/customers", params={"cursor": forged}), 400, "invalid_request", "cursor"
        )
