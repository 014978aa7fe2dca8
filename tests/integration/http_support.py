"""Fixtures and helpers of the HTTP tests: a client of the app over a new store, and customers with money.

`store_url` or `both_stores` select the stores that the tests run on.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from tekana import LOCAL_OPERATOR, Tekana
from tekana_litestar import create_app
from tests.keys import AppKey

Json = dict[str, Any]

UNKNOWN_ID = UUID("01a00000-0000-7000-8000-00000000abcd")
"""An id that does not exist."""

_numbers = itertools.count(1)


def unique_number() -> int:
    """Return a number that no other test uses."""
    return next(_numbers)


@pytest.fixture
def store_url() -> str:
    """Return the URL of an empty in-memory store, for tests that do not depend on the store."""
    return "memory://"


@pytest.fixture(params=["memory", "postgres"])
def both_stores(request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty store, once for each kind; test modules import it as `store_url`."""
    return "memory://" if request.param == "memory" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def app(store_url: str) -> AsyncIterator[Litestar]:
    """Start the app; after the test, check that the ledger is whole."""
    async with started_app(create_app(store_url)) as made:
        yield made
        await assert_whole(made.state.tekana)


@pytest.fixture
async def restarted_app(store_url: str) -> AsyncIterator[Litestar]:
    """Start an app, with a new store; after the test, check that the ledger is whole. Modules import it as `app`.

    In memory it is the same app again and again, as its creation takes longer than most tests: its metrics go on.
    """
    async with started_app(_app_in_memory() if store_url == "memory://" else create_app(store_url)) as made:
        yield made
        await assert_whole(made.state.tekana)


@cache
def _app_in_memory() -> Litestar:
    return create_app("memory://")


@asynccontextmanager
async def started_app(app: Litestar) -> AsyncIterator[Litestar]:
    """Start the app and stop it at the end, both in one task, as Litestar requires."""
    started, done = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            started.set()
            await done.wait()

    life = asyncio.create_task(live())
    starting = asyncio.create_task(started.wait())
    await asyncio.wait({life, starting}, return_when=asyncio.FIRST_COMPLETED)
    if not started.is_set():
        starting.cancel()
        await life  # raises the exception that prevented the start
    try:
        yield app
    finally:
        done.set()
        await life


@pytest.fixture(scope="module")
async def shared_client() -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of an app that the tests of a module share, for requests that change nothing."""
    async with started_app(create_app("memory://")) as app, client_of(app) as made:
        yield made
        await assert_whole(app.state.tekana)


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of the app."""
    async with client_of(app) as made:
        yield made


def client_of(app: Litestar) -> httpx.AsyncClient:
    """Return a client of an app in this process. Exceptions that the app does not handle are raised in the client."""
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type] # one ASGI, two notations
    return httpx.AsyncClient(transport=transport, base_url="http://tekana.test", auth=AppKey(app))


async def assert_whole(tekana: Tekana) -> None:
    """Assert that every invariant of the ledger holds."""
    findings = [finding async for finding in tekana.as_caller(LOCAL_OPERATOR).audit()]
    assert findings
    assert [finding for finding in findings if not finding.ok] == []


def registration(**other: Any) -> Json:
    """Return the body of a registration with unused contacts."""
    number = unique_number()
    return {
        "full_name": "Aline Uwase",
        "email": f"aline{number}@example.com",
        "phone_number": f"+25078{number:07}",
        **other,
    }


async def register(client: httpx.AsyncClient, **other: Any) -> Json:
    """Register a customer, and return it."""
    answer = await client.post("/v1/customers", json=registration(**other))
    assert answer.status_code == 201, answer.text
    customer: Json = answer.json()
    return customer


async def wallet_with(client: httpx.AsyncClient, amount: str | None = None, currency: str = "RWF") -> str:
    """Register a customer, deposit the amount, and return the id of the wallet."""
    customer = await register(client, currency=currency)
    wallet: str = customer["wallets"][0]["id"]
    if amount is not None:
        body = {"type": "deposit", "wallet_id": wallet, "amount": amount, "currency": currency}
        assert (await move(client, body)).status_code == 201
    return wallet


async def move(client: httpx.AsyncClient, body: Json, key: str | None = None) -> httpx.Response:
    """Post a transaction, with a new idempotency key if none is given."""
    headers = {"Idempotency-Key": key or f"test-{unique_number()}"}
    return await client.post("/v1/transactions", json=body, headers=headers)


def assert_problem(answer: httpx.Response, status: int, code: str, field: str | None = None) -> Json:
    """Assert that the response is a complete problem of this kind without internal details; return its body."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: Json = answer.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:tekana:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"]
    assert set(problem) <= {"type", "title", "status", "detail", "code", "request_id", "errors", "transaction_id"}
    assert len(answer.content) < 2_000
    for word in ("Traceback", "SELECT", "INSERT", "postgresql://", "msgspec", "litestar", "$."):
        assert word not in answer.text
    if field is not None:
        assert [one["field"] for one in problem["errors"]] == [field], problem
        assert all(one["message"] for one in problem["errors"])
    return problem
