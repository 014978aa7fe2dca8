"""The suite for a store that keeps webhooks: `tekana.ports.webhook_store`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from tekana.application import (
    Command,
    CreateWebhookEndpoint,
    DeleteWebhookEndpoint,
    ResendWebhookDelivery,
    RotateWebhookSecret,
    SendWebhookTest,
    Session,
    UpdateWebhookEndpoint,
)
from tekana.domain.answers import Answer
from tekana.domain.caller import LOCAL_OPERATOR
from tekana.domain.errors import (
    IdempotencyKeyReused,
    InvalidRequest,
    WebhookDeliveryNotFound,
    WebhookEndpointDisabled,
    WebhookEndpointNotFound,
)
from tekana.domain.identifiers import WebhookEndpointId
from tekana.domain.webhook_answers import DeletedWebhook
from tekana.domain.webhooks import SECRET_OVERLAP, WebhookDelivery, WebhookEndpoint
from tekana.ports.page import PageRequest
from tekana.ports.webhook_endpoints import StoredSecrets
from tekana.ports.webhook_store import WebhookStore
from tekana.testing import builders
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.fixtures import at_work
from tekana.testing.contracts.helpers import by_hand
from tekana.testing.contracts.ledger_checks import every
from tekana.testing.contracts.webhook_activation import WebhookActivationContract
from tekana.testing.contracts.webhook_deliveries import WebhookDeliveriesContract
from tekana.testing.contracts.webhook_helpers import (
    HOUR,
    ME,
    OTHER,
    URL,
    change,
    claim_one_of_each,
    create,
    execute,
    first,
    new_stream,
    recorded,
)
from tekana.testing.contracts.webhook_runs import WebhookRunsContract


class WebhooksContract(WebhookActivationContract, WebhookDeliveriesContract, WebhookRunsContract):
    """What a store of webhooks must do. A subclass has the fixture `store`, as for `StoreContract`."""

    async def test_an_endpoint_is_kept_as_it_is(self, store: WebhookStore, clock: FrozenClock) -> None:
        kept = store.webhook_endpoints
        added = await create(store, event_types=("WalletOpened", "FundsDeposited"), description="für Aline ✓")
        assert (added.created_by, added.created_at, added.updated_at) == (ME.subject, clock(), clock())
        assert (added.status, added.disabled_reason, added.failing_since, added.previous_secret) == (
            "active",
            None,
            None,
            None,
        )
        assert (added.url, added.description, added.event_types) == (
            URL,
            "für Aline ✓",
            ("WalletOpened", "FundsDeposited"),
        )
        assert added.secret.startswith("whsec_")
        assert await kept.get(ME, added.id) == added
        another = await create(store)
        assert another.event_types is None
        assert another.secret != added.secret

    async def test_endpoints_are_their_callers(self, store: WebhookStore) -> None:
        kept = store.webhook_endpoints
        mine, others = [await create(store) for _ in range(5)], await create(store, caller=OTHER)
        assert await every(lambda page: kept.list(ME, page)) == mine
        assert (await kept.list(ME, PageRequest(2))).items == tuple(mine[:2])
        assert (await kept.list(OTHER, PageRequest())).items == (others,)
        assert (await kept.list(builders.partner("a third tenant"), PageRequest())).items == ()
        with pytest.raises(InvalidRequest):
            await kept.list(ME, PageRequest(1, "nonsense"))
        for refused in (
            kept.get(ME, others.id),
            change(store, others, url="https://example.com/mine-now"),
            change(store, others, status="active"),
            execute(store, RotateWebhookSecret(endpoint_id=others.id)),
            execute(store, DeleteWebhookEndpoint(endpoint_id=others.id)),
            execute(store, SendWebhookTest(endpoint_id=others.id)),
            store.webhook_deliveries.list(ME, others.id, PageRequest()),
        ):
            with pytest.raises(WebhookEndpointNotFound):
                await refused
        assert await kept.get(OTHER, others.id) == others
        active = sorted(await kept.active(), key=lambda one: one.id)
        assert [one.id for one in active] == [one.id for one in (*mine, others)]
        found = await kept.find_active({mine[0].id, others.id, WebhookEndpointId(uuid7())})
        assert sorted(found, key=lambda one: one.id) == [mine[0], others]

    async def test_changes(self, store: WebhookStore, clock: FrozenClock) -> None:
        kept = store.webhook_endpoints
        endpoint = await create(store, event_types=("WalletOpened",), description="first")
        later = clock.advance()
        changed = await change(store, endpoint, url="https://example.com/b")
        assert changed == replace(endpoint, url="https://example.com/b", updated_at=later)
        changed = await change(store, endpoint, event_types=None, description=None)
        assert (changed.url, changed.event_types, changed.description) == ("https://example.com/b", None, None)
        off = await change(store, endpoint, status="disabled")
        assert (off.status, off.disabled_reason) == ("disabled", "by its owner")
        assert await kept.active() == []
        assert await kept.find_active([endpoint.id]) == []
        assert not await kept.disable(endpoint.id, "it is already")
        with pytest.raises(WebhookEndpointDisabled):
            await execute(store, SendWebhookTest(endpoint_id=endpoint.id))
        on = await change(store, endpoint, status="active")
        assert (on.status, on.disabled_reason) == ("active", None)
        assert await kept.disable(endpoint.id, "it never answers")
        assert (await kept.get(ME, endpoint.id)).disabled_reason == "it never answers"

    async def test_a_new_secret_and_the_one_before(self, store: WebhookStore, clock: FrozenClock) -> None:
        kept, first = store.webhook_endpoints, await create(store)
        rotate = RotateWebhookSecret(endpoint_id=first.id)
        second = (await execute(store, rotate)).secret
        assert (await kept.get(ME, first.id)).secrets(clock()) == (second, first.secret)
        third = (await execute(store, rotate)).secret
        endpoint = await kept.get(ME, first.id)
        assert endpoint.secrets(clock()) == (third, second)
        assert endpoint.secrets(clock() + SECRET_OVERLAP) == (third,)

    async def test_stored_secrets_are_replaced_if_they_are_as_before(
        self, store: WebhookStore, stores: Sequence[WebhookStore], clock: FrozenClock
    ) -> None:
        kept, readable = store.webhook_endpoints, await create(store)
        other = await create(store)
        await execute(store, RotateWebhookSecret(endpoint_id=other.id))
        rotated = await kept.get(ME, other.id)
        before = StoredSecrets(readable.id, readable.secret, None)
        half = StoredSecrets(rotated.id, rotated.secret, rotated.previous_secret)
        assert set(await kept.stored_secrets(encrypted=False)) == {before, half}
        assert await kept.stored_secrets(encrypted=True) == []
        after, half_after = before._replace(secret="encrypted:1"), half._replace(previous_secret="encrypted:2")  # noqa: S106
        clock.advance()
        assert await kept.replace_secrets(before, after)
        assert await kept.replace_secrets(half, half_after)
        for one in stores:
            assert not await one.webhook_endpoints.replace_secrets(before, after)
            assert not await one.webhook_endpoints.replace_secrets(half, half_after)
            assert set(await one.webhook_endpoints.stored_secrets(encrypted=True)) == {after, half_after}
            assert await one.webhook_endpoints.stored_secrets(encrypted=False) == [half_after]
            assert await one.webhook_endpoints.get(ME, readable.id) == replace(readable, secret=after.secret)
        assert not await kept.replace_secrets(before._replace(endpoint_id=WebhookEndpointId(uuid7())), after)

    async def test_a_test_is_queued(self, store: WebhookStore, clock: FrozenClock) -> None:
        endpoint = await create(store, event_types=("WalletOpened",))
        queued = await execute(store, SendWebhookTest(endpoint_id=endpoint.id))
        assert (queued.event_type, queued.status, queued.created_at) == ("WebhookTest", "pending", clock())
        assert await store.webhook_deliveries.get(ME, queued.id) == queued
        [run] = await claim_one_of_each(store.webhook_deliveries, {endpoint.id: 1}, 1)
        assert list(run.deliveries) == [queued]

    async def test_a_key_does_a_thing_once(
        self, store: WebhookStore, stores: Sequence[WebhookStore], app: Session
    ) -> None:
        mine = app.as_caller(ME)
        wanted = CreateWebhookEndpoint(url=URL)
        added = await mine.execute(wanted, key="a key")
        for each in stores:
            assert await by_hand(each, wanted, "a key", ME) == (added, True)
        for refused in (CreateWebhookEndpoint(url=URL, description="another"), builders.person()):
            with pytest.raises(IdempotencyKeyReused):
                await mine.execute(refused, key="a key")
        assert (await store.webhook_endpoints.list(ME, PageRequest())).items == (added,)
        assert (await app.as_caller(OTHER).execute(wanted, key="a key")).id != added.id
        await mine.execute(builders.person(), key="another")
        with pytest.raises(IdempotencyKeyReused):
            await mine.execute(wanted, key="another")

    async def test_a_repeated_request_is_answered_with_how_things_are(self, store: WebhookStore) -> None:
        endpoint = await create(store, key="creation")
        rotated = await execute(store, RotateWebhookSecret(endpoint_id=endpoint.id), key="rotation")
        update = UpdateWebhookEndpoint(endpoint_id=endpoint.id, description="second")
        updated = await execute(store, update, key="update")
        tested = await execute(store, SendWebhookTest(endpoint_id=endpoint.id), key="test")
        now = await store.webhook_endpoints.get(ME, endpoint.id)
        assert (now.secret, now.description) == (rotated.secret, "second")
        assert (updated.secret, updated.previous_secret) == ("", None)
        again: list[tuple[str, Command[Answer], Answer]] = [
            ("creation", CreateWebhookEndpoint(url=URL), now.with_new_secret()),
            ("rotation", RotateWebhookSecret(endpoint_id=endpoint.id), now.with_new_secret()),
            ("update", update, now.without_secrets()),
        ]
        for key, command, answer in again:
            assert await by_hand(store, command, key, ME) == (answer, True)
        [run] = await claim_one_of_each(store.webhook_deliveries, {endpoint.id: 1}, 1)
        await recorded(store.webhook_deliveries, run, "delivered")
        resend = ResendWebhookDelivery(delivery_id=tested.id)
        sent: tuple[tuple[str, Command[WebhookDelivery]], ...] = (
            ("test", SendWebhookTest(endpoint_id=endpoint.id)),
            ("resend", resend),
        )
        assert (await execute(store, sent[0][1], key="test")).status == "delivered"
        assert (await execute(store, resend, key="resend")).status == "pending"
        for key, queued in sent:
            assert (await execute(store, queued, key=key)).status == "pending"
        deletion = DeleteWebhookEndpoint(endpoint_id=endpoint.id)
        for _ in range(2):
            assert await execute(store, deletion, key="deletion") == DeletedWebhook(endpoint.id)
        for key, command, _ in again:
            with pytest.raises(WebhookEndpointNotFound):
                await execute(store, command, key=key)
        for key, queued in sent:
            with pytest.raises(WebhookDeliveryNotFound):
                await execute(store, queued, key=key)

    async def test_a_key_many_times_at_once(self, stores: Sequence[WebhookStore]) -> None:
        adding = (create(stores[n % len(stores)], key="a key") for n in range(8))
        [first, *others] = await asyncio.gather(*adding)
        assert others == [first] * 7
        assert (await stores[0].webhook_endpoints.list(ME, PageRequest())).items == (first,)

    async def test_changes_at_once_are_made_one_after_the_other(self, stores: Sequence[WebhookStore]) -> None:
        endpoint = await create(stores[0])
        fields: list[dict[str, Any]] = [
            {"description": "second"},
            {"url": "https://example.com/b"},
            {"event_types": ("WalletOpened",)},
            {"status": "disabled"},
        ]
        await asyncio.gather(
            *(change(stores[n % len(stores)], endpoint, **changes) for n, changes in enumerate(fields))
        )
        now: WebhookEndpoint = await stores[0].webhook_endpoints.get(ME, endpoint.id)
        assert (now.description, now.url, now.event_types, now.status) == (
            "second",
            "https://example.com/b",
            ("WalletOpened",),
            "disabled",
        )

    async def test_a_delivery_of_the_group_that_deletes_its_endpoint_is_gone(self, store: WebhookStore) -> None:
        endpoint = await create(store, caller=LOCAL_OPERATOR)
        test = SendWebhookTest(endpoint_id=endpoint.id)
        async with at_work(store) as app:
            tested, _ = await asyncio.gather(
                app.execute(test, key="test"), app.execute(DeleteWebhookEndpoint(endpoint_id=endpoint.id))
            )
            with pytest.raises(WebhookDeliveryNotFound):
                await app.execute(test, key="test")
        with pytest.raises(WebhookDeliveryNotFound):
            await store.webhook_deliveries.get(LOCAL_OPERATOR, tested.id)

    async def test_a_delivery_of_the_group_that_disables_its_endpoint_is_kept(self, store: WebhookStore) -> None:
        endpoint = await create(store, caller=LOCAL_OPERATOR)
        test = SendWebhookTest(endpoint_id=endpoint.id)
        async with at_work(store) as app:
            tested, _ = await asyncio.gather(
                app.execute(test, key="test"),
                app.execute(UpdateWebhookEndpoint(endpoint_id=endpoint.id, status="disabled")),
            )
            assert await app.execute(test, key="test") == tested
        assert await store.webhook_deliveries.get(LOCAL_OPERATOR, tested.id) == tested

    async def test_a_deleted_endpoint_is_gone(self, store: WebhookStore) -> None:
        endpoint = await create(store)
        await store.webhook_deliveries.queue(new_stream(endpoint, uuid7(), 3))
        [run] = await claim_one_of_each(store.webhook_deliveries, {endpoint.id: 5}, 5)
        deletion = DeleteWebhookEndpoint(endpoint_id=endpoint.id)
        await execute(store, deletion)
        await recorded(store.webhook_deliveries, run, HOUR)  # it was claimed before
        assert await store.webhook_endpoints.active() == []
        assert (await store.webhook_endpoints.list(ME, PageRequest())).items == ()
        for missing in (
            store.webhook_endpoints.get(ME, endpoint.id),
            change(store, endpoint, status="active"),
            execute(store, deletion),
        ):
            with pytest.raises(WebhookEndpointNotFound):
                await missing
        for gone in (
            store.webhook_deliveries.get(ME, first(run).id),
            execute(store, ResendWebhookDelivery(delivery_id=first(run).id)),
        ):
            with pytest.raises(WebhookDeliveryNotFound):
                await gone
        while await store.webhook_deliveries.purge(HOUR):
            pass
