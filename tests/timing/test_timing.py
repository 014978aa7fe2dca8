"""The time of an answer says nothing about what exists: over HTTP, on PostgreSQL.

A short version runs with all tests, with bounds that only a gross difference exceeds. `nox -s timing` sets
TEKANA_TIMING_ROUNDS, and the bounds are narrow then.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final
from uuid import UUID

import asyncpg
import pytest
from litestar import Litestar
from uuid_utils.compat import uuid7

from tekana import SCOPES, KeyProperties, Settings
from tekana.domain.identifiers import CustomerId
from tekana_litestar import create_app
from tests.access.callers import NORTH, SOUTH, Subject, of_roles, with_key
from tests.access.driver import Answer, Sent, SocketDriver
from tests.access.objects import Objects, Owner
from tests.integration.raw_http import connected, listening
from tests.timing.measuring import Comparison, compare, mann_whitney

ROUNDS: Final = int(os.environ.get("TEKANA_TIMING_ROUNDS", "40"))
IS_LONG: Final = "TEKANA_TIMING_ROUNDS" in os.environ
OBJECTS: Final = 20

OF_TENANTS: Final = (
    "/v1/customers/{customer_id}",
    "/v1/customers/{customer_id}/identities",
    "/v1/wallets/{wallet_id}",
    "/v1/wallets/{wallet_id}/entries",
    "/v1/wallets/{wallet_id}/balance",
    "/v1/transactions/{transaction_id}",
    "/v1/webhook-endpoints/{webhook_endpoint_id}",
    "/v1/webhook-endpoints/{webhook_endpoint_id}/deliveries",
    "/v1/api-keys/{api_key_id}",
    "/v1/approvals/{approval_id}",
)
OF_CUSTOMERS: Final = OF_TENANTS[:6]


class Bench:
    """A served app, a caller of each kind, and objects of others."""

    def __init__(self, app: Litestar, driver: SocketDriver) -> None:
        self.app = app
        self.driver = driver
        self.objects = Objects(app.state.tekana)

    async def callers(self) -> dict[str, Subject]:
        """Return a partner with all scopes of their tenant, and one of its customers."""
        tekana = self.app.state.tekana
        customer_id = CustomerId(UUID(await self.objects.make(Owner(NORTH), "customer_id")))
        roles = {one.role: one for one in await of_roles(tekana, customer_id)}
        properties = KeyProperties("All", "partner", tuple(SCOPES - {"tenants:all"}), NORTH)
        return {"partner": await with_key(tekana, "partner", properties), "customer": roles["customer"]}

    async def compare(self, path: str, subject: Subject, tenant: str, rounds: int = ROUNDS) -> Comparison:
        """Compare the answers about objects of a tenant with those about what does not exist."""
        kind = path.partition("{")[2].partition("}")[0]
        # As many of both, made in turns: ids that are asked for once only are slower to look for.
        made = [(await self.objects.make(Owner(tenant), kind), str(uuid7())) for _ in range(OBJECTS)]
        foreign, absent = (itertools.cycle(ones) for ones in zip(*made, strict=True))

        def asking(names: Iterator[str]) -> Callable[[], Awaitable[Answer]]:
            async def ask() -> Answer:
                sent = Sent("GET", path.replace(f"{{{kind}}}", next(names)), (subject.headers,))
                answer = await self.driver.ask(sent)
                assert answer.status == 404
                return answer

            return ask

        name = f"{path}, of {tenant}, as {subject.name}"
        return await compare(name, asking(foreign), asking(absent), rounds)


@pytest.fixture
async def bench(postgres_url: str, full_hashes: None) -> AsyncIterator[Bench]:
    settings = Settings(
        database_url=postgres_url, webhooks_allow_private=True, approvals="AdjustBalance", message_sender="memory://"
    )
    app = create_app(settings)
    async with listening(app) as port, connected(port) as peer:
        yield Bench(app, SocketDriver(peer))


def assert_equal(comparisons: list[Comparison]) -> None:
    """Assert that no medians differ by more than the bound; a gross one, in the short version."""
    share, least_us = (0.05, 20.0) if IS_LONG else (0.5, 2_000.0)
    for one in comparisons:
        print(one)
    different = [str(one) for one in comparisons if not one.is_within(share, least_us) and one.p < 1e-3]
    assert not different, different


async def test_foreign_objects_take_as_long_as_absent_ones(bench: Bench) -> None:
    callers = await bench.callers()
    found = [await bench.compare(path, callers["partner"], SOUTH) for path in OF_TENANTS]
    for tenant in (NORTH, SOUTH):
        found += [await bench.compare(path, callers["customer"], tenant) for path in OF_CUSTOMERS]
    assert_equal(found)


async def test_foreign_objects_take_the_same_statements_as_absent_ones(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that is sent only if a row exists takes a time that can be measured."""
    sent: list[str] = []
    execute = asyncpg.Connection._execute

    async def counted(self: object, query: str, *more: object, **named: object) -> object:
        sent.append(query)
        return await execute(self, query, *more, **named)

    monkeypatch.setattr(asyncpg.Connection, "_execute", counted)
    callers = await bench.callers()
    cases = [(path, "partner", SOUTH) for path in OF_TENANTS]
    cases += [(path, "customer", tenant) for path in OF_CUSTOMERS for tenant in (NORTH, SOUTH)]
    for path, name, tenant in cases:
        kind = path.partition("{")[2].partition("}")[0]
        statements: list[set[str]] = []
        for object_id in (str(uuid7()), await bench.objects.make(Owner(tenant), kind), str(uuid7())):
            request = Sent("GET", path.replace(f"{{{kind}}}", object_id), (callers[name].headers,))
            always: list[set[str]] = []  # statements of the workers are sometimes among them
            for _ in range(3):
                await asyncio.sleep(0)
                sent.clear()
                answer = await bench.driver.ask(request)
                assert answer.status == 404
                always.append({one for one in sent if f" {_TABLES[kind]}" in one})
            statements.append(set.intersection(*always))
        assert statements[1] == statements[2], (path, name, tenant)
        assert statements[2], path


_TABLES: Final = {
    "customer_id": "customers",
    "wallet_id": "wallets",
    "transaction_id": "transactions",
    "webhook_endpoint_id": "webhook_endpoints",
    "api_key_id": "api_keys",
    "approval_id": "approvals",
}
"""The table of each kind of object: statements about other tables are not counted."""


@pytest.mark.skipif(not IS_LONG, reason="not here: a long measurement")
@pytest.mark.parametrize("path", ["/v1/auth/token", "/v1/auth/code"])
async def test_registered_numbers_take_as_long_as_others(bench: Bench, path: str) -> None:
    rounds = min(ROUNDS, 40)  # half a second each
    registered = [await bench.objects.make(Owner("main"), "phone_number") for _ in range(rounds + 5)]
    others = (f"+25073{number:07}" for number in itertools.count())

    def asking(numbers: Iterator[str]) -> Callable[[], Awaitable[Answer]]:
        async def ask() -> Answer:
            body = {"phone_number": next(numbers)}
            if path == "/v1/auth/token":
                body |= {"grant_type": "password", "password": "not the password"}
            return await bench.driver.ask(Sent("POST", path, (), body))

        return ask

    assert_equal([await compare(path, asking(iter(registered)), asking(others), rounds)])


async def test_a_slower_answer_about_what_exists_is_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    partner = (await bench.callers())["partner"]
    store = bench.app.state.tekana._store
    find = type(store.customers(partner.caller)).get

    async def get(self: object, customer_id: CustomerId) -> object:
        foreign = any(name == str(customer_id) for owner, name in bench.objects.made if owner.tenant == SOUTH)
        await asyncio.sleep(0.02 if foreign else 0)
        return await find(self, customer_id)

    monkeypatch.setattr(type(store.customers(partner.caller)), "get", get)
    with pytest.raises(AssertionError, match="/v1/customers"):
        assert_equal([await bench.compare("/v1/customers/{customer_id}", partner, SOUTH, 40)])


def test_mann_whitney() -> None:
    same = [float(one % 7) for one in range(70)]
    assert mann_whitney(same, same) == 1.0
    assert mann_whitney([one + 10 for one in same], same) < 1e-6
