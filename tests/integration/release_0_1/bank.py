"""Requests to the app of release 0.1, each at a moment of its own, and a record of those under idempotency keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import httpx
import msgspec

import tekana
from tekana.testing.clock import FrozenClock
from tests.integration.release_0_1.fixture import Json

PAUSE = timedelta(seconds=7, microseconds=1_003)
"""How much time passes between two requests."""

OWN_KEY = "a key of its own"
STRANGER = UUID("01a00000-0000-7000-8000-00000000abcd")
"""An id that nothing has."""


class Bank:
    """A client of the app, which knows the customers and wallets that it made by names.

    `wallets` are named by customer and currency, such as "aline RWF". `requests` are those under keys, in their order:
    method, path, headers, body, and what it was answered if that was not a replay already. `calls` are those that were
    given to the core.
    """

    def __init__(self, client: httpx.AsyncClient, app: tekana.Tekana, clock: FrozenClock) -> None:
        self.client = client
        self.app = app
        self.clock = clock
        self.customers: dict[str, str] = {}
        self.wallets: dict[str, str] = {}
        self.transactions: dict[str, str] = {}
        self.requests: list[tuple[str, str, dict[str, str], str | None, str | None]] = []
        self.calls: list[Json] = []
        self.dropped_cursor = ""
        self._numbers = count(1)

    async def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | str | None = None,
        *,
        key: str | None = OWN_KEY,
        status: int,
        code: str | None = None,
        **headers: str,
    ) -> Any:
        """Send a request, which has to be answered with this status and code; gives what the answer's body says."""
        self.clock.advance(PAUSE)
        number = next(self._numbers)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["Idempotency-Key"] = f"key-{number}" if key is OWN_KEY else key
        if body is not None:
            sent["Content-Type"] = "application/json"
        text = body if isinstance(body, str) or body is None else json.dumps(body, ensure_ascii=False)
        first = {**sent, "X-Request-ID": f"first-{number}"} if key is not None else sent
        answer = await self.client.request(method, path, headers=first, content=None if text is None else text.encode())
        if key is not None:
            began_with = None if "Idempotency-Replayed" in answer.headers else answer.text
            self.requests.append((method, path, sent, text, began_with))
        said = answer.json() if answer.content else None
        assert answer.status_code == status, (method, path, text, answer.text)
        assert said is None or said.get("code") == code, (method, path, text, answer.text)
        return said

    async def post(
        self, path: str, body: Mapping[str, Any] | str | None = None, *, status: int = 200, **more: Any
    ) -> Any:
        """Send a POST request."""
        return await self.send("POST", path, body, status=status, **more)

    async def register(self, name: str, *, key: str | None = OWN_KEY, **other: Any) -> Json:
        """Register a customer of this name, with a first wallet."""
        body = {"full_name": name.title(), "email": f"{name}@example.com", "phone_number": number_of(name), **other}
        customer: Json = await self.post("/v1/customers", body, status=201, key=key)
        self.customers[name] = customer["id"]
        self.wallets[f"{name} {customer['wallets'][0]['currency']}"] = customer["wallets"][0]["id"]
        return customer

    async def open(
        self, owner: str, currency: str, *, called: str = "", key: str | None = OWN_KEY, **other: Any
    ) -> str:
        """Open a wallet; `called` distinguishes it from another of the same owner and currency."""
        body = {"customer_id": self.customers[owner], "currency": currency, **other}
        wallet: Json = await self.post("/v1/wallets", body, status=201, key=key)
        self.wallets[f"{owner} {called or currency}"] = wallet["id"]
        return str(wallet["id"])

    async def to_customer(self, name: str, verb: str, body: Json | None = None, **more: Any) -> Any:
        """Do to a customer what the verb says."""
        return await self.post(f"/v1/customers/{self.customers.get(name, STRANGER)}/{verb}", body, **more)

    async def to_wallet(self, name: str, verb: str, body: Json | None = None, **more: Any) -> Any:
        """Do to a wallet what the verb says."""
        return await self.post(f"/v1/wallets/{self.wallets.get(name, STRANGER)}/{verb}", body, **more)

    def movement(self, kind: str, amount: str, *names: str, currency: str = "", **other: Any) -> Json:
        """The body of a movement of money; the currency is that of the first wallet's name, unless it is given."""
        ids = [self.wallets.get(name, name) for name in names]
        places = ("from_wallet_id", "to_wallet_id") if kind == "transfer" else ("wallet_id",)
        body = {"type": kind, "amount": amount, "currency": currency or names[0].rpartition(" ")[2]}
        return {**body, **dict(zip(places, ids, strict=True)), **other}

    async def move(
        self,
        kind: str,
        amount: str,
        *names: str,
        code: str | None = None,
        key: str = OWN_KEY,
        **other: Any,
    ) -> Json:
        """Move money, or have that refused with a code."""
        body = self.movement(kind, amount, *names, **other)
        status = 201 if code is None else STATUS[code]
        said: Json = await self.post("/v1/transactions", body, status=status, code=code, key=key)
        return said

    async def batch(self, mode: str, *movements: Json, status: int, **more: Any) -> Json:
        """Move money many times in one request."""
        said: Json = await self.post("/v1/batches", {"mode": mode, "transactions": movements}, status=status, **more)
        return said

    def note_call(self, name: str, given: Any, **how: Any) -> None:
        """Keep a call of the core, to be repeated; `how` are its key, caller and request id."""
        self.clock.advance(PAUSE)
        self.calls.append({"name": name, "given": msgspec.to_builtins(given), "how": how})


STATUS = {
    "not_found": 404,
    "wallet_not_active": 409,
    "customer_not_active": 409,
    "insufficient_funds": 422,
    "currency_mismatch": 422,
    "same_wallet": 422,
    "limit_exceeded": 422,
    "idempotency_key_reused": 422,
}
"""What each refusal of a movement is answered with."""


def number_of(name: str) -> str:
    """A phone number that only the customer of this name has."""
    return f"+25078{sum(ord(letter) * 31**place for place, letter in enumerate(name)) % 10**7:07}"
