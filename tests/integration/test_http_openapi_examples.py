"""The examples of the OpenAPI document show what the app answers."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from tekana_litestar.openapi import document
from tests.integration.http_support import app, client, move, store_url

__all__ = ["app", "client", "store_url"]

PATHS: dict[str, Any] = json.loads(document())["paths"]


def example_of_body(operation: Any) -> Any:
    """Return the only example of the body of an operation."""
    [example] = operation["requestBody"]["content"]["application/json"]["examples"].values()
    return example["value"]


def without_identity(value: Any) -> Any:
    """Return an answer without what differs from request to request: identifiers and times."""
    if isinstance(value, list):
        return [without_identity(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: without_identity(one)
        for name, one in value.items()
        if not re.search(r"(^|_)id$|_at$", name) or name == "external_id"
    }


_CUSTOMER, _WALLET = "/v1/customers/{customer_id}", "/v1/wallets/{wallet_id}"


@pytest.mark.parametrize(
    ("method", "path", "before"),
    [
        ("post", "/v1/wallets", ()),
        ("patch", _CUSTOMER, ("money",)),
        ("post", f"{_CUSTOMER}/verify", ("money",)),
        ("post", f"{_CUSTOMER}/suspend", ("money",)),
        ("post", f"{_CUSTOMER}/reactivate", ("money", f"{_CUSTOMER}/suspend")),
        ("post", f"{_CUSTOMER}/close", ()),
        ("patch", _WALLET, ("money",)),
        ("post", f"{_WALLET}/freeze", ("money",)),
        ("post", f"{_WALLET}/unfreeze", ("money", f"{_WALLET}/freeze")),
        ("post", f"{_WALLET}/close", ()),
    ],
)
async def test_the_example_of_an_answer_fits_that_of_its_request(
    client: httpx.AsyncClient, method: str, path: str, before: tuple[str, ...]
) -> None:
    """What a request does is in its answer: send the document's example to a new customer, and compare the answers."""

    async def send(method: str, path: str) -> Any:
        operation = PATHS[path][method]
        example = example_of_body(operation)
        if "customer_id" in example:
            example["customer_id"] = ids["customer_id"]
        answer = await client.request(method, path.format(**ids), json=example, headers={"If-Match": "*"})
        shown = operation["responses"][str(answer.status_code)]["content"]["application/json"]["examples"]
        [expected] = shown.values()
        assert without_identity(answer.json()) == without_identity(expected["value"])
        return answer.json()

    ids: dict[str, str] = {}
    customer = await send("post", "/v1/customers")
    ids.update(customer_id=customer["id"], wallet_id=customer["wallets"][0]["id"])
    if before[:1] == ("money",):
        for kind, amount in (("deposit", "10000"), ("withdrawal", "1500")):
            await move(client, {"type": kind, "wallet_id": ids["wallet_id"], "amount": amount, "currency": "RWF"})
    for one in before[1:]:
        await send("post", one)
    await send(method, path)


def test_a_queued_delivery_is_shown_as_pending() -> None:
    for path in ("/webhook-endpoints/{webhook_endpoint_id}/test", "/webhook-deliveries/{webhook_delivery_id}/resend"):
        responses = PATHS[f"/v1{path}"]["post"]["responses"]
        [example] = responses["202"]["content"]["application/json"]["examples"].values()
        assert (example["value"]["status"], example["value"]["ended_at"]) == ("pending", None)
