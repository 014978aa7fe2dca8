"""The event feed as Server-Sent Events from a real server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
import uvicorn
from litestar import Litestar

from tekana import LOCAL_OPERATOR, PageRequest, Settings, Unavailable
from tekana.ports.events import Events, FeedEvent
from tekana.ports.page import Page
from tekana_litestar import create_app, middleware, server_sent_events
from tekana_litestar.server import _config
from tekana_litestar.server_sent_events import Streams
from tests.integration.http_support import assert_problem, assert_whole, register
from tests.integration.http_support import both_stores as store_url
from tests.integration.test_http_server import _served, _store_url, _wait_until_ready, port
from tests.keys import BEARER, AppKey

__all__ = ["port", "store_url"]

PATIENCE = 20.0
STREAM = {"Accept": "text/event-stream"}


@contextlib.asynccontextmanager
async def serving(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """Run the app on a real server; yield a client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(_config(app, Settings(), None))
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
        life = asyncio.create_task(server.serve([listener]))
        try:
            async with asyncio.timeout(PATIENCE):
                while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                    await asyncio.sleep(0.01)
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            async with httpx.AsyncClient(base_url=address, timeout=PATIENCE, auth=AppKey(app)) as client:
                yield client
            await assert_whole(app.state.tekana)
        finally:
            server.should_exit = True
            await asyncio.wait_for(life, PATIENCE)


@pytest.fixture
async def app(store_url: str) -> Litestar:
    return create_app(store_url)


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(app) as made:
        yield made


class StreamReader:
    """A client's reader of a stream."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()

    async def block(self) -> dict[str, str]:
        """Return the fields of the next block; a comment has an empty name."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                if not line:
                    return fields
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
        raise EOFError

    async def event(self) -> dict[str, str]:
        while "data" not in (found := await self.block()):
            pass
        return found

    async def events(self, number: int) -> list[dict[str, str]]:
        return [await self.event() for _ in range(number)]


@contextlib.asynccontextmanager
async def following(client: httpx.AsyncClient, path: str = "/v1/events", **headers: str) -> AsyncIterator[StreamReader]:
    async with client.stream("GET", path, headers={**STREAM, **headers}) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"]
        yield StreamReader(answer)


async def feed(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await client.get("/v1/events?limit=200")).json()["items"]
    return items


async def test_a_stream_sends_past_and_new_events(client: httpx.AsyncClient) -> None:
    await register(client)
    before = await feed(client)
    async with following(client) as stream:
        received = await stream.events(len(before))
        await register(client)
        received += await stream.events(len(before))
    assert [json.loads(one["data"]) for one in received] == await feed(client)
    for one in received:
        event = json.loads(one["data"])
        assert (one["id"], one["event"]) == (event["cursor"], event["type"])


async def test_a_stream_continues_after_last_event_id(client: httpx.AsyncClient) -> None:
    await register(client)
    whole = await feed(client)
    first, later = whole[0]["cursor"], whole[1]["cursor"]
    async with following(client, f"/v1/events?after={first}") as stream:
        assert (await stream.event())["id"] == later
    headers = {"Last-Event-ID": later}  # takes precedence over the query, which a browser repeats unchanged
    async with following(client, f"/v1/events?after={first}", **headers) as stream:
        await register(client)
        assert (await stream.event())["id"] not in (first, later)
    assert (await feed(client))[2]["id"]


async def test_a_stream_sends_more_than_a_page(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tekana_litestar.server_sent_events.PAGE_SIZE_MAX", 2)
    for _ in range(4):
        await register(client)
    whole = await feed(client)
    async with following(client) as stream:
        assert [one["id"] for one in await stream.events(len(whole))] == [one["cursor"] for one in whole]


@pytest.mark.parametrize(
    ("path", "headers", "field"),
    [
        ("/v1/events?after=nonsense", {}, "after"),
        ("/v1/events", {"Last-Event-ID": "nonsense"}, "Last-Event-ID"),
        ("/v1/events?limit=5", {}, "limit"),
    ],
)
async def test_an_invalid_start_of_a_stream_is_refused(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], field: str
) -> None:
    assert_problem(await client.get(path, headers=STREAM | headers), 400, "invalid_request", field)


async def test_head_on_a_stream_has_no_body(client: httpx.AsyncClient) -> None:
    answer = await client.head("/v1/events", headers=STREAM)
    assert (answer.status_code, answer.content) == (200, b"")


async def test_an_idle_stream_sends_comments(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_sent_events, "_HEARTBEAT", 0.1)
    monkeypatch.setattr(server_sent_events, "_LOOK", 0.05)
    async with following(client) as stream:
        assert [await stream.block() for _ in range(4)] == [{"": ""}] * 4


async def test_streams_outlive_the_request_deadline(monkeypatch: pytest.MonkeyPatch, store_url: str) -> None:
    monkeypatch.setattr(middleware, "REQUEST_TIMEOUT_SECONDS", 2.0)
    async with serving(create_app(store_url)) as client, following(client) as stream:
        await asyncio.sleep(2.5)
        await register(client)
        assert (await stream.event())["event"] == "CustomerRegistered"


async def test_a_worker_limits_the_number_of_streams(
    app: Litestar, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_sent_events, "MOST_STREAMS", 2)
    async with following(client), following(client):
        refused = await client.get("/v1/events", headers=STREAM)
        assert assert_problem(refused, 503, "unavailable")["detail"] == "2 clients follow the events here already"
        assert refused.headers["retry-after"] == "5"
        assert (await client.get("/v1/events")).status_code == 200
    async with asyncio.timeout(PATIENCE):
        while app.state.streams._served:  # noqa: ASYNC110 - the server notices when it next looks
            await asyncio.sleep(0.02)
    async with following(client):
        pass


async def test_streams_at_the_end_share_one_read(
    app: Litestar, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(client)
    events = app.state.tekana.as_caller(LOCAL_OPERATOR).events
    read, list_events = [], events.list

    async def counted(page: PageRequest) -> Page[FeedEvent]:
        read.append(page.cursor)
        await asyncio.sleep(0.05)
        found: Page[FeedEvent] = await list_events(page)
        return found

    counting = cast("Events", SimpleNamespace(list=counted))
    streams: Streams = app.state.streams
    shared = [asyncio.create_task(streams.read(tenant, counting, None)) for tenant in ["main"] * 50 + ["other"] * 5]
    assert len({tuple(one) for one in await asyncio.gather(*shared)}) == 1
    assert read == [None, None]


async def test_a_stream_survives_a_store_outage(
    app: Litestar, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_sent_events, "_LOOK", 0.02)
    await register(client)
    before, failures, store = len(await feed(client)), iter(range(3)), app.state.tekana._store
    list_events = store.events(LOCAL_OPERATOR).list

    async def failing(page: PageRequest) -> Page[FeedEvent]:
        if next(failures, None) is not None:
            raise Unavailable("away")
        found: Page[FeedEvent] = await list_events(page)
        return found

    async with following(client) as stream:
        await stream.events(before)
        monkeypatch.setattr(store, "events", lambda _: SimpleNamespace(list=failing))
        await register(client)
        await stream.event()


@pytest.mark.parametrize("workers", [1, 2])
def test_streams_end_when_the_server_stops(
    tmp_path: Any, port: int, workers: int, request: pytest.FixtureRequest
) -> None:
    with _served(tmp_path, port, workers, _store_url(workers, request)) as process:
        _wait_until_ready(port, process)
        with httpx.stream(
            "GET", f"http://127.0.0.1:{port}/v1/events", headers=STREAM | BEARER, timeout=PATIENCE
        ) as answer:
            chunks = answer.iter_bytes()
            assert next(chunks) == b":\n\n"
            process.send_signal(signal.SIGTERM)
            assert list(chunks) == []  # and no error, as the response ends properly
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (0, "ended\n", "")
