"""Hot routes return the same bytes as the routes of Litestar: each request is sent to both."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar

from tekana import LOCAL_OPERATOR, KeyProperties, Overloaded, Unavailable, create_api_key
from tekana_litestar import create_app, middleware
from tekana_litestar.protocol import HotRequest, HotRoute, HotRoutes, HttpProtocol, limits
from tekana_litestar.responses import HttpResponse
from tekana_memory import MemoryStore
from tests.integration.http_support import UNKNOWN_ID, assert_whole
from tests.integration.http_support import both_stores as store_url
from tests.integration.raw_http import Peer, Response, balance, connected, deposit, listening, new_wallet, request
from tests.keys import OPERATOR_KEY

__all__ = ["store_url"]


def counting(app: Litestar) -> list[bytes]:
    """Record the paths that an app serves as hot routes."""
    served: list[bytes] = []
    find = app.hot_routes.find  # type: ignore[attr-defined]

    def find_and_record(method: bytes, url: bytes, headers: Any) -> Any:
        found = find(method, url, headers)
        if found is not None:
            served.append(url)
        return found

    app.hot_routes.find = find_and_record  # type: ignore[attr-defined]
    return served


class BothRoutes:
    """Two servers over the same core, one with and one without hot routes."""

    def __init__(self, hot: Peer, cold: Peer, served_hot: list[bytes]) -> None:
        self.hot = hot
        self.cold = cold
        self.served_hot = served_hot

    async def same(self, sent: bytes, *, is_hot: bool, head_only: bool = False) -> Response:
        """Send the request to both servers and compare. Requests have a key, so the second response is a replay."""
        before = len(self.served_hot)
        await self.cold.send(sent)
        cold = await self.cold.receive(head_only=head_only)
        await self.cold.send(sent)
        cold_again = await self.cold.receive(head_only=head_only)
        await self.hot.send(sent)
        hot = await self.hot.receive(head_only=head_only)
        assert (len(self.served_hot) > before) == is_hot, sent
        assert comparable(hot) == comparable(cold_again), sent
        assert hot.status == cold.status
        return hot


def comparable(one: Response) -> tuple[bytes, bytes]:
    """Return the response without its date and generated ids, which differ between two responses."""
    head = re.sub(rb"(?m)^date: .*$", b"date", one.head)
    made_up = one.headers["x-request-id"].encode()
    return head.replace(made_up, b"id"), one.body.replace(made_up, b"id")


@contextlib.asynccontextmanager
async def both_routes(app: Litestar, other: Litestar) -> AsyncIterator[BothRoutes]:
    served = counting(app)
    async with listening(app) as hot_port:
        other.state.tekana = app.state.tekana  # both servers share one core
        async with listening(other) as cold_port:
            other.state.tekana = app.state.tekana
            async with connected(hot_port) as hot, connected(cold_port) as cold:
                yield BothRoutes(hot, cold, served)


@pytest.fixture
async def both(store_url: str) -> AsyncIterator[BothRoutes]:
    app, other = create_app(store_url), create_app("memory://")
    other.hot_routes = HotRoutes()  # type: ignore[attr-defined]
    async with both_routes(app, other) as made:
        yield made
        await assert_whole(app.state.tekana)


async def new_wallet_on(both: BothRoutes) -> str:
    body = {"full_name": "A B", "email": "a@example.com", "phone_number": "+250788123456"}
    answer = await both.hot.ask(request("POST", "/v1/customers", json.dumps(body).encode()))
    wallet: str = answer.json()["wallets"][0]["id"]
    return wallet


def move(body: bytes, key: str = "key", **headers: str) -> bytes:
    return request("POST", "/v1/transactions", body, Idempotency_Key=key, **headers)


async def test_hot_routes_return_the_same_responses(both: BothRoutes) -> None:
    wallet = await new_wallet_on(both)
    good = deposit(wallet)
    withdrawal = json.dumps({"type": "withdrawal", "wallet_id": wallet, "amount": "99", "currency": "RWF"}).encode()
    transfer = {"type": "transfer", "from_wallet_id": wallet, "to_wallet_id": wallet, "amount": "1", "currency": "RWF"}
    hot: list[tuple[int, bytes]] = [
        (201, move(good)),
        (201, move(good, X_Request_ID="mine")),
        (201, move(good, X_Request_ID="not valid")),
        (201, move(good, Connection="keep-alive")),
        (201, move(deposit(wallet, metadata={"b": "1", "a": 2, "c": None}, description="d", reference="r"), "second")),
        (422, move(withdrawal, "refused")),
        (422, move(withdrawal)),
        (422, move(json.dumps(transfer).encode(), "same wallet")),
        (404, move(deposit(UNKNOWN_ID), "unknown")),
        (422, move(deposit(wallet, currency="USD", amount="5.00"), "currency")),
        (400, move(b"{", "broken")),
        (400, move(b"[]", "list")),
        (400, move(b"\xff", "utf-8")),
        (400, move(b'{"type":"deposit","type":"deposit"}', "twice")),
        (400, move(good.replace(b"{", b'{"amount":"4",', 1), "twice")),
        (400, move(deposit(wallet, amount="-5"), "negative")),
        (400, move(deposit(wallet, amount="5.5"), "decimals")),
        (400, move(deposit(wallet, more=1), "unknown")),
        (400, move(deposit("x"), "uuid")),
        (400, move(deposit(wallet.replace("-", "")), "odd uuid")),
        (400, move(good.replace(b'"deposit"', b'"gift"'), "type")),
        (400, move(b"[" * 5_000, "nested")),
        (400, move(b"{}" + b" " * 65_000, "blanks")),
        (200, request("GET", f"/v1/wallets/{wallet}")),
        (404, request("GET", f"/v1/wallets/{UNKNOWN_ID}")),
    ]
    for status, sent in hot:
        assert (await both.same(sent, is_hot=True)).status == status, sent


async def test_unusual_requests_go_through_litestar(both: BothRoutes) -> None:
    wallet = await new_wallet_on(both)
    good = deposit(wallet)
    cold: list[tuple[int, bytes]] = [
        (404, request("POST", "/v1/transactions?dry_run=true", deposit(UNKNOWN_ID))),
        (400, request("POST", "/v1/transactions?x=1", good, Idempotency_Key="key")),
        (201, request("POST", "/v1/transactions/", good, Idempotency_Key="key")),
        (201, request("POST", "/v1/%74ransactions", good, Idempotency_Key="key")),
        (400, request("POST", "/v1/transactions", good)),
        (400, move(good, key="")),
        (400, move(good, key="k" * 256)),
        (400, move(good, key="\x80")),
        (400, move(good).replace(b"Host: ", b"Idempotency-Key: other\r\nHost: ")),
        (400, move(good).replace(b"Host: tekana.test", b"Host: a b")),
        (400, move(good).replace(b"Host: tekana.test\r\n", b"")),
        (400, move(good).replace(b"Host: ", b"Host: tekana.test\r\nHost: ")),
        (415, move(good).replace(b"application/json", b"text/plain")),
        (201, move(good).replace(b"application/json", b"application/json; charset=utf-8")),
        (400, request("POST", "/v1/transactions", b"", Idempotency_Key="key", Content_Type="application/json",
                      Content_Length="0").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked") + b"0\r\n\r\n"),
        (413, move(b" " * 65_537)),
        (201, move(good, Expect="100-continue")),
        (404, request("GET", f"/v1/wallets/{UNKNOWN_ID}/nothing")),
        (400, request("GET", "/v1/wallets/x")),
        (200, request("GET", f"/v1/wallets/{wallet.upper()}")),
        (400, request("GET", f"/v1/wallets/{wallet}?x=1")),
        (200, request("GET", f"/v1/wallets/{wallet}", Accept="text/html")
            .replace(b"Accept", b"Content-Length: 2\r\nAccept") + b"{}"),
        (405, request("DELETE", f"/v1/wallets/{wallet}")),
    ]  # fmt: skip
    for status, sent in cold:
        assert (await both.same(sent, is_hot=False)).status == status, sent
    head = await both.same(request("HEAD", f"/v1/wallets/{wallet}"), is_hot=False, head_only=True)
    assert (head.status, head.body) == (200, b"")


@pytest.mark.parametrize("line", [b"Connection: close\r\n", b"HTTP/1.0"])
async def test_connection_close_is_honoured(both: BothRoutes, line: bytes) -> None:
    sent = move(deposit(await new_wallet_on(both)))
    sent = sent.replace(b"HTTP/1.1", line) if line == b"HTTP/1.0" else sent.replace(b"Host:", line + b"Host:")
    await both.cold.send(sent)
    cold = await both.cold.receive()
    assert await both.cold.read_to_end() == b""
    await both.hot.send(sent)
    hot = await both.hot.receive()
    assert await both.hot.read_to_end() == b""
    assert cold.body == hot.body
    assert hot.headers["connection"] == cold.headers["connection"] == "close"
    assert len(both.served_hot) == (0 if line == b"HTTP/1.0" else 1)


_FIELDS = {
    "type": st.sampled_from(["deposit", "withdrawal", "transfer", "gift", None, 1]),
    "wallet_id": st.sampled_from(["WALLET", str(UNKNOWN_ID), "x", None, 5]),
    "from_wallet_id": st.sampled_from(["WALLET", str(UNKNOWN_ID)]),
    "to_wallet_id": st.sampled_from(["WALLET", str(UNKNOWN_ID)]),
    "amount": st.sampled_from(["1", "0", "-1", "1.5", "1e3", "9" * 30, 1, None]) | st.text(max_size=5),
    "currency": st.sampled_from(["RWF", "USD", "rwf", "", None]),
    "description": st.none() | st.text(max_size=20),
    "metadata": st.none() | st.dictionaries(st.text(max_size=5), st.none() | st.text(max_size=5) | st.integers()),
    "x": st.none(),
}


async def test_fuzzed_bodies_get_the_same_responses(both: BothRoutes) -> None:
    wallet = await new_wallet_on(both)
    loop = asyncio.get_running_loop()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.fixed_dictionaries({}, optional=_FIELDS), st.booleans(), st.binary(max_size=3))
    def compare(fields: dict[str, Any], escape: bool, tail: bytes) -> None:
        body = json.dumps(fields, ensure_ascii=escape).encode("utf-8", "surrogatepass")
        body = body.replace(b"WALLET", wallet.encode()) + tail.strip(b"\r\n")
        sent = move(body, key=f"fuzz-{hash(body)}")
        asyncio.run_coroutine_threadsafe(both.same(sent, is_hot=True), loop).result(20)

    await asyncio.to_thread(compare)


class StalledStore(MemoryStore):
    """A store whose units of work fail or never begin."""

    error: BaseException | None = None

    def begin(self) -> Any:
        if self.error is not None:
            raise self.error
        return super().begin()


async def test_overload_pauses_the_connection_on_hot_routes() -> None:
    store = MemoryStore()
    app, other = create_app(store=store), create_app("memory://")
    other.hot_routes = HotRoutes()  # type: ignore[attr-defined]
    async with both_routes(app, other) as both:
        wallet = await new_wallet_on(both)
        await app.state.tekana._engine.stop()
        answer = await both.same(move(deposit(wallet)), is_hot=True)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert (await both.hot.ask(request("GET", f"/v1/wallets/{wallet}"))).status == 200
        assert loop.time() - began > 0.8


async def test_store_errors_return_503_and_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    store = StalledStore()
    app, other = create_app(store=store), create_app("memory://")
    other.hot_routes = HotRoutes()  # type: ignore[attr-defined]
    async with both_routes(app, other) as both:
        wallet = await new_wallet_on(both)
        for error in (Unavailable("down"), RuntimeError("secret")):
            store.error = error
            answer = await both.same(move(deposit(wallet)), is_hot=True)
            assert (answer.status, answer.json()["detail"]) == (503, "unknown: retry with the same key")
            assert b"secret" not in answer.body
        store.error = None
        assert (await both.same(move(deposit(wallet)), is_hot=True)).status == 201


async def test_a_hot_response_after_the_deadline_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "REQUEST_TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(limits, "CHECK_INTERVAL_SECONDS", 0.1)
    store = MemoryStore()
    app = create_app(store=store)
    async with listening(app) as port:
        wallet = await new_wallet(port)
        async with connected(port) as peer:
            await store._lock.acquire()
            late = await peer.ask(move(deposit(wallet)))
            assert (late.status, late.json()["detail"]) == (503, "unknown: retry with the same key")
            store._lock.release()
            again = await peer.ask(move(deposit(wallet)))  # the command was executed, and its late response was dropped
            assert (again.status, again.headers["idempotency-replayed"]) == (201, "true")
        assert await balance(port, wallet) == "5"


async def test_a_disconnect_does_not_cancel_the_command() -> None:
    store = MemoryStore()
    app = create_app(store=store)
    async with listening(app) as port:
        wallet = await new_wallet(port)
        await store._lock.acquire()
        async with connected(port) as peer:
            await peer.send(move(deposit(wallet)))
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.1)
        store._lock.release()
        await asyncio.sleep(0.1)
        assert await balance(port, wallet) == "5"


async def test_pipelined_requests_wait_for_a_hot_one() -> None:
    store = MemoryStore()
    app = create_app(store=store)
    async with listening(app) as port:
        wallet = await new_wallet(port)
        async with connected(port) as peer:
            await store._lock.acquire()
            await peer.send(move(deposit(wallet)), request("GET", f"/v1/wallets/{wallet}"), b"nonsense\r\n\r\n")
            assert await peer.is_silent()
            store._lock.release()
            assert (await peer.receive()).status == 201
            assert (await peer.receive()).json()["ledger_balance"] == "5"
            assert (await peer.receive()).status == 400


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many requests hot routes handle together, each time that they do."""
    sizes: list[int] = []
    handle = HotRoute._handle

    def count_and_handle(route: HotRoute, requests: Sequence[HotRequest]) -> None:
        sizes.append(len(requests))
        handle(route, requests)

    monkeypatch.setattr(HotRoute, "_handle", count_and_handle)
    return sizes


async def test_requests_that_are_handled_together_are_answered_each_for_itself(sizes: list[int]) -> None:
    app = create_app("memory://")
    async with listening(app) as port:
        wallet = await new_wallet(port)
        async with contextlib.AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(connected(port)) for _ in range(30)]
            bodies = (deposit(wallet), b"{", deposit(UNKNOWN_ID))
            await asyncio.gather(*(one.send(move(bodies[n % 3], f"key-{n}")) for n, one in enumerate(peers)))
            answers = [await one.receive() for one in peers]
        assert [one.status for one in answers] == [201, 400, 404] * 10
        assert await balance(port, wallet) == "50"
    assert max(sizes) > 1
    assert sum(sizes) == 31  # with the read of the balance


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_caller_that_is_refused_does_not_affect_requests_that_are_handled_together(
    sizes: list[int], method: str
) -> None:
    app = create_app("memory://")
    async with listening(app) as port:
        wallet = await new_wallet(port)
        operator = app.state.tekana.as_caller(LOCAL_OPERATOR)
        issued = await create_api_key(operator, KeyProperties("No money", "operator", ("keys:read",)))
        assert issued.text is not None
        await app.state.tekana.authenticator.authenticate(issued.text)
        async with contextlib.AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(connected(port)) for _ in range(30)]
            sent = [one_request(method, wallet, n, issued.text if n % 3 else OPERATOR_KEY) for n in range(30)]
            await asyncio.gather(*(peer.send(one) for peer, one in zip(peers, sent, strict=True)))
            answers = [await one.receive() for one in peers]
        assert [one.status for one in answers] == [201 if method == "POST" else 200, 403, 403] * 10
    assert max(sizes) > 1


def one_request(method: str, wallet: str, number: int, key: str | None) -> bytes:
    if method == "POST":
        return move(deposit(wallet), f"key-{number}", Authorization=f"Bearer {key}")
    return request("GET", f"/v1/wallets/{wallet}", Authorization=f"Bearer {key}")


async def test_an_unexpected_error_of_a_handler_is_answered_to_all_of_its_requests() -> None:
    app = create_app("memory://")

    def fail(_: Sequence[HotRequest]) -> None:
        raise RuntimeError("secret")

    async with listening(app) as port:
        wallet = await new_wallet(port)
        app.hot_routes._routes[b"/v1/transactions"].handle = fail  # type: ignore[attr-defined]
        async with connected(port) as first, connected(port) as second:
            await asyncio.gather(first.send(move(deposit(wallet))), second.send(move(deposit(wallet), "other")))
            for peer in (first, second):
                answer = await peer.receive()
                assert (answer.status, answer.json()["detail"]) == (503, "unknown: retry with the same key")


async def test_an_app_that_is_started_again_serves_its_new_core() -> None:
    app = create_app("memory://")
    for _ in range(2):
        async with listening(app) as port:
            wallet = await new_wallet(port)
            async with connected(port) as peer:
                assert (await peer.ask(move(deposit(wallet)))).status == 201


async def test_a_full_queue_returns_its_overload_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app("memory://")
    async with listening(app) as port:
        wallet = await new_wallet(port)

        def full(_: Any) -> Any:
            raise Overloaded("too many requests are waiting: nothing was done, try again")

        monkeypatch.setattr(app.state.tekana._engine, "enqueue", full)
        async with connected(port) as peer:
            answer = await peer.ask(move(deposit(wallet)))
            assert (answer.status, answer.json()["detail"][:8]) == (503, "too many")


async def test_a_response_that_cannot_be_sent_does_not_delay_others(
    sizes: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    send_answer = HttpProtocol.send_answer

    def fail_for_some(protocol: HttpProtocol, request: HotRequest, answer: HttpResponse) -> None:
        if request.id.startswith("broken"):
            raise RuntimeError("cannot be sent")
        send_answer(protocol, request, answer)

    monkeypatch.setattr(HttpProtocol, "send_answer", fail_for_some)
    app = create_app("memory://")
    async with listening(app) as port:
        wallet = await new_wallet(port)
        async with contextlib.AsyncExitStack() as stack:
            peers = [await stack.enter_async_context(connected(port)) for _ in range(12)]
            # One answer that is made, and one problem, cannot be sent; the others were received with them.
            names = ["broken-1" if n == 1 else "broken-2" if n == 5 else f"sound-{n}" for n in range(12)]
            bodies = [b"{" if n == 5 else deposit(wallet) for n in range(12)]
            sent = [move(body, name, X_Request_ID=name) for body, name in zip(bodies, names, strict=True)]
            await asyncio.gather(*(peer.send(one) for peer, one in zip(peers, sent, strict=True)))
            for peer, name in zip(peers, names, strict=True):
                if name.startswith("broken"):
                    assert await peer.read_to_end(5) == b""  # the connection is closed: the client repeats the request
                else:
                    assert (await peer.receive()).status == 201
        assert await balance(port, wallet) == "55"
    assert max(sizes) > 1
    failures = [one.getMessage() for one in caplog.records if one.name == "tekana.http.protocol"]
    # The log limits repeated messages, so only the first failure is certain to be there.
    assert failures[0] in [f"request broken-{n}: its response could not be sent" for n in (1, 2)]
