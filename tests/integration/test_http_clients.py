"""Clients generated from the OpenAPI document compile, work, and accept later additions."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tekana_litestar.openapi import document
from tests.integration.http_support import app, client, registration, store_url, wallet_with
from tests.tools import run_tool

__all__ = ["app", "client", "store_url"]

DOCUMENT: dict[str, Any] = json.loads(document())

TYPESCRIPT = ("openapi-typescript@7.13.0", "typescript@5.9.3")

USE = """
import type { components, paths, webhooks } from "./api";

type Event = components["schemas"]["Event"];
type Registration = paths["/v1/customers"]["post"]["requestBody"]["content"]["application/json"];
type Delivered = webhooks["event"]["post"]["requestBody"]["content"]["application/json"];

export const registration: Registration = { full_name: "A", email: "a@example.com", phone_number: "+250788123456" };
export const eventType: Event["type"] = "SomethingNew";
export const aggregate: Event["aggregate"] = "something new";
export const status: components["schemas"]["Transaction"]["status"] = "something new";
export const movement: components["schemas"]["DepositFunds"] = {
  type: "deposit", wallet_id: "w", amount: "1", currency: "RWF",
};
export function amountOf(event: Delivered): string {
  return "amount" in event.data ? String(event.data.amount) : "none";
}
"""

# It does not know the type of the audit log's export, which has one JSON object on each line.
CONFIG = """
post_hooks: []
content_type_overrides:
  application/x-ndjson: application/octet-stream
"""


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return the package that openapi-python-client generates."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_bytes(document())
    (folder / "config.yml").write_text(CONFIG)
    words = ["generate", "--meta", "none", "--fail-on-warning"]
    files = ["--path", "openapi.json", "--output-path", "generated_tekana", "--config", "config.yml"]
    done = run_tool("openapi_python_client", *words, *files, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    compiled = subprocess.run(
        [sys.executable, "-W", "error", "-m", "compileall", "-q", str(folder / "generated_tekana")], check=False
    )
    assert compiled.returncode == 0
    sys.path.insert(0, str(folder))
    yield importlib.import_module("generated_tekana.models")
    sys.path.remove(str(folder))


def as_sent(read: Any) -> Any:
    """Convert a parsed object back to JSON, with times in tekana's format."""
    return json.loads(json.dumps(read.to_dict()).replace('+00:00"', 'Z"'))


async def test_the_python_client_parses_every_response(client: httpx.AsyncClient, generated: Any) -> None:
    wallet = await wallet_with(client, "100")
    for path, name in [
        ("/v1/customers", "CustomerPage"),
        (f"/v1/wallets/{wallet}", "Wallet"),
        ("/v1/transactions", "TransactionPage"),
        ("/v1/events?limit=200", "EventPage"),
    ]:
        answer = (await client.get(path)).json()
        assert as_sent(getattr(generated, name).from_dict(answer)) == answer


async def test_the_python_client_accepts_additions(client: httpx.AsyncClient, generated: Any) -> None:
    await wallet_with(client, "100")
    page = (await client.get("/v1/events?limit=200")).json()
    for event in page["items"]:
        event |= {"type": "SomethingNew", "aggregate": "something new", "new_field": 1}
        event["data"] |= {"new_field": {"deep": True}}
    page["items"][0]["data"] = {"nothing": "that is known"}
    read = generated.EventPage.from_dict(page)
    assert [one.type_ for one in read.items] == ["SomethingNew"] * len(page["items"])
    assert as_sent(read) == page
    transaction = (await client.get("/v1/transactions")).json()["items"][0]
    assert generated.Transaction.from_dict(transaction | {"status": "something new"}).status == "something new"


def test_optional_fields_can_be_omitted(generated: Any) -> None:
    body = registration()
    assert generated.RegisterCustomer(**body).to_dict() == body


def test_the_data_of_an_event_have_the_class_of_its_type(generated: Any) -> None:
    [example] = DOCUMENT["components"]["schemas"]["Event"]["properties"]["data"]["examples"]
    event = {
        name: schema["examples"][0] for name, schema in DOCUMENT["components"]["schemas"]["Event"]["properties"].items()
    }
    read = generated.Event.from_dict(event)
    assert type(read.data).__name__.startswith("Funds")
    assert read.data.amount == example["amount"]


@pytest.mark.skipif(shutil.which("npm") is None, reason="not here: npm")
def test_the_typescript_client_compiles(tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_bytes(document())
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / "use.ts").write_text(USE)
    if _run(tmp_path, "npm", "install", "--silent", "--no-audit", "--no-fund", *TYPESCRIPT).returncode:
        pytest.skip("npm finds no registry here")
    made = _run(tmp_path, "npx", "--no-install", "openapi-typescript", "openapi.json", "-o", "api.d.ts")
    assert made.returncode == 0, made.stdout + made.stderr
    compiled = _run(tmp_path, "npx", "--no-install", "tsc", "--noEmit", "--strict", "--target", "es2022", "use.ts")
    assert compiled.returncode == 0, compiled.stdout + compiled.stderr


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=180)


def test_optional_fields_do_not_default_to_null() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        assert [name for name, one in schema.get("properties", {}).items() if one.get("default", "") is None] == []


def test_response_schemas_allow_additional_fields() -> None:
    operations = [one for methods in DOCUMENT["paths"].values() for one in methods.values()]
    sent = set(re.findall(r"schemas/(\w+)", json.dumps([one.get("requestBody") for one in operations])))
    closed = {name for name, one in DOCUMENT["components"]["schemas"].items() if '"enum"' in json.dumps(one)}
    assert {"DepositFunds", "Freeze"} <= sent & closed
    assert closed - sent == {"BatchResult"}  # its statuses are those of HTTP
