"""The links of the OpenAPI document: the operations that take what a response has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tekana_litestar.bodies import Body
from tekana_litestar.operation import Returns

_IDS: Final[Mapping[str, Mapping[str, str]]] = {
    "Customer": {"customer_id": "/id", "wallet_id": "/wallets/0/id"},
    "Wallet": {"wallet_id": "/id"},
    "Transaction": {"transaction_id": "/id"},
    "WebhookEndpoint": {"webhook_endpoint_id": "/id"},
    "WebhookDelivery": {"webhook_delivery_id": "/id"},
    "ApiKey": {"api_key_id": "/id"},
    "Approval": {"approval_id": "/id"},
    "Identity": {"identity_id": "/id", "customer_id": "/customer_id"},
}
"""By the kind of a response: the parameters of paths that it has, and where. Pages have those of their first item."""

_BODIES: Final[Mapping[str, Mapping[str, Mapping[str, str]]]] = {
    "Customer": {"open_wallet": {"customer_id": "/id"}},
    "Wallet": {"create_transaction": {"wallet_id": "/id", "currency": "/currency"}},
}
"""By the kind of a response: operations whose example of a body takes these values from it."""


class Target(NamedTuple):
    """An operation that links may lead to."""

    path: str
    body: Body | None


def links_of(returns: Returns, targets: Mapping[str, Target]) -> dict[str, Any]:
    """Return the member `links` of a response, if it has ids; `targets` are all operations by their ids."""
    name = returns.kind.__name__ if returns.kind else ""
    kind = name.removesuffix("Page").removesuffix("WithSecret")
    place = "$response.body#/items/0" if name.endswith("Page") else "$response.body#"
    ids = {parameter: place + pointer for parameter, pointer in _IDS.get(kind, {}).items()}
    found: dict[str, Any] = {}
    for operation_id, target in targets.items():
        parameters = re.findall(r"{(\w+)}", target.path)
        if parameters and ids.keys() >= set(parameters):
            found[operation_id] = {"operationId": operation_id, "parameters": {one: ids[one] for one in parameters}}
    for operation_id, values in _BODIES.get(kind, {}).items():
        body = targets[operation_id].body
        example = next(iter(body.examples().values())) if body else {}
        taken = {field: place + pointer for field, pointer in values.items()}
        found[operation_id] = {"operationId": operation_id, "requestBody": example | taken}
    return {"links": found} if found else {}
