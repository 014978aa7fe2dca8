"""The suite for the audit log: what commands add to it, what is added apart from them, and the reader."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from uuid_utils.compat import uuid7

from tekana.application import (
    FreezeWallet,
    KeyProperties,
    RevokeApiKey,
    Session,
    SuspendCustomer,
    UpdateCustomer,
    create_api_key,
)
from tekana.domain.audit_log import Act, AuditEntry, Origin, Resource
from tekana.domain.caller import LOCAL_OPERATOR, ROLES, Caller, customer_caller
from tekana.domain.errors import CustomerNotFound, InvalidRequest, Refused, WalletNotFound
from tekana.domain.identifiers import CustomerId, WalletId
from tekana.ports.audit_log import AuditFilter
from tekana.ports.page import PageRequest
from tekana.ports.store import Store
from tekana.testing.builders import atomic, deposit, freeze, independent, partner, person, transfer
from tekana.testing.clock import FrozenClock
from tekana.testing.contracts.approval_helpers import adjustment, approve, ask, office
from tekana.testing.contracts.fixtures import Contract

_PAGE = PageRequest(100)
_ABSENT = WalletId(uuid7())


async def _entries(app: Session, which: AuditFilter | None = None) -> Sequence[AuditEntry]:
    return (await app.audit_log.list(_PAGE, which or AuditFilter())).items


async def _only(app: Session) -> AuditEntry:
    entries = await _entries(app)
    assert len(entries) == 1
    return entries[0]


async def _last(app: Session) -> AuditEntry:
    return (await _entries(app))[-1]


def _at(app: Session, address: str) -> Session:
    """Return the same caller's session from an address."""
    return app.as_caller(app.caller, Origin(address))


def _auditor(tenant: str) -> Caller:
    return replace(partner(tenant, f"auditor of {tenant}"), scopes=ROLES["partner"] | {"audit-log:read"})


class AuditLogContract(Contract):
    """Privileged commands are recorded in their units of work, and the records are read back."""

    async def test_a_privileged_command_is_recorded_with_what_it_changed(
        self, app: Session, clock: FrozenClock
    ) -> None:
        wallet = (await app.execute(person())).wallets[0]
        await app.execute(freeze(wallet.id, "debits"), request_id="a request")
        entry = await _last(app)
        assert (entry.action, entry.outcome, entry.code, entry.at) == ("FreezeWallet", "done", None, clock())
        assert (entry.tenant, entry.subject, entry.kind) == ("main", LOCAL_OPERATOR.subject, "operator")
        assert (entry.resource, entry.resource_id, entry.request_id) == ("wallet", wallet.id, "a request")
        assert entry.before == {"status": "active", "freeze_scope": None}
        assert entry.after == {"status": "frozen", "freeze_scope": "debits"}
        assert (entry.personal_fields, entry.occurrences, entry.address) == (("freeze_reason",), 1, None)

    async def test_a_new_resource_has_no_state_before(self, app: Session) -> None:
        customer = (await app.execute(person(country="RW"))).customer
        entry = await _only(app)
        assert (entry.action, entry.resource, entry.resource_id) == ("RegisterCustomer", "customer", customer.id)
        assert (entry.before, entry.after) == (None, {"status": "active"})
        assert entry.personal_fields == ("full_name", "email", "phone_number", "country")

    async def test_what_belongs_to_a_person_is_named_but_not_shown(self, app: Session) -> None:
        customer = (await app.execute(person())).customer
        changes = {"full_name": "Canary Name", "email": "canary@example.com", "phone_number": "+250788999001"}
        await app.execute(UpdateCustomer(customer_id=customer.id, **changes))  # type: ignore[arg-type]
        await app.execute(SuspendCustomer(customer_id=customer.id, reason="canary reason"))
        entries = await _entries(app, AuditFilter(resource_id=customer.id))
        update, suspension = entries[-2:]
        assert (update.before, update.after) == (None, None)
        assert update.personal_fields == ("full_name", "email", "phone_number")
        assert (suspension.before, suspension.after) == ({"status": "active"}, {"status": "suspended"})
        assert suspension.personal_fields == ("suspension_reason",)
        assert "canary" not in repr(entries).lower()

    async def test_a_key_is_recorded_without_its_secret(self, app: Session) -> None:
        issued = await create_api_key(app, KeyProperties("Shop", "partner", ("wallets:read",), "north"))
        await app.execute(RevokeApiKey(key_id=issued.key.id))
        created, revoked = await _entries(app)
        assert created.after == {"kind": "partner", "scopes": ("wallets:read",), "subject": issued.key.subject}
        assert created.personal_fields == ("name",)
        assert revoked.before == {"revoked_at": None}
        assert revoked.after is not None
        assert revoked.after["revoked_at"]
        assert {one.tenant for one in (created, revoked)} == {"north"}

    async def test_a_refused_command_is_recorded(self, app: Session) -> None:
        with pytest.raises(WalletNotFound):
            await app.execute(freeze(_ABSENT), request_id="refused")
        entry = await _only(app)
        assert (entry.action, entry.outcome, entry.code) == ("FreezeWallet", "refused", WalletNotFound.code)
        assert (entry.resource, entry.resource_id, entry.request_id) == ("wallet", _ABSENT, "refused")
        assert (entry.before, entry.after, entry.personal_fields) == (None, None, ())

    async def test_a_repeated_command_is_recorded_once(self, app: Session) -> None:
        wallet = (await app.execute(person())).wallets[0]
        for _ in range(2):
            await app.execute(freeze(wallet.id), key="freeze")
        for _ in range(2):
            with pytest.raises(WalletNotFound):
                await app.execute(freeze(_ABSENT), key="absent")
        actions = [(one.action, one.outcome) for one in await _entries(app)]
        assert actions == [("RegisterCustomer", "done"), ("FreezeWallet", "done"), ("FreezeWallet", "refused")]

    async def test_money_has_no_entries(self, app: Session) -> None:
        payer, payee = [(await app.execute(person())).wallets[0] for _ in range(2)]
        await app.execute(deposit(payer.id))
        await app.execute(transfer(payer.id, payee.id))
        with pytest.raises(Refused):
            await app.execute(transfer(payer.id, payee.id, "5000"))
        assert {one.action for one in await _entries(app)} == {"RegisterCustomer"}

    async def test_an_adjustment_is_recorded_as_its_wallet_is(self, app: Session) -> None:
        wallet = (await app.execute(person())).wallets[0]
        await app.execute(adjustment(wallet.id))
        with pytest.raises(Refused):
            await app.execute(adjustment(wallet.id, "9000", "debit"))
        found = await _entries(app, AuditFilter(action="AdjustBalance"))
        assert [(one.outcome, one.resource, one.resource_id) for one in found] == [
            ("done", "wallet", wallet.id),
            ("refused", "wallet", wallet.id),
        ]

    async def test_an_approval_is_recorded_from_request_to_execution(self, store: Store, app: Session) -> None:
        wallet = (await app.execute(person())).wallets[0]
        async with office(store) as people:
            approval = await ask(people.asker, adjustment(wallet.id))
            await people.approver.execute(approve(approval))
        _, asked, executed, approved = await _entries(app)
        assert (asked.action, asked.resource, asked.resource_id) == ("RequestApproval", "approval", approval.id)
        assert asked.after == {"command": "AdjustBalance", "status": "pending"}
        assert (executed.action, executed.resource_id) == ("AdjustBalance", wallet.id)
        assert (approved.action, approved.resource_id) == ("ApproveRequest", approval.id)
        assert approved.before is not None
        assert approved.before["status"] == "pending"
        assert asked.subject == executed.subject != approved.subject

    async def test_what_is_executed_for_the_asker_has_no_address_of_the_approver(
        self, store: Store, app: Session
    ) -> None:
        wallet = (await app.execute(person())).wallets[0]
        async with office(store) as people:
            approval = await ask(_at(people.asker, "192.0.2.1"), adjustment(wallet.id))
            await _at(people.approver, "192.0.2.2").execute(approve(approval), request_id="second request")
        _, asked, executed, approved = await _entries(app)
        assert [one.address for one in (asked, executed, approved)] == ["192.0.2.1", None, "192.0.2.2"]
        assert executed.request_id == approved.request_id == "second request"

    async def test_a_batch_is_recorded_with_its_own_address(self, app: Session) -> None:
        wallet = (await app.execute(person())).wallets[0]
        here, there = _at(app, "192.0.2.1"), _at(app, "192.0.2.2")
        for batch in (atomic, independent):
            before = len(await _entries(app))
            asked = [
                asyncio.ensure_future(one)
                for one in (
                    here.execute(freeze(_ABSENT)),
                    there.submit_batch(batch(adjustment(wallet.id)), request_id="a batch"),
                    app.submit_batch(batch(adjustment(wallet.id))),
                )
            ]
            await asyncio.wait(asked)
            assert isinstance(asked[0].exception(), WalletNotFound)
            found = (await _entries(app))[before:]
            assert {(one.action, one.address, one.request_id) for one in found} == {
                ("FreezeWallet", "192.0.2.1", None),
                ("AdjustBalance", "192.0.2.2", "a batch"),
                ("AdjustBalance", None, None),
            }

    async def test_a_preview_has_no_entry(self, app: Session) -> None:
        wallet = (await app.execute(person())).wallets[0]
        await app.preview(freeze(wallet.id))
        assert len(await _entries(app)) == 1

    async def test_a_tenant_sees_its_own_entries_and_an_operator_all(self, app: Session) -> None:
        north, south = app.as_caller(_auditor("north")), app.as_caller(_auditor("south"))
        customer = (await north.execute(person())).customer
        with pytest.raises(CustomerNotFound):
            await south.execute(UpdateCustomer(customer_id=customer.id, full_name="Other"))
        await app.execute(SuspendCustomer(customer_id=customer.id, reason="asked by the police"))
        assert [one.action for one in await _entries(north)] == ["RegisterCustomer", "SuspendCustomer"]
        assert [(one.action, one.outcome) for one in await _entries(south)] == [("UpdateCustomer", "refused")]
        assert len(await _entries(app)) == 3
        person_ = customer_caller("north", customer.id)
        nosy = replace(person_, scopes=person_.scopes | {"audit-log:read"})
        assert await _entries(app.as_caller(nosy)) == ()

    async def test_entries_are_found_by_each_filter(self, app: Session, clock: FrozenClock) -> None:
        first = (await app.execute(person())).customer
        clock.advance(timedelta(hours=1))
        second = (await app.as_caller(partner("main", "a shop")).execute(person())).customer
        with pytest.raises(WalletNotFound):
            await app.execute(freeze(_ABSENT))
        for which, found in (
            (AuditFilter(subject="a shop"), [second.id]),
            (AuditFilter(action="RegisterCustomer"), [first.id, second.id]),
            (AuditFilter(outcome="refused"), [_ABSENT]),
            (AuditFilter(resource_id=first.id), [first.id]),
            (AuditFilter(start=clock()), [second.id, _ABSENT]),
            (AuditFilter(end=clock()), [first.id]),
            (AuditFilter(subject="a shop", outcome="refused"), []),
        ):
            assert [one.resource_id for one in await _entries(app, which)] == found, which

    async def test_pages_have_every_entry_once_in_both_orders(self, app: Session) -> None:
        ids = [(await app.execute(person())).customer.id for _ in range(5)]
        for newest_first in (False, True):
            found: list[CustomerId] = []
            cursor: str | None = None
            while True:
                page = await app.audit_log.list(PageRequest(2, cursor), newest_first=newest_first)
                found += [CustomerId(one.resource_id) for one in page.items if one.resource_id is not None]
                cursor = page.next_cursor
                if cursor is None:
                    break
            assert found == (ids[::-1] if newest_first else ids)
        with pytest.raises(InvalidRequest, match="cursor"):
            await app.audit_log.list(PageRequest(2, "no cursor"))

    async def test_an_entry_outside_a_unit_of_work_gets_the_time_of_the_store(
        self, store: Store, app: Session, clock: FrozenClock
    ) -> None:
        act = Act("north", "key:1", "partner", "FreezeWallet", "refused", "forbidden", "192.0.2.1")
        made = act.entry(uuid7(), datetime(2000, 1, 1, tzinfo=UTC), resource=Resource("wallet", _ABSENT))
        entry = replace(made, occurrences=7)
        await store.audit_records.append([entry])
        await store.audit_records.append([])
        written_at = clock()
        clock.advance(timedelta(hours=1))
        await store.audit_records.append([replace(entry, occurrences=1)])  # its answer was lost, so it is repeated
        assert await _entries(app) == (replace(entry, at=written_at),)

    async def test_two_commands_of_one_group_have_their_own_states(self, app: Session) -> None:
        wallet = (await app.execute(person())).wallets[0]
        done = [
            app.enqueue(FreezeWallet(wallet_id=wallet.id, scope="debits", reason="lost")),
            app.enqueue(FreezeWallet(wallet_id=wallet.id, scope="all", reason="stolen")),
        ]
        for one in done:
            await one
        *_, first, second = await _entries(app)
        assert first.after == {"status": "frozen", "freeze_scope": "debits"}
        if second.outcome == "done":
            assert (second.before, second.after) == ({"freeze_scope": "debits"}, {"freeze_scope": "all"})
