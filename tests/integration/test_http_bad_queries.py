"""Invalid queries and paths are refused with a problem that names the field and the reason."""

from __future__ import annotations

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
        ("/v1/transactions?status=pending", "status"),
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
