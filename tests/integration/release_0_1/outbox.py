"""What is done to the outbox of the ledger: relays, parked events, parts, webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import asyncpg
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.application.relay import Relay
from tekana.application.webhook_dispatcher import RETRY_DELAYS

import tekana
from tekana.domain.events import Event, aggregate_id
from tekana.ports.outbox import ParkedEvent
from tekana.ports.publisher import Unsendable
from tekana.testing.receiver import Received, Receiver
from tekana_postgres import PostgresStore
from tests.integration.release_0_1.bank import STRANGER, Bank
from tests.integration.release_0_1.fixture import Json
from tests.integration.release_0_1.ledger import PARTNER, until

ENDPOINTS = "/v1/webhook-endpoints"
BUS = "bus"

BEGIN_THE_NEXT_PART = (
    "SELECT setval('outbox_position_seq', (SELECT min(ends) FROM outbox_parts WHERE dropped_at IS NULL))"
)
"""Leaves the rest of a part empty, as millions of rows would be needed to fill it."""

GO_BEYOND_ALL_PARTS = "SELECT setval('outbox_position_seq', (SELECT max(ends) FROM outbox_parts) + 10)"
RETURN_TO_A_PART = "SELECT setval('outbox_position_seq', (SELECT max(begins) FROM outbox_parts))"

DUE = """
SELECT count(*) FROM webhook_lines l JOIN webhook_endpoints e ON e.id = l.endpoint_id
WHERE e.status = 'active' AND l.next_attempt_at <= $1
"""


class RefusingPublisher:
    """Implements tekana.ports.publisher.Publisher: takes everything but the events of some aggregates."""

    location = "nowhere"

    def __init__(self, refused: Sequence[str]) -> None:
        self._refused = refused

    async def start(self) -> None:
        """Connect to nothing."""

    async def stop(self) -> None:
        """Disconnect from nothing."""

    async def publish(self, events: Sequence[Event]) -> Sequence[Unsendable]:
        """Refuse the first event of each refused aggregate."""
        found: dict[str, Unsendable] = {}
        for place, event in enumerate(events):
            name = str(aggregate_id(event))
            if name in self._refused and name not in found:
                found[name] = Unsendable(place, "the bus takes no event of this size")
        return list(found.values())


async def relay_everything(bank: Bank, store: PostgresStore) -> None:
    """Have a relay publish what there is; what belongs to two wallets and a customer is set aside."""
    refused = [bank.wallets["chantal JPY"], bank.wallets["kevin CLF"], bank.customers["kevin"]]
    outbox = store.outbox(BUS)
    work = asyncio.create_task(Relay(outbox, RefusingPublisher(refused), holder="relay-1").run())

    async def published() -> bool:
        return (await outbox.state()).unpublished == 0

    await until(published)
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work


async def relay_in_part(store: PostgresStore) -> None:
    """Leave a relay behind that holds its lease, published a part, and is to try some of what is parked again."""
    outbox = store.outbox(BUS)
    lease = await outbox.take_lease("relay-2", 3.0)
    assert lease is not None
    run = await outbox.read(lease.cursor, 40)
    in_a_transaction = next(one for one in run[10:] if one.cursor.endswith(".1"))
    last = run[run.index(in_a_transaction) - 2]
    await outbox.mark(lease, in_a_transaction.cursor, [ParkedEvent(last, "refused by relay-2")])
    parked = await outbox.parked(1000)
    assert await outbox.ask_again(aggregate_id(parked[0].fed.event)) > 0


async def drop_a_part(bank: Bank, store: PostgresStore) -> None:
    """Drop the first part of the outbox; what it held of customers and wallets stays."""
    feed = await bank.send("GET", "/v1/events?limit=3", key=None, status=200)
    bank.dropped_cursor = feed["items"][-1]["cursor"]
    dropped = await store.outbox(BUS).drop_published(timedelta())
    assert dropped, "nothing was dropped"


async def go_beyond_all_parts(bank: Bank, store: PostgresStore, connection: asyncpg.Connection) -> None:
    """Have some events beyond all parts of the outbox, and then some in a part again."""
    await connection.execute(GO_BEYOND_ALL_PARTS)
    await bank.move("deposit", "11", "aline RWF", description="beyond all parts")
    await bank.to_wallet("bosco RWF", "freeze", {"scope": "debits", "reason": "beyond all parts"})
    assert await store.outbox(BUS).drop_published(timedelta()) is None  # adds the parts that are missing
    await connection.execute(RETURN_TO_A_PART)
    await bank.to_wallet("bosco RWF", "unfreeze")
    await bank.move("deposit", "12", "aline RWF", description="in a part again")


# ---------------------------------------------------------------------- webhooks

ANSWERS = {"/gone": 410, "/failing": 500, "/late": 503, "/owner": 429}
"""What the receiver answers at each path; 200 at all others."""


def answer(received: Received) -> int:
    """Answer what was sent as its path says."""
    return ANSWERS.get(received.path, 200)


class Endpoints:
    """The webhook endpoints of the ledger, by names."""

    def __init__(self, bank: Bank, receiver: Receiver, store: PostgresStore) -> None:
        receiver.answer = answer
        receiver.body = "merci — 李 \x00 \udcff".encode(errors="surrogateescape")
        self._bank = bank
        self._root = receiver.url.removesuffix("/hooks")
        self._store = store
        self._ids: dict[str, str] = {}

    async def create(self, name: str, *event_types: str, key: str | None, root: str = "", **other: Any) -> None:
        """Create an endpoint."""
        body = {"url": f"{root or self._root}/{name}", **({"event_types": event_types} if event_types else {}), **other}
        self._ids[name] = (await self._bank.post(ENDPOINTS, body, status=201, key=key))["id"]

    async def post(self, name: str, verb: str, body: Json | None = None, **more: Any) -> Any:
        """Do to an endpoint what the verb says."""
        return await self._bank.post(f"{self.path(name)}/{verb}", body, **more)

    async def change(self, name: str, **changes: Any) -> None:
        """Change an endpoint."""
        await self._bank.send("PATCH", self.path(name), changes, status=200, key=None)

    def path(self, name: str) -> str:
        """The path of an endpoint."""
        return f"{ENDPOINTS}/{self._ids.get(name, STRANGER)}"

    async def deliveries(self, name: str) -> Sequence[tekana.WebhookDelivery]:
        """What was delivered to an endpoint, or is to be."""
        endpoint = tekana.WebhookEndpointId(type(STRANGER)(self._ids[name]))
        page = await self._bank.app.webhooks.deliveries(tekana.LOCAL_OPERATOR, endpoint, tekana.PageRequest(200))
        return page.items

    async def until_all(self, name: str, statuses: Sequence[str], tries: int = 1) -> None:
        """Wait until an endpoint has deliveries, each in one of these statuses and tried so often."""

        async def reached() -> bool:
            found = await self.deliveries(name)
            return bool(found) and all(one.status in statuses and one.tries >= tries for one in found)

        await until(reached)

    async def status(self, name: str) -> str:
        """The status of an endpoint."""
        found: Json = await self._bank.send("GET", self.path(name), key=None, status=200)
        return str(found["status"])


async def create_endpoints(bank: Bank, endpoints: Endpoints) -> None:
    """Create endpoints, with keys and without, and have that refused."""
    await endpoints.create("ok", "FundsDeposited", "WalletFrozen", key="webhook-1", description="Accounting — 会計")
    await endpoints.create("gone", "FundsWithdrawn", key="webhook-2")
    await endpoints.create("deleted", key="webhook-3")
    await endpoints.create("owner", "CustomerRegistered", key=None, description="disabled by its owner")
    await endpoints.create("again", "WalletClosed", key="webhook-4")
    await endpoints.create("failing", "CustomerVerified", key="webhook-5")
    await endpoints.create("dead", "CustomerUpdated", key="webhook-6", root="http://127.0.0.1:1")
    call = {"url": "http://127.0.0.1:9/partner", "event_types": ["FundsTransferred"], "description": None}
    bank.calls.append({"name": "webhooks.create", "given": call, "how": {"key": "webhook-1", "caller": PARTNER}})
    await bank.app.webhooks.create(PARTNER, **call, key="webhook-1")
    other = {"url": "http://127.0.0.1:9/other"}
    await bank.post(ENDPOINTS, other, status=422, code="idempotency_key_reused", key="webhook-1")


async def use_endpoints(bank: Bank, endpoints: Endpoints) -> None:
    """Have events delivered or not, and change, rotate, test, disable and delete endpoints."""
    await bank.register("yves", currency="USD")
    await bank.move("deposit", "40", "yves USD", reference="to be delivered")
    await bank.move("withdrawal", "40", "yves USD")
    await bank.to_customer("yves", "verify", {"tier": "basic"})
    await endpoints.until_all("ok", ["delivered"])
    await endpoints.until_all("owner", ["pending"])
    await endpoints.until_all("deleted", ["delivered"])
    await endpoints.until_all("failing", ["pending"])

    async def gone() -> bool:
        return await endpoints.status("gone") == "disabled"

    await until(gone)
    await endpoints.change("owner", status="disabled")
    await endpoints.change("again", status="disabled", description="disabled for a while")
    await endpoints.change("again", status="active", event_types=["WalletClosed", "WalletOpened"])
    await endpoints.post("ok", "test", status=202, key=None)
    await endpoints.until_all("ok", ["delivered"])
    delivery = (await endpoints.deliveries("ok"))[-1]
    await bank.post(f"/v1/webhook-deliveries/{delivery.id}/resend", status=202, key=None)
    await endpoints.until_all("ok", ["delivered"])
    await endpoints.post("deleted", "rotate-secret", {}, key="rotate-deleted")
    await endpoints.post("failing", "rotate-secret", key="rotate-1")
    await endpoints.post("unknown", "rotate-secret", status=404, code="not_found")
    await bank.send("DELETE", endpoints.path("deleted"), status=204, key=None)


async def fail_for_days(bank: Bank, endpoints: Endpoints) -> None:
    """Let time pass until deliveries are given up, and then until an endpoint is disabled for that."""
    path = f"/v1/customers/{bank.customers['yves']}"
    await bank.send("PATCH", path, {"country": "RW"}, status=200, key=None, If_Match="*")
    for tries, delay in enumerate(RETRY_DELAYS, 1):
        for name in ("failing", "dead"):
            await endpoints.until_all(name, ["pending"], tries)
        bank.clock.advance(delay * 1.1 + timedelta(seconds=1))
    for name in ("failing", "dead"):
        await endpoints.until_all(name, ["failed"])
    bank.clock.advance(timedelta(days=3))
    await bank.send("PATCH", path, {"country": None}, status=200, key=None, If_Match="*")

    async def disabled() -> bool:
        return await endpoints.status("dead") == "disabled"

    await until(disabled)


async def leave_deliveries_pending(bank: Bank, endpoints: Endpoints, store: PostgresStore) -> None:
    """Leave deliveries that are to be tried again: some in minutes, the others within seconds."""
    await endpoints.create("late", "WalletUnfrozen", "WalletFrozen", key="webhook-7")
    await endpoints.post("ok", "rotate-secret", key="rotate-2")
    await endpoints.post("ok", "rotate-secret", key="rotate-3")
    await bank.to_wallet("chantal RWF", "freeze", {"scope": "all", "reason": "an event that is sent three times"})
    for tries, delay in enumerate(RETRY_DELAYS[:2], 1):
        await endpoints.until_all("late", ["pending"], tries)
        bank.clock.advance(delay * 1.1 + timedelta(seconds=1))
    await endpoints.until_all("late", ["pending"], 3)
    await bank.to_wallet("bosco RWF", "freeze", {"scope": "debits", "reason": "an event before others"})
    await bank.to_wallet("bosco RWF", "freeze", {"scope": "all", "reason": "an event that waits behind another"})
    await bank.to_wallet("bosco RWF", "unfreeze")

    async def relayed() -> bool:
        return (await store.outbox("webhooks").state()).unpublished == 0

    async def tried() -> bool:
        return sum(one.tries > 0 for one in await endpoints.deliveries("late")) == 2

    await until(relayed)
    await until(tried)
