"""The event feed over HTTP."""

from __future__ import annotations

import httpx

from tests.integration.http_support import both_stores as store_url
from tests.integration.http_support import client, move, register
from tests.integration.http_support import restarted_app as app

__all__ = ["app", "client", "store_url"]


async def test_the_feed_lists_all_events_in_order(client: httpx.AsyncClient) -> None:
    customer = await register(client, currency="USD", country="RW")
    wallet = customer["wallets"][0]["id"]
    deposit = {"type": "deposit", "wallet_id": wallet, "amount": "12.5", "currency": "USD", "reference": "r"}
    posted = (await move(client, deposit)).json()
    await client.post(f"/v1/wallets/{wallet}/freeze", json={"scope": "debits", "reason": "secret words"})
    feed = (await client.get("/v1/events")).json()
    assert feed["next_cursor"] is None
    events = [one for one in feed["items"] if one["aggregate_id"] in (customer["id"], wallet, posted["id"])]
    assert [one["type"] for one in events] == [
        *("CustomerRegistered", "WalletOpened", "FundsDeposited", "WalletCredited", "WalletFrozen"),
    ]
    assert [one["data"] for one in events] == [
        {"country": "RW"},
        {"customer_id": customer["id"], "currency": "USD", "kind": "personal"},
        {
            "from_wallet_id": posted["from_wallet_id"],
            "to_wallet_id": wallet,
            "amount": "12.50",
            "currency": "USD",
            "reference": "r",
            **dict.fromkeys(("fee", "tax", "fee_currency", "fee_paid_by")),
        },
        {
            "transaction_id": posted["id"],
            "transaction_type": "deposit",
            "version": 1,
            "amount": "12.50",
            "currency": "USD",
            "ledger_balance_after": "12.50",
        },
        {"scope": "debits"},
    ]
    assert [one["sequence"] for one in events if one["aggregate_id"] == wallet] == [1, 2, 3]
    for one in feed["items"]:
        about = {"cursor", "id", "type", "aggregate", "aggregate_id", "sequence", "occurred_at", "data"}
        assert set(one) == about | {"tenant", "caller", "request_id"}
        assert one["id"] == f"{one['aggregate_id']}:{one['sequence']}"
        assert one["occurred_at"].endswith("Z")


async def test_the_feed_continues_after_a_cursor(client: httpx.AsyncClient) -> None:
    await register(client)
    whole = (await client.get("/v1/events?limit=200")).json()["items"]
    seen = []
    after = ""
    while True:
        page = (await client.get(f"/v1/events?limit=1{after}")).json()
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        assert page["next_cursor"] == page["items"][-1]["cursor"]
        after = f"&after={page['next_cursor']}"
    assert seen == whole
    last = whole[-1]["cursor"]
    assert (await client.get(f"/v1/events?after={last}")).json() == {"items": [], "next_cursor": None}
    await register(client)
    assert len((await client.get(f"/v1/events?after={last}")).json()["items"]) == len(whole)
