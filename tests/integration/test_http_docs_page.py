"""The documentation page: all assets come from this server, and requests can be sent from it."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from tekana import Settings
from tekana_litestar import create_app
from tests.integration.http_support import app, client, store_url
from tests.keys import KEY_FILE, OPERATOR_KEY

__all__ = ["app", "client", "store_url"]

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)

needs_browser = pytest.mark.skipif(
    not CHROMIUM.exists() or importlib.util.find_spec("playwright") is None,
    reason="not here: chromium or playwright",
)


async def test_the_page_loads_only_local_assets(client: httpx.AsyncClient) -> None:
    root = await client.get("/")
    assert (root.status_code, root.headers["location"]) == (302, "/api")
    page = await client.get("/api")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "http" not in policy
    for rule in ("default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"):
        assert rule in policy
    assert "//" not in page.text.replace("<!doctype", "")
    for name in ("scalar-api-reference.js", "page.js", "icon.svg"):
        assert f"/api/{name}" in page.text
        asset = await client.get(f"/api/{name}")
        assert asset.status_code == 200
        assert asset.headers["x-content-type-options"] == "nosniff"
        assert asset.headers["cache-control"] == "max-age=3600"


def test_the_vendored_assets_have_their_licence() -> None:
    spec = importlib.util.find_spec("tekana_litestar")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).with_name("docs_page")
    licence = (folder / "LICENSE-scalar").read_text()
    assert "MIT License" in licence
    assert "@scalar/api-reference" in licence


@pytest.fixture
def served() -> Iterator[str]:
    """Run a real server in a separate thread; yield its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        create_app(Settings(database_url="memory://", key_file=str(KEY_FILE))),
        log_level="warning",
        access_log=False,
        lifespan="on",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


@needs_browser
async def test_requests_can_be_sent_from_the_page(served: str, tmp_path: Path) -> None:
    from playwright.async_api import async_playwright  # noqa: PLC0415 - may be missing

    asked: list[str] = []
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS.split())
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))

        await page.goto(f"{served}/api#key={OPERATOR_KEY}")  # as `tekana serve` prints it
        customer = await _try(page, served, "customers/POST/v1/customers", "post /v1/customers")
        assert customer["status"] == 201
        assert complaints == []
        wallet = customer["body"]["wallets"][0]["id"]

        body = f'{{"type": "deposit", "wallet_id": "{wallet}", "amount": "1500", "currency": "RWF"}}'
        deposit = await _try(page, served, "transactions/POST/v1/transactions", "post /v1/transactions", body)
        assert deposit["status"] == 201
        assert deposit["body"]["amount"] == "1500"
        assert deposit["sent"]["idempotency-key"].startswith("order-1001-")
        await page.screenshot(path=str(tmp_path / "try-it.png"))
        await browser.close()

    assert complaints == []
    assert [url for url in asked if not url.startswith((f"{served}/", "data:", "blob:"))] == []


@needs_browser
async def test_a_typed_key_is_used_for_the_examples_too(served: str) -> None:
    """Without a key the page asks for nothing; with a typed one, it replaces the identifiers of the examples."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - may be missing

    person = {"full_name": "Aline Uwase", "email": "aline@example.com", "phone_number": "+250788123456"}
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {OPERATOR_KEY}"}) as client:
        assert (await client.post(f"{served}/v1/customers", json=person)).status_code == 201
    asked: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS.split())
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        page.on("request", lambda request: asked.append(httpx.URL(request.url).path))
        await page.goto(f"{served}/api#tag/customers/GET/v1/customers/{{customer_id}}")
        await page.get_by_role("button", name="Test Request (get /v1/customers/{customer_id})").click()
        assert [path for path in asked if path.startswith("/v1/")] == []
        token = page.get_by_role("dialog").get_by_text("Bearer Token")
        await token.locator("xpath=following::*[@contenteditable='true' or self::input][1]").click()
        await page.keyboard.insert_text(OPERATOR_KEY)
        async with page.expect_response(re.compile(r"/v1/customers/[^/?]+$")) as waiting:
            await page.get_by_role("button", name="Send").first.click()
        assert (await waiting.value).status == 200

        sign_in = '{"grant_type": "password", "phone_number": "+250788123456", "password": "739184"}'
        await page.goto("about:blank")
        await page.goto(f"{served}/api#tag/sign-in/POST/v1/auth/token")
        await page.get_by_role("button", name="Test Request (post /v1/auth/token)").click()
        editor = page.get_by_role("dialog").locator(".cm-content[contenteditable=true]").last
        await editor.click()
        await page.keyboard.press("Control+A")
        await page.keyboard.insert_text(sign_in)
        async with page.expect_request(f"{served}/v1/auth/token") as sent:
            await page.get_by_role("button", name="Send").first.click()
        assert (await sent.value).post_data == sign_in  # the phone number of an existing customer is sent as typed
        await browser.close()


FIRST_CLICKS = [  # in this order on an empty ledger: each one finds what it needs
    ("customers/POST/v1/customers", "post /v1/customers", 201),
    ("customers/POST/v1/customers", "post /v1/customers", 201),
    ("transactions/POST/v1/transactions", "post /v1/transactions", 201),
    ("transactions/POST/v1/transactions", "post /v1/transactions", 201),
    ("transactions/POST/v1/batches", "post /v1/batches", 207),
    ("events/GET/v1/events", "get /v1/events", 200),
    ("customers/GET/v1/customers", "get /v1/customers", 200),
    ("customers/GET/v1/customers/{customer_id}", "get /v1/customers/{customer_id}", 200),
    ("customers/PATCH/v1/customers/{customer_id}", "patch /v1/customers/{customer_id}", 200),
    ("customers/POST/v1/customers/{customer_id}/verify", "post /v1/customers/{customer_id}/verify", 200),
    ("wallets/POST/v1/wallets", "post /v1/wallets", 201),
    ("wallets/GET/v1/wallets/{wallet_id}/entries", "get /v1/wallets/{wallet_id}/entries", 200),
    ("wallets/GET/v1/wallets/{wallet_id}/balance", "get /v1/wallets/{wallet_id}/balance", 200),
    ("transactions/GET/v1/transactions/{transaction_id}", "get /v1/transactions/{transaction_id}", 200),
    ("wallets/POST/v1/wallets/{wallet_id}/freeze", "post /v1/wallets/{wallet_id}/freeze", 200),
]


@needs_browser
@pytest.mark.timeout(300)
async def test_example_requests_succeed_unchanged(served: str) -> None:
    from playwright.async_api import async_playwright  # noqa: PLC0415 - may be missing

    keys = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS.split())
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        await page.goto(f"{served}/api#key={OPERATOR_KEY}")
        for place, operation, status in FIRST_CLICKS:
            answer = await _send(page, place, operation)
            assert answer.status == status, (operation, await answer.text())
            keys.append((await answer.request.all_headers()).get("idempotency-key"))
        await browser.close()
    given = [key for key in keys if key]
    assert len(given) == len(set(given)) == 3


async def _send(page: Any, place: str, operation: str) -> Any:
    """Go to an operation by its link, and send its example request; return the response."""
    await page.evaluate("place => { location.hash = `#tag/${place}` }", place)
    await page.get_by_role("button", name=f"Test Request ({operation})").click()
    send = page.get_by_role("button", name="Send").first
    await send.wait_for()
    method, _, path = operation.partition(" ")
    pattern = re.compile(re.sub(r"{\w+}", "[^/]+", path))

    def is_response(answer: Any) -> bool:
        asked = answer.request.method.lower() == method and pattern.fullmatch(httpx.URL(answer.url).path) is not None
        return asked and "limit=200" not in answer.url  # sent by the page itself

    async with page.expect_response(is_response) as waiting:
        await send.click()
    await page.keyboard.press("Escape")
    await send.wait_for(state="hidden")
    return await waiting.value


async def _try(page: Any, served: str, place: str, operation: str, body: str | None = None) -> dict[str, Any]:
    """Open an operation and send it; return the status, the request headers and the response body."""
    await page.goto("about:blank")
    await page.goto(f"{served}/api#tag/{place}")
    await page.get_by_role("button", name=f"Test Request ({operation})").click()
    send = page.get_by_role("button", name="Send").first
    await send.wait_for()
    if body is not None:
        editor = page.get_by_role("dialog").locator(".cm-content[contenteditable=true]").last
        await editor.click()
        await page.keyboard.press("Control+A")
        await page.keyboard.insert_text(body)
    path = operation.partition(" ")[2]
    async with page.expect_response(
        lambda answer: answer.request.method == "POST" and httpx.URL(answer.url).path == path
    ) as waiting:
        await send.click()
    answer = await waiting.value
    await page.get_by_text("201 Created").first.wait_for()
    return {"status": answer.status, "sent": await answer.request.all_headers(), "body": await answer.json()}
