"""Idempotency keys: a repeated request has one effect and one answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from tekana.application import CloseCustomer, Command, Session, SuspendCustomer
from tekana.application.engine.decide import fingerprint
from tekana.domain.answers import CustomerWithWallets
from tekana.domain.caller import LOCAL_OPERATOR, MAIN_TENANT
from tekana.domain.errors import CustomerExists, IdempotencyKeyReused, InsufficientFunds, Refused
from tekana.domain.identifiers import HOUSE_ROLES, WalletId
from tekana.domain.lock_set import LockSet
from tekana.domain.transaction import Rejection, Transaction
from tekana.domain.wallet import Wallet
from tekana.ports.store import Store
from tekana.ports.unit_of_work import IdempotencyKey, IdempotencyRecord
from tekana.testing import builders
from tekana.testing.contracts.fixtures import Contract
from tekana.testing.contracts.helpers import a_customer, a_wallet, all_at_once, all_outcomes, book_on, by_hand, kinds
from tekana.testing.contracts.ledger_checks import customers, transactions, wallets

ODD_KEYS = ("a", "A", "a ", " a", "clé-ключ-鍵-🔑", "%_'\";--", "x" * 255, "\\", "a\nb", "null", "x" * 255 + "\x1f999")


class IdempotencyContract(Contract):
    """The contract of `UnitOfWork.find_keys`, and of idempotency in the engine."""

    async def test_only_used_keys_are_found(self, store: Store, app: Session) -> None:
        used = IdempotencyKey(MAIN_TENANT, "a partner", "used")
        answer, _ = await by_hand(store, builders.person(), used.key)
        async with store.begin() as unit:
            known = await unit.find_keys(
                [
                    used,
                    IdempotencyKey(MAIN_TENANT, "a partner", "fresh"),
                    IdempotencyKey(MAIN_TENANT, "another", "used"),
                ]
            )
        assert set(known) == {used}
        assert known[used].answer == answer

    async def test_odd_keys_are_kept_apart(self, store: Store) -> None:
        outcomes = {key: await by_hand(store, builders.person(), key) for key in ODD_KEYS}
        assert [key for key, (_, repeated) in outcomes.items() if repeated] == []
        answers = {key: answer for key, (answer, _) in outcomes.items()}
        async with store.begin() as unit:
            known = await unit.find_keys([IdempotencyKey(MAIN_TENANT, "a partner", key) for key in ODD_KEYS])
        assert {key.key: claimed.answer for key, claimed in known.items()} == answers

    async def test_a_key_belongs_to_a_caller(self, app: Session, store: Store) -> None:
        wallet = await a_wallet(app)
        for subject in ("one", "two", "One"):
            session = app.as_caller(builders.caller(subject))
            done = await session.submit(builders.deposit(wallet.id, "10"), key="same")
            assert (done.replayed, done.answer.created_by) == (False, subject)
        assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 30

    @pytest.mark.parametrize("number", [-(2**63), -1, 0, 2**63 - 1])
    async def test_fingerprints_come_back_exactly(self, store: Store, number: int) -> None:
        key = IdempotencyKey(MAIN_TENANT, "a partner", "a key")
        person = builders.person()
        async with store.begin() as unit:
            assert await unit.find_keys([key]) == {}
            book = book_on(await unit.lock(person.locks()))
            await unit.save(book, {key: IdempotencyRecord(number, person.decide(book))})
        async with store.begin() as unit:
            assert (await unit.find_keys([key]))[key].fingerprint == number

    async def test_answers_come_back_equal(self, stores: Sequence[Store], app: Session) -> None:
        aline = await a_customer(app, "500")
        commands: list[tuple[Command[Any], type]] = [
            (builders.deposit(aline.wallets[0].id, metadata={"b": 1, "a": None}, reference="r"), Transaction),
            (builders.withdrawal(aline.wallets[0].id, "99999"), Transaction),
            (builders.open_wallet(aline.customer.id, "USD", name="Travel", metadata={"x": 1.5}), Wallet),
            (builders.person(country="RW", external_id="crm-2", metadata={"vip": True}), CustomerWithWallets),
            (builders.person(email=aline.customer.email), Rejection),
            (CloseCustomer(customer_id=aline.customer.id), Rejection),
        ]
        answers = [(await by_hand(stores[0], command, f"key {n}"))[0] for n, (command, _) in enumerate(commands)]
        for store in stores:
            for number, (command, kind) in enumerate(commands):
                async with store.begin() as unit:
                    [claimed] = (
                        await unit.find_keys([IdempotencyKey(MAIN_TENANT, "a partner", f"key {number}")])
                    ).values()
                assert type(claimed.answer) is kind
                assert claimed == IdempotencyRecord(fingerprint(command.NAME, command), answers[number])
                assert repr(claimed.answer) == repr(answers[number]), "equal, but not the same to the last detail"

    async def test_a_replay_shows_things_as_they_were(self, app: Session) -> None:
        aline = await a_customer(app)
        opening = builders.open_wallet(aline.customer.id, "RWF", name="Savings")
        opened = await app.submit(opening, key="opening")
        await app.execute(builders.deposit(opened.answer.id, "700"))
        suspension = SuspendCustomer(customer_id=aline.customer.id, reason="a court order")
        suspended = await app.submit(suspension, key="suspension")
        again = await app.submit(opening, key="opening")
        assert (again.answer, again.replayed) == (opened.answer, True)
        assert (again.answer.ledger_balance, again.answer.customer_active) == (0, True)
        assert (await app.submit(suspension, key="suspension")).answer == suspended.answer

    async def test_a_refusal_is_repeated_as_it_was(self, app: Session, store: Store) -> None:
        wallet = await a_wallet(app, "500")
        command = builders.withdrawal(wallet.id, "501")
        with pytest.raises(InsufficientFunds) as first:
            await app.submit(command, key="too much", request_id="request 1")
        await app.execute(builders.deposit(wallet.id, "10000"))
        with pytest.raises(InsufficientFunds) as second:
            await app.submit(command, key="too much", request_id="request 2")
        assert (first.value.replayed, second.value.replayed) == (False, True)
        assert second.value.transaction == first.value.transaction
        assert (second.value.request_id, str(second.value)) == ("request 1", str(first.value))
        assert len([one for one in await transactions(store) if one.status == "rejected"]) == 1

    async def test_a_refused_registration_is_repeated_as_it_was(self, app: Session, store: Store) -> None:
        aline = await a_customer(app)
        command = builders.person(email=aline.customer.email)
        with pytest.raises(CustomerExists):
            await app.submit(command, key="duplicate")
        await app.execute(CloseCustomer(customer_id=aline.customer.id))
        with pytest.raises(CustomerExists) as again:
            await app.submit(command, key="duplicate")
        assert again.value.replayed
        assert await customers(store) == [(await app.customers.get(aline.customer.id)).customer]

    async def test_a_key_serves_one_command(self, app: Session, store: Store) -> None:
        wallet = await a_wallet(app, "500")
        await app.execute(builders.deposit(wallet.id, "10"), key="a key")
        others: list[Command[Any]] = [
            builders.deposit(wallet.id, "11"),
            builders.deposit(wallet.id, "10", description="tea"),
            builders.deposit(wallet.id, "10", metadata={"a": 1}),
            builders.withdrawal(wallet.id, "10"),
            builders.person(),
        ]
        for other in others:
            with pytest.raises(IdempotencyKeyReused):
                await app.execute(other, key="a key")
        assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 510
        assert len(await transactions(store)) == 2

    async def test_units_that_race_for_a_key_have_one_effect(self, stores: Sequence[Store], app: Session) -> None:
        wallet = await a_wallet(app)
        command = builders.deposit(wallet.id, "10")
        outcomes = await all_at_once(by_hand(stores[n % len(stores)], command, "one key") for n in range(20))
        assert sorted(repeated for _, repeated in outcomes) == [False] + [True] * 19
        assert all(answer == outcomes[0][0] for answer, _ in outcomes)
        assert (await app.wallets.get(wallet.id)).ledger_balance == 10

    async def test_units_that_race_for_a_key_from_apart(self, stores: Sequence[Store], app: Session) -> None:
        """The commands lock nothing in common: they conflict on the key only."""
        command = builders.person()
        before = len(await wallets(stores[0]))
        outcomes = await all_at_once(by_hand(stores[n % len(stores)], command, "one key") for n in range(20))
        assert sorted(repeated for _, repeated in outcomes) == [False] + [True] * 19
        assert all(answer == outcomes[0][0] for answer, _ in outcomes)
        assert len(await customers(stores[0])) == 1
        assert len(await wallets(stores[0])) == before + 1 + len(HOUSE_ROLES)

    async def test_the_same_request_fifty_times_at_once(self, crew: Sequence[Session], store: Store) -> None:
        wallet = await a_wallet(crew[0])
        command = builders.deposit(wallet.id, "10")
        done = await all_at_once(crew[n % len(crew)].submit(command, key="one key") for n in range(50))
        assert sorted(one.replayed for one in done) == [False] + [True] * 49
        assert all(one.answer == done[0].answer for one in done)
        assert await transactions(store) == [done[0].answer]
        assert (await store.wallets(LOCAL_OPERATOR).get(wallet.id)).ledger_balance == 10

    async def test_two_requests_race_for_one_key(self, crew: Sequence[Session], store: Store) -> None:
        wallets_of_two = [await a_wallet(crew[0]), await a_wallet(crew[0])]
        commands = [builders.deposit(wallets_of_two[n % 2].id, "10") for n in range(16)]
        outcomes = await all_outcomes(
            crew[n % len(crew)].submit(command, key="one key") for n, command in enumerate(commands)
        )
        assert kinds(outcomes) == ["Executed"] * 8 + ["IdempotencyKeyReused"] * 8
        balances = sorted([(await store.wallets(LOCAL_OPERATOR).get(one.id)).ledger_balance for one in wallets_of_two])
        assert balances == [0, 10]

    async def test_refused_money_without_a_wallet_is_kept(self, app: Session) -> None:
        command = builders.deposit(WalletId(uuid4()), "10")
        with pytest.raises(Refused) as refused:
            await app.submit(command, key="nowhere")
        kept = refused.value.transaction
        assert isinstance(kept, Transaction)
        assert await app.transactions.get(kept.id) == kept
        with pytest.raises(Refused) as again:
            await app.submit(command, key="nowhere")
        assert again.value.transaction == kept

    async def test_touching_nothing_at_all(self, store: Store) -> None:
        async with store.begin() as unit:
            assert await unit.find_keys([]) == {}
            assert (await unit.lock(LockSet())).wallets == {}
