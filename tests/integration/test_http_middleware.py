"""The middleware of every request: request ids, headers, unknown paths and methods, and failures."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from litestar import Litestar

from tekana import LOCAL_OPERATOR, Caller, Forbidden, KeyProperties, Overloaded, Unavailable, create_api_key
from tekana.application.engine import posting_engine
from tekana_litestar import create_app, log_limits, middleware, problems
from tekana_litestar.app import TekanaApp
from tekana_litestar.cors import Cors
from tekana_litestar.headers import accepts
from tekana_litestar.problems import problem_response
from tekana_litestar.request_log import RequestLog
from tekana_litestar.responses import HttpResponse
from tekana_memory import MemoryStore
from tests.integration.http_support import (
    UNKNOWN_ID,
    app,
    assert_problem,
    client,
    client_of,
    move,
    registration,
    started_app,
    store_url,
    wallet_with,
)
from tests.keys import BEARER, SHARED_KEYS, register_key_in

__all__ = ["app", "client", "store_url"]

WORDS = "postgresql://tekana:hunter2@db/tekana: SELECT * FROM wallet"


async def test_requests_have_ids(client: httpx.AsyncClient) -> None:
    made_up = (await client.get("/v1/customers")).headers["x-request-id"]
    assert uuid.UUID(made_up).version == 7
    taken = await client.get("/v1/nothing", headers={"X-Request-ID": "My.request_1-2"})
    assert taken.headers["x-request-id"] == taken.json()["request_id"] == "My.request_1-2"
    for bad in (b"", b"a b", b"x" * 129, b"a;b", "naïve".encode(), b"\x00"):
        answer = await client.get("/v1/customers", headers={b"X-Request-ID": bad})
        assert uuid.UUID(answer.headers["x-request-id"]).version == 7


async def test_every_response_has_the_common_headers(client: httpx.AsyncClient) -> None:
    for path in ("/v1/customers", "/v1/nothing", "/health/live", f"/v1/wallets/{UNKNOWN_ID}"):
        headers = (await client.get(path)).headers
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")
        assert headers["x-request-id"]


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/v1",
            "/v2/customers",
            "/v1/customer",
            "/nothing",
            "/v1/batch",
            "/v1/rates/USD",
            "/schema",
            "/v1/%00",
            "/docs",
        ),
        *(f"/v1/wallets/{UNKNOWN_ID}/statements", f"/v1/transactions/{UNKNOWN_ID}/captures"),
        *(f"/v1/customers/{UNKNOWN_ID}/limit", f"/v1/transactions/{UNKNOWN_ID}/reversals", "/v1/customers/a/b/c/d"),
        *("/api/nothing", "/api/index.html", "/api/..%2fapp.py", "/api/%2e%2e/app.py"),
    ],
)
async def test_unknown_paths_are_not_found(client: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "POST", "HEAD", "OPTIONS"):
        answer = await client.request(method, path)
        if method == "HEAD":
            assert (answer.status_code, answer.content) == (404, b"")
        elif not (path.startswith("/api/") and method in ("POST", "OPTIONS")):
            assert_problem(answer, 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/customers", "GET, HEAD, OPTIONS, POST"),
        ("PUT", f"/v1/customers/{UNKNOWN_ID}", "GET, HEAD, OPTIONS, PATCH"),
        ("DELETE", f"/v1/transactions/{UNKNOWN_ID}", "GET, HEAD, OPTIONS, PATCH"),
        ("GET", f"/v1/transactions/{UNKNOWN_ID}/capture", "OPTIONS, POST"),
        ("GET", f"/v1/wallets/{UNKNOWN_ID}/freeze", "OPTIONS, POST"),
        ("POST", "/v1/events", "GET, HEAD, OPTIONS"),
        ("POST", "/health/live", "GET, HEAD, OPTIONS"),
        ("TRACE", "/v1/wallets", "GET, HEAD, OPTIONS, POST"),
        ("BREW", "/v1/wallets", "GET, HEAD, OPTIONS, POST"),
    ],
)
async def test_unknown_methods_list_the_allowed_ones(
    client: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    assert_problem(answer, 405, "invalid_request")
    assert sorted(answer.headers["allow"].split(", ")) == allowed.split(", ")
    options = await client.options(path)
    assert (options.status_code, options.content, options.headers["allow"]) == (204, b"", allowed)


async def test_head_returns_the_headers_of_get(client: httpx.AsyncClient) -> None:
    wallet = await wallet_with(client)
    for path in (
        "/v1/customers",
        f"/v1/wallets/{wallet}",
        f"/v1/wallets/{UNKNOWN_ID}",
        "/v1/wallets?x=1",
        "/api",
        "/",
    ):
        got, head = await client.get(path), await client.head(path)
        assert head.content == b""
        assert head.status_code == got.status_code
        assert head.headers.get("content-length") == got.headers.get("content-length")


async def test_trailing_slashes_are_ignored(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/customers/")).status_code == 200


async def test_health_routes_return_200(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health/live")).json() == {"status": "alive"}
    assert (await client.get("/health/ready?probe=1")).json() == {"status": "ready"}


async def test_liveness_fails_once_only_a_restart_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit of work that never ends keeps the engine from deciding anything, for good."""
    monkeypatch.setattr(posting_engine, "STALL_SECONDS", 0.1)
    store, hanging = MemoryStore(), asyncio.Event()
    await register_key_in(store)
    begin = store.begin

    @asynccontextmanager
    async def hang() -> AsyncIterator[Any]:
        await hanging.wait()
        async with begin() as unit:
            yield unit

    store.begin = hang  # type: ignore[method-assign]
    async with started_app(create_app(SHARED_KEYS, store=store)) as app, client_of(app) as client:
        client.headers.update(BEARER)
        assert (await client.get("/health/live")).json() == {"status": "alive"}
        waiting = asyncio.create_task(client.post("/v1/customers", json=registration()))
        await asyncio.sleep(0.3)
        for path in ("/health/live", "/health/ready"):
            assert_problem(await client.get(path), 503, "unavailable")
        hanging.set()
        assert (await waiting).status_code == 201
        assert (await client.get("/health/live")).status_code == 200


_FAILING = ("begin", "customers", "wallets", "transactions", "events")


class FailingStore(MemoryStore):
    """A store whose every method raises the error, but not those of its credentials."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        super().__init__()

    def __getattribute__(self, name: str) -> Any:
        error = super().__getattribute__("error") if name in _FAILING else None
        if error is not None:
            return _Failing(error)
        return super().__getattribute__(name)

    async def check_ready(self) -> None:
        if self.error is not None:
            raise self.error


@asynccontextmanager
async def failing_client(error: BaseException) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of an app over a store that knows the key, and fails."""
    store = FailingStore()
    await register_key_in(store)
    store.error = error
    async with started_app(create_app(SHARED_KEYS, store=store)) as app, client_of(app) as client:
        client.headers.update(BEARER)
        yield client


class _Failing:
    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __call__(self, *callers: Caller) -> Any:
        if callers:  # the reader of a caller
            return self
        raise self._error

    async def get(self, *_: Any) -> Any:
        raise self._error

    list = get


@pytest.mark.parametrize("error", [Unavailable(WORDS), OSError(WORDS), RuntimeError(WORDS), KeyError("x")])
async def test_a_failing_store_returns_503_and_is_logged(
    error: Exception, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with failing_client(error) as client:
        for path in ("/v1/customers", f"/v1/wallets/{UNKNOWN_ID}", "/v1/events", "/health/ready"):
            answer = await client.get(path)
            problem = assert_problem(answer, 503, "unavailable")
            assert (answer.headers["retry-after"], problem["detail"]) == ("1", "cannot be answered now: try again")
        body = {"type": "deposit", "wallet_id": str(UNKNOWN_ID), "amount": "1", "currency": "RWF"}
        caplog.clear()
        monkeypatch.setattr(problems._log, "filters", [])
        answer = await client.post(
            "/v1/transactions", json=body, headers={"Idempotency-Key": "x", "X-Request-ID": "find-me"}
        )
        problem = assert_problem(answer, 503, "unavailable")
        assert (answer.headers["retry-after"], problem["detail"]) == ("1", "unknown: retry with the same key")
        assert "hunter2" not in answer.text
        assert_problem(await client.post("/v1/customers", json=registration()), 503, "unavailable")
        assert_problem(await client.post("/v1/transactions?dry_run=true", json=body), 503, "unavailable")
        assert (await client.get("/health/live")).status_code == 200
    noted = next(record for record in caplog.records if "find-me" in record.getMessage())
    assert (noted.exc_info is None) == isinstance(error, Unavailable)  # unexpected errors are logged with a traceback
    assert noted.levelno == (logging.WARNING if isinstance(error, Unavailable) else logging.ERROR)


async def test_overload_is_reported_as_not_executed() -> None:
    error = Overloaded("too many requests are waiting: nothing was done, try again")
    async with failing_client(error) as client:
        answer = await client.post("/v1/customers", json=registration())
    problem = assert_problem(answer, 503, "unavailable")
    assert (problem["detail"], answer.headers["retry-after"]) == (str(error), "1")


async def test_an_overload_response_is_sent_at_once_and_ends_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append((message["type"], message.get("more_body")))

    async def sleep(seconds: float) -> None:
        sent.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    answer = problem_response(Overloaded("too many"), "a request", reading=False)
    await answer({"method": "POST"}, None, send)  # type: ignore[arg-type]
    whole, end = ("http.response.body", True), ("http.response.body", False)
    assert sent == [("http.response.start", None), whole, 1, end]
    assert problem_response(Unavailable("down"), "a request", reading=False).pause_seconds == 0


@pytest.mark.parametrize("error", [Overloaded("too many"), Unavailable("down"), OSError(WORDS)])
def test_failing_requests_are_logged_in_few_lines(
    error: Exception, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter((10.0, 10.1, 10.5, 10.9, 11.0))
    monkeypatch.setattr(log_limits.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(problems._log, "filters", [log_limits.RepeatLimit()])
    for name in ("first", "second", "third"):
        problem_response(error, name, reading=False)
    problem_response(KeyError("of another kind"), "fourth", reading=False)
    problem_response(error, "fifth", reading=False)
    logged = [record.getMessage() for record in caplog.records]
    assert [name for line in logged for name in ("first", "second", "third", "fourth", "fifth") if name in line] == [
        "first",
        "fourth",
        "fifth",
    ]
    assert logged[-1].endswith(" (2 more like this since the last one)")


async def test_service_resumes_when_the_store_recovers() -> None:
    store = MemoryStore()
    await register_key_in(store)
    begin, down = store.begin, True

    def fails_at_first() -> Any:
        if down:
            raise Unavailable("down")
        return begin()

    store.begin = fails_at_first  # type: ignore[method-assign]
    async with started_app(create_app(SHARED_KEYS, store=store)) as app, client_of(app) as client:
        assert_problem(await client.post("/v1/customers", json=registration()), 503, "unavailable")
        down = False
        assert (await client.post("/v1/customers", json=registration())).status_code == 201


async def test_a_response_after_the_deadline_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "REQUEST_TIMEOUT_SECONDS", 0.05)
    store = MemoryStore()
    async with started_app(create_app(store=store)) as app, client_of(app) as client:
        wallet = await wallet_with(client)
        lock = store._lock
        await lock.acquire()  # the unit of work waits, as for a lock of another process
        body = {"type": "deposit", "wallet_id": wallet, "amount": "5", "currency": "RWF"}
        late = await move(client, body, "late")
        problem = assert_problem(late, 503, "unavailable")
        assert problem["detail"] == "unknown: retry with the same key"
        assert late.headers["x-request-id"] == problem["request_id"]
        lock.release()
        again = await move(client, body, "late")
        assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
        assert (await client.get(f"/v1/wallets/{wallet}")).json()["ledger_balance"] == "5"


async def test_an_invalid_host_header_is_refused(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/v1/customers", headers={"Host": "a b"}), 400, "invalid_request")


async def test_requests_before_the_start_fail() -> None:
    async with client_of(create_app("memory://")) as client:
        assert_problem(await client.get("/v1/customers"), 503, "unavailable")


async def test_litestars_openapi_and_debug_mode_are_off(app: Litestar) -> None:
    assert app.openapi_config is None
    assert app.debug is False


async def test_another_app_can_be_mounted() -> None:
    async def console(scope: Any, receive: Any, send: Any) -> None:
        await scope["state"]["tekana"].check_ready()
        body = f"{scope['path']} for {scope['user'].subject}".encode()
        await HttpResponse(200, body, media_type="text/plain")(scope, receive, send)

    async with started_app(create_app("memory://", mounts={"/console": console})) as app, client_of(app) as client:
        for path in ("/console", "/console/", "/console/customers/7"):
            answer = await client.post(path)
            assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain")
            assert answer.headers["x-request-id"]
            assert answer.text.endswith(" for local")
        assert answer.text == "/console/customers/7 for local"
        assert (await client.get("/v1/customers")).json()["items"] == []
        assert (await client.get("/consoles")).status_code == 404


@pytest.mark.parametrize("kind", ["guards", "middleware"])
async def test_guards_and_middleware_are_in_front_of_every_route(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    async def guard(connection: Any, handler: Any) -> None:
        seen.append(connection.scope["path"])
        raise Forbidden("not today")

    def middleware_of(app: Any) -> Any:
        async def refuse(scope: Any, receive: Any, send: Any) -> None:
            await guard(SimpleNamespace(scope=scope), None)

        return refuse

    guarded = {"guards": [guard]} if kind == "guards" else {"middleware": [middleware_of]}
    monkeypatch.setattr("tekana_litestar.app.TekanaApp", partial(TekanaApp, **guarded))
    async with started_app(create_app("memory://")) as app, client_of(app) as client:
        paths = ["/v1/customers", f"/v1/wallets/{UNKNOWN_ID}", "/v1/events"]
        for path in paths:
            assert_problem(await client.get(path), 403, "forbidden")
        body = {"type": "deposit", "wallet_id": str(UNKNOWN_ID), "amount": "1", "currency": "RWF"}
        assert_problem(await move(client, body), 403, "forbidden")
    assert seen == [*paths, "/v1/transactions"]


async def test_a_caller_needs_the_scope_of_the_operation() -> None:
    async with started_app(create_app("memory://")) as app, client_of(app) as client:
        reader = KeyProperties("Reader", "operator", ("wallets:read",))
        issued = await create_api_key(app.state.tekana.as_caller(LOCAL_OPERATOR), reader)
        client.headers["Authorization"] = f"Bearer {issued.text}"
        assert (await client.get("/v1/wallets")).status_code == 200
        assert_problem(await client.get(f"/v1/wallets/{UNKNOWN_ID}"), 404, "not_found")
        for path in ("/v1/customers", "/v1/events"):
            assert_problem(await client.get(path), 403, "forbidden")
        assert_problem(await client.post("/v1/customers", json=registration()), 403, "forbidden")
        body = {"type": "deposit", "wallet_id": str(UNKNOWN_ID), "amount": "1", "currency": "RWF"}
        assert_problem(await move(client, body), 403, "forbidden")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, False),
        ("*/*", False),
        ("text/event-stream", True),
        ("text/html, */*;q=0.8", False),
        ("application/json;q=0.5, TEXT/Event-Stream", True),
        ("application/json, text/event-stream; q=0.1", True),
        ("text/event-stream;q=0", False),
        ("text/event-stream;q=0.000", False),
    ],
)
def test_the_accept_header_selects_the_format(accept: str | None, expected: bool) -> None:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    assert accepts(headers, "text/event-stream") is expected


async def test_a_cancelled_request_is_answered() -> None:
    sent: list[Any] = []

    async def hang(*_: Any) -> None:
        await asyncio.sleep(60)

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {"type": "http", "method": "POST", "path": "/", "headers": []}
    task = asyncio.create_task(middleware.Middleware(RequestLog(), Cors(()))(hang, scope, hang, send))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sent[0]["status"] == 503
