"""What the HTTP tests share: a client of the app over a fresh store, and people with money.

`store_url` or `both_stores` name the stores that the tests run over.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from tekana import LOCAL_OPERATOR, Tekana
from tekana_litestar import create_app

Json = dict[str, Any]

NOBODY = UUID("01a00000-0000-7000-8000-00000000abcd")
"""An id that nothing has."""

_numbers = itertools.count(1)


def some_number() -> int:
    """A number that no other test got."""
    return next(_numbers)


@pytest.fixture
def store_url() -> str:
    """The URL of an empty store: for what does not depend on the store."""
    return "memory://"


@pytest.fixture(params=["memory", "postgres"])
def both_stores(request: pytest.FixtureRequest) -> str:
    """The URL of an empty store, once of each kind; test modules import it as `store_url`."""
    return "memory://" if request.param == "memory" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def app(store_url: str) -> AsyncIterator[Litestar]:
    """The app at work. However a test ends, the ledger is whole after it."""
    async with at_work(create_app(store_url)) as made:
        yield made
        await assert_whole(made.state.tekana)


@asynccontextmanager
async def at_work(app: Litestar) -> AsyncIterator[Litestar]:
    """Start the app and stop it at the end. One task does both, as a server's does: Litestar relies on it."""
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
        await life  # raises what kept it from starting
    try:
        yield app
    finally:
        done.set()
        await life


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """Talks to the app."""
    async with client_of(app) as made:
        yield made


def client_of(app: Litestar) -> httpx.AsyncClient:
    """A client of an app in this process. What the app does not handle is raised here."""
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type] # one ASGI, two notations
    return httpx.AsyncClient(transport=transport, base_url="http://tekana.test")


async def assert_whole(tekana: Tekana) -> None:
    """Every invariant of the ledger holds."""
    findings = [finding async for finding in tekana.as_caller(LOCAL_OPERATOR).audit()]
    assert findings
    assert [finding for finding in findings if not finding.ok] == []


def registration(**other: Any) -> Json:
    """The body of a registration that nobody made before."""
    number = some_number()
    return {
        "full_name": "Aline Uwase",
        "email": f"aline{number}@example.com",
        "phone_number": f"+25078{number:07}",
        **other,
    }


async def register(client: httpx.AsyncClient, **other: Any) -> Json:
    """Register somebody; gives the customer."""
    answer = await client.post("/v1/customers", json=registration(**other))
    assert answer.status_code == 201, answer.text
    customer: Json = answer.json()
    return customer


async def wallet_with(client: httpx.AsyncClient, amount: str | None = None, currency: str = "RWF") -> str:
    """The id of a wallet of a new customer, with money in it."""
    customer = await register(client, currency=currency)
    wallet: str = customer["wallets"][0]["id"]
    if amount is not None:
        body = {"type": "deposit", "wallet_id": wallet, "amount": amount, "currency": currency}
        assert (await move(client, body)).status_code == 201
    return wallet


async def move(client: httpx.AsyncClient, body: Json, key: str | None = None) -> httpx.Response:
    """Post a movement of money, under a key of its own if none is given."""
    headers = {"Idempotency-Key": key or f"test-{some_number()}"}
    return await client.post("/v1/transactions", json=body, headers=headers)


def assert_problem(answer: httpx.Response, status: int, code: str, field: str | None = None) -> Json:
    """The answer is a problem of this kind, whole and without anything that is nobody's business."""
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
