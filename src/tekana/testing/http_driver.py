"""The driver for HTTP: it tests any server of the HTTP contract, with httpx."""

from __future__ import annotations

from typing import Any

import httpx

from tekana.domain.errors import (
    ApproverForbidden,
    ConcurrentUpdate,
    InvalidRequest,
    NotFound,
    OwnApproval,
    RuleRefused,
    StateConflict,
    TekanaError,
    Unauthenticated,
    WalletKindForbidden,
)
from tekana.testing.driver import Kind, Record, Refusal, Reply, Verb

_PATHS: dict[Verb, str] = {
    "register": "/v1/customers",
    "verify": "/v1/customers/{}/verify",
    "suspend": "/v1/customers/{}/suspend",
    "reactivate": "/v1/customers/{}/reactivate",
    "close_customer": "/v1/customers/{}/close",
    "erase": "/v1/customers/{}/erase",
    "open_wallet": "/v1/wallets",
    "freeze": "/v1/wallets/{}/freeze",
    "unfreeze": "/v1/wallets/{}/unfreeze",
    "close_wallet": "/v1/wallets/{}/close",
    "batch": "/v1/batches",
    "create_webhook": "/v1/webhook-endpoints",
    "sign_in": "/v1/auth/token",
    "refresh": "/v1/auth/token",
    "sign_out": "/v1/auth/sign-out",
    "request_code": "/v1/auth/code",
    "set_password_by_code": "/v1/auth/password",
    "change_password": "/v1/auth/password/change",
    "resend": "/v1/webhook-deliveries/{}/resend",
    "approve": "/v1/approvals/{}/approve",
    "reject": "/v1/approvals/{}/reject",
    "capture": "/v1/transactions/{}/capture",
    "void": "/v1/transactions/{}/void",
    "reverse": "/v1/transactions/{}/reverse",
    "create_quote": "/v1/quotes",
    "create_fee_schedule": "/v1/fee-schedules",
    "end_fee_schedule": "/v1/fee-schedules/{}/end",
}
_PATCHED: dict[Verb, str] = {
    "update_wallet": "/v1/wallets/{}",
    "update_webhook": "/v1/webhook-endpoints/{}",
    "change_hold": "/v1/transactions/{}",
}
_PUT: dict[Verb, str] = {
    "set_limits": "/v1/limits/{tier}/{currency}",
    "override_limits": "/v1/customers/{subject}/limits/{currency}",
    "set_rate": "/v1/rates/{base}/{quote}",
}
_DRY_RUN: dict[str, str] = {"dry_run": "true"}
_OF_CUSTOMERS: dict[Kind, str] = {"exports": "export", "limits": "limits"}
_GRANTS: dict[Verb, str] = {"sign_in": "password", "refresh": "refresh_token"}
_FAMILIES: dict[type[TekanaError], int] = {
    InvalidRequest: 400,
    Unauthenticated: 401,
    NotFound: 404,
    StateConflict: 409,
    ConcurrentUpdate: 412,
    RuleRefused: 422,
    OwnApproval: 403,
    ApproverForbidden: 403,
    WalletKindForbidden: 403,
}
_STATUSES: dict[str, int] = {
    kind.code: status
    for family, status in _FAMILIES.items()
    for kind in (family, *family.__subclasses__())
    if kind.code != TekanaError.code
}
"""The status that each code comes with: that of its family."""


class HttpDriver:
    """Implements `Driver` with an httpx client whose `base_url` is the server's."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def do(self, verb: Verb, subject: str | None, details: Record, *, key: str) -> Reply:
        headers = {"Idempotency-Key": key}
        if verb == "update":
            version = details.get("expected_version")
            headers["If-Match"] = "*" if version is None else f'"{version}"'
            body = {name: value for name, value in details.items() if name != "expected_version"}
            return _reply(await self._client.patch(f"/v1/customers/{subject}", json=body, headers=headers))
        if verb == "set_password":
            return _reply(await self._client.put(f"/v1/customers/{subject}/password", json={**details}))
        if verb in _GRANTS:
            details = {**details, "grant_type": _GRANTS[verb]}
        if verb in _PUT:
            path = _PUT[verb].format(subject=subject, **details)
            body = {name: value for name, value in details.items() if f"{{{name}}}" not in _PUT[verb]}
            return _reply(await self._client.put(path, json=body, headers=headers))
        if verb in _PATCHED:
            return _reply(await self._client.patch(_PATCHED[verb].format(subject), json=details, headers=headers))
        if verb not in _PATHS:  # the type of a money command
            body = {**details, "type": verb}
            return _reply(await self._client.post("/v1/transactions", json=body, headers=headers))
        return _reply(await self._client.post(_PATHS[verb].format(subject), json={**details}, headers=headers))

    async def preview(self, verb: Verb, details: Record, subject: str | None = None) -> Reply:
        if verb in _PATCHED:
            path = _PATCHED[verb].format(subject)
            return _reply(await self._client.patch(path, json={**details}, params=_DRY_RUN))
        path, body = (_PATHS[verb], details) if verb in _PATHS else ("/v1/transactions", {**details, "type": verb})
        return _reply(await self._client.post(path.format(subject), json={**body}, params=_DRY_RUN))

    async def get(self, kind: Kind, id: str) -> Record:
        path = f"/v1/customers/{id}/{_OF_CUSTOMERS[kind]}" if kind in _OF_CUSTOMERS else f"/v1/{kind}/{id}"
        return _reply(await self._client.get(path)).record

    async def find(self, kind: Kind, **which: str) -> list[Record]:
        return await self._all(f"/v1/{kind}", which)

    async def outcome(self, key: str) -> Record:
        return _reply(await self._client.get("/v1/outcomes", params={"idempotency_key": key})).record

    async def entries(self, wallet_id: str) -> list[Record]:
        return await self._all(f"/v1/wallets/{wallet_id}/entries", {})

    async def balance_at(self, wallet_id: str, at: str) -> Record:
        return _reply(await self._client.get(f"/v1/wallets/{wallet_id}/balance", params={"at": at})).record

    async def statement(self, wallet_id: str, **period: str) -> Record:
        return _reply(await self._client.get(f"/v1/wallets/{wallet_id}/statement", params=period)).record

    async def trial_balance(self, at: str) -> Record:
        return _reply(await self._client.get("/v1/reports/trial-balance", params={"at": at})).record

    async def exchange_positions(self, currency: str) -> Record:
        query = {"currency": currency}
        return _reply(await self._client.get("/v1/reports/exchange-positions", params=query)).record

    async def events(self) -> list[Record]:
        return await self._all("/v1/events", {}, cursor="after")

    async def webhook(self, endpoint_id: str) -> Record:
        return _reply(await self._client.get(f"/v1/webhook-endpoints/{endpoint_id}")).record

    async def deliveries(self, endpoint_id: str) -> list[Record]:
        return await self._all(f"/v1/webhook-endpoints/{endpoint_id}/deliveries", {})

    async def _all(self, path: str, which: dict[str, str], *, cursor: str = "cursor") -> list[Record]:
        found: list[Record] = []
        parameters: dict[str, Any] = {**which, "limit": 10}
        while True:
            page = _reply(await self._client.get(path, params=parameters)).record
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            parameters[cursor] = page["next_cursor"]


def _reply(response: httpx.Response) -> Reply:
    replayed = response.headers.get("Idempotency-Replayed") == "true"
    body = response.json() if response.content else {}
    if response.status_code == 204:
        return Reply(body, replayed)
    if response.is_success or "results" in body:
        assert response.headers["Content-Type"].startswith("application/json"), response.headers
        _check_results(response.status_code, body)
        return Reply(body, replayed)
    assert response.headers["Content-Type"] == "application/problem+json", response.text
    code = body["code"]
    assert response.status_code == body["status"], body
    assert response.status_code == _STATUSES.get(code, response.status_code), f"{code} came as {response.status_code}"
    fields = [error["field"] for error in body.get("errors", ())]
    raise Refusal(code, fields, replayed=replayed, limit=body.get("limit"))


def _check_results(status: int, body: Record) -> None:
    """Check the status of a batch against those of its results."""
    statuses = {result["status"] for result in body.get("results", ())}
    if statuses:
        expected = {207} if len(statuses) > 1 else {200, 201} if statuses == {201} else statuses
        assert status in expected, body
