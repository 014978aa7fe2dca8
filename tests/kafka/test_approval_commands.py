"""Approvals over a real broker: the gateway is answered with what waits, and the service decides."""

from __future__ import annotations

from dataclasses import replace

import pytest

import tekana
from tekana.testing import builders
from tekana.testing.contracts.approval_helpers import adjustment, approve, ask, reject
from tekana.testing.contracts.ledger_checks import assert_whole
from tekana_memory import MemoryStore
from tests.kafka.topology import gateway, services, until_it_answers

pytestmark = pytest.mark.kafka


async def test_what_waits_at_a_service_waits_for_the_gateway(kafka_address: str, topic_prefix: str) -> None:
    bus_url = f"kafka://{kafka_address}?topic_prefix={topic_prefix}&partitions=2"
    store = MemoryStore()
    running = services(bus_url, "memory://", store=store, approvals="AdjustBalance")
    async with running, gateway(bus_url) as app:
        await until_it_answers(app)
        approver = app.as_caller(replace(tekana.LOCAL_OPERATOR, subject="key:2"))
        wallet = (await app.execute(builders.person())).wallets[0]
        approval = await ask(app, adjustment(wallet.id), "asking")
        assert await ask(app, adjustment(wallet.id), "asking") == approval
        assert (await app.approvals.list(tekana.ApprovalFilter("pending"), tekana.PageRequest())).items == (approval,)
        with pytest.raises(tekana.OwnApproval):
            await app.execute(approve(approval))
        with pytest.raises(tekana.InvalidRequest, match="send it alone"):
            await app.submit_batch(builders.independent(adjustment(wallet.id)))
        done = await approver.submit(approve(approval), key="approving")
        again = await approver.submit(approve(approval), key="approving")
        assert (again.answer, again.replayed) == (done.answer, True)
        with pytest.raises(tekana.ApprovalDecided):
            await approver.execute(reject(approval))
        decided = await app.approvals.get(approval.id)
        assert (decided.status, decided.decided_by, decided.asked_by) == ("approved", "key:2", "local")
        assert (await app.wallets.get(wallet.id)).ledger_balance == 500
    await assert_whole(store)
