"""Services execute in the session of the verified caller; the secrets of a bus, and what happens with a wrong one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from uuid_utils.compat import uuid7

import tekana
from tekana import LOCAL_OPERATOR, Settings
from tekana.application.engine.envelope import Envelope
from tekana.domain.caller import ROLES, Caller
from tekana.testing import builders
from tekana.testing.contracts.helpers import a_wallet
from tekana.testing.session import session
from tekana_kafka import message_cipher, rpc_client
from tekana_kafka.message_cipher import MessageCipher
from tekana_kafka.topics import COMMANDS_KEPT
from tekana_memory import MemoryStore
from tests.kafka.attacks import OTHER_SECRET
from tests.kafka.topology import BUS_SECRET, gateway, sealed, services, until_it_answers

pytestmark = pytest.mark.kafka

MEMORY = "memory://"
PARTNER = Caller("a partner", "key:1", ROLES["partner"])
READER = Caller("a partner", "key:2", frozenset({"wallets:read"}))


async def test_a_service_checks_scopes(store: MemoryStore, bus_url: str) -> None:
    """Past the session of a gateway, which would refuse it first, the refusal of the service arrives as Forbidden."""
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as app:
        await until_it_answers(app)
        wallet = await a_wallet(app, "5")
        engine, readers = app._engine, app._store
        transfer = builders.deposit(wallet.id, "1")
        batch = tekana.Batch(mode="atomic", transactions=(transfer,))
        forbidden = [
            ("transactions:write", engine.submit(Envelope(transfer, READER, "a key"))),
            ("transactions:send", engine.submit_batch(batch, caller=READER, key="another")),
            ("transactions:write", engine.preview(Envelope(transfer, READER))),
            ("customers:read", readers.customers(READER).list(tekana.CustomerFilter(), tekana.PageRequest())),
            ("webhooks:read", app._parts.webhooks(READER).list(tekana.PageRequest())),  # type: ignore[misc]
            (
                "webhooks:write",
                engine.submit(Envelope(tekana.CreateWebhookEndpoint(url="https://93.184.215.14/"), READER, "hook")),
            ),
        ]
        for scope, refused in forbidden:
            with pytest.raises(tekana.Forbidden, match=f"^this needs the scope {scope}$"):
                await refused
        assert (await app.wallets.get(wallet.id)).ledger_balance == 5


async def test_a_tenant_does_not_reach_the_wallets_of_another(store: MemoryStore, bus_url: str) -> None:
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as app:
        await until_it_answers(app)
        mine = await a_wallet(app.as_caller(PARTNER), "5")
        other = app.as_caller(Caller("another partner", "key:3", ROLES["partner"]))
        with pytest.raises(tekana.WalletNotFound):
            await other.wallets.get(mine.id)
        with pytest.raises(tekana.WalletNotFound):
            await other.execute(builders.deposit(mine.id, "1"))
        assert (await app.as_caller(PARTNER).wallets.get(mine.id)).ledger_balance == 5


async def test_the_principal_arrives_whole(store: MemoryStore, bus_url: str, topic_prefix: str) -> None:
    seen: list[Caller] = []
    customer = Caller("a tenant", "customer:x", ROLES["customer"], "customer", tekana.CustomerId(uuid7()))
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as app:
        await until_it_answers(app)
        wallets = store.wallets

        def noted(caller: Caller) -> Any:
            seen.append(caller)
            return wallets(caller)

        store.wallets = noted  # type: ignore[method-assign,assignment]
        for caller in (LOCAL_OPERATOR, PARTNER, customer):
            await app.as_caller(caller).wallets.list(tekana.WalletFilter(), tekana.PageRequest())
    assert seen == [LOCAL_OPERATOR, PARTNER, customer]


async def test_a_scope_of_a_later_version_is_left_out() -> None:
    later = replace(PARTNER, scopes=PARTNER.scopes | {"moon:read"})  # type: ignore[arg-type]
    headers, value = sealed("t", [], b"{}", caller=later)
    record = ConsumerRecord("t", 0, 0, 0, 0, None, value, None, 0, 0, headers)
    assert MessageCipher([BUS_SECRET]).open_request(record)[:3] == (PARTNER, None, b"{}")


async def test_a_secret_is_rotated_without_an_interruption(
    store: MemoryStore, bus_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each process gets the second secret first, then seals with it; those of both kinds understand each other."""
    both = Settings(role="gateway", bus_url=bus_url, bus_secret=f"{OTHER_SECRET},{BUS_SECRET}")
    monkeypatch.setattr("tests.kafka.topology.BUS_SECRET", f"{BUS_SECRET},{OTHER_SECRET}")
    async with services(bus_url, MEMORY, store=store), session(both) as new, gateway(bus_url) as old:
        await until_it_answers(new)
        for app in (new, old):
            assert (await a_wallet(app, "5")).ledger_balance == 5


async def test_a_gateway_with_another_secret_is_unavailable(
    store: MemoryStore, bus_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(role="gateway", bus_url=bus_url, bus_secret=OTHER_SECRET)
    async with services(bus_url, MEMORY, store=store), gateway(bus_url) as app, session(settings) as wrong:
        await until_it_answers(app)
        wallet = await a_wallet(app)
        monkeypatch.setattr(rpc_client, "REPLY_TIMEOUT", 2)
        with pytest.raises(tekana.Unavailable, match="retry with the same key"):
            await wrong.execute(builders.deposit(wallet.id, "1"))
        assert (await app.wallets.get(wallet.id)).ledger_balance == 0
    lines = [one.getMessage() for one in caplog.records if "TEKANA_BUS_SECRET" in one.getMessage()]
    assert any("refused a message" in line for line in lines)
    assert any("ignored a reply" in line for line in lines)


def test_the_age_of_a_principal_covers_that_of_a_command_on_its_topic() -> None:
    """A command without a deadline may wait for its service for a day, and for as long as a segment."""
    kept_ms = int(COMMANDS_KEPT["retention.ms"]) + int(COMMANDS_KEPT["segment.ms"])
    assert kept_ms <= message_cipher.AGE_SECONDS_MAX * 1000
