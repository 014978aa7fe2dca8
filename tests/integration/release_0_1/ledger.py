"""What is done to the ledger: customers, wallets, money, and every kind of answer that is kept under a key."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tekana.domain.caller import LOCAL_OPERATOR
import tekana
from tekana.domain import book
from tests.integration.release_0_1.bank import STRANGER, Bank
from tests.integration.release_0_1.fixture import Json, perform

ALL_VALUES: Json = {
    "text": "naïve — 李 🙂\nsecond line",
    "empty": "",
    "zero": 0,
    "largest": 2**53 - 1,
    "negative": -42,
    "decimal": 0.1,
    "huge": 1e300,
    "minus_zero": -0.0,
    "yes": True,
    "no": False,
    "nothing": None,
    'odd "name"': '\\ " / </script>',
}
"""Metadata with each kind of value."""

PARTNER = "partner-7"
"""Another caller than the one that HTTP stands for."""


async def add_people(bank: Bank) -> None:
    """Register customers with and without what is optional, and have registrations refused."""
    await bank.register(
        "aline", full_name="  Aline Uwase ", country="RW", external_id="crm-1", metadata=ALL_VALUES, key="1"
    )
    await bank.register("bosco", currency="USD", email="Bosco.Habimana+wallet@EXAMPLE.com")
    await bank.register("chantal", currency="JPY", metadata={})
    await bank.register("deo", currency="KWD", country="KW", phone_number="+96522212345", key="K" * 255)
    await bank.register("emile", external_id="crm emile", key=" !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
    await bank.register("fanny", country="RW", phone_number="0788000001")
    await bank.register("gaspard", external_id="crm-7", metadata={"shop": 7})
    await bank.register("innocent", currency="EUR")
    await bank.register("kevin", currency="CLF", full_name="Kévin 李 🙂")
    await bank.register("louise", full_name="Louise Mukamana", key=None)
    taken = {"full_name": "Another Person", "email": "new@example.com", "phone_number": "+250788999999"}
    for field, value in (("email", "ALINE@example.com"), ("phone_number", "+96522212345"), ("external_id", "crm-1")):
        await bank.post("/v1/customers", {**taken, field: value}, status=409, code="customer_exists")


async def open_wallets(bank: Bank) -> None:
    """Open wallets in currencies of 0, 2, 3 and 4 decimals, named and not, and have that refused."""
    await bank.open("aline", "USD", name="Savings — épargne", metadata={"goal": "a bicycle", "months": 12})
    await bank.open("aline", "RWF", called="pocket", name="Pocket money", metadata={}, key=None)
    await bank.open("bosco", "RWF")
    await bank.open("bosco", "KWD")
    await bank.open("chantal", "RWF")
    await bank.open("louise", "USD", metadata=ALL_VALUES)
    await bank.open("louise", "JPY", name="円")
    await bank.open("louise", "RWF", called="spare")
    await bank.open("emile", "USD")
    stranger = {"customer_id": str(STRANGER), "currency": "RWF"}
    await bank.post("/v1/wallets", stranger, status=404, code="not_found")


async def move_first_money(bank: Bank) -> None:
    """Deposit, withdraw and transfer, with and without what is optional, the smallest and the largest amounts."""
    await bank.move("deposit", "100000", "aline RWF", key="order-1")
    everything = {
        "description": "Salary\nof September — 九月 🙂",
        "reference": "order-1",
        "metadata": ALL_VALUES,
        "effective_at": "2026-09-30T23:59:59.123456+02:00",
    }
    await bank.move("deposit", "2500", "aline RWF", **everything)
    await bank.move("deposit", "1250.5", "bosco USD", effective_at="1000-01-01T00:00:00Z")
    await bank.move("deposit", "50000", "chantal JPY", effective_at="9998-12-31T23:59:59.999999-11:00")
    await bank.move("deposit", "12.345", "deo KWD", metadata={})
    await bank.move("deposit", "1.2345", "kevin CLF")
    await bank.move("deposit", "1000000000000000", "louise RWF", description="the largest amount")
    await bank.move("deposit", "1", "bosco RWF", description="the smallest amount")
    await bank.move("deposit", "300", "emile RWF")
    await bank.move("deposit", "20", "emile USD")
    await bank.move("deposit", "75.75", "innocent EUR")
    await bank.move("withdrawal", "500", "aline RWF", reference="cash")
    await bank.move("withdrawal", "0.01", "bosco USD")
    await bank.move("withdrawal", "12.345", "deo KWD", description="all of it")
    await bank.move("transfer", "1500", "aline RWF", "louise RWF", reference="order-1")
    await bank.move("transfer", "0.0005", "kevin CLF", "kevin CLF", code="same_wallet")
    await bank.move("transfer", "250", "aline RWF", "aline pocket", description="between two of one customer")
    await bank.move("transfer", "99999999", "aline RWF", "louise RWF", code="insufficient_funds", metadata={"try": 1})


async def change_customers(bank: Bank) -> None:
    """Verify, suspend, reactivate, close and update customers, and have each refused."""
    await bank.to_customer("kevin", "verify", {"tier": "basic"})
    await bank.to_customer("kevin", "verify", {"tier": "full-KYC_2"})
    await bank.to_customer("kevin", "verify", {"tier": "full-KYC_2"})
    await bank.to_customer("aline", "verify", {"tier": "basic"}, key=None)
    await bank.to_customer("unknown", "verify", {"tier": "basic"}, status=404, code="not_found")
    for name in ("emile", "fanny", "innocent"):
        await bank.to_customer(name, "suspend", {"reason": f"a check of {name}\n— 李"})
    await bank.to_customer("emile", "suspend", {"reason": "another reason"})
    await bank.to_customer("fanny", "reactivate", {})
    await bank.to_customer("fanny", "reactivate")
    for verb, body in (("suspend", {"reason": "?"}), ("reactivate", {}), ("close", {})):
        await bank.to_customer("unknown", verb, body, status=404, code="not_found")
    await bank.to_customer("emile", "verify", {"tier": "basic"}, status=409, code="customer_not_active")
    await bank.to_customer("innocent", "close", status=409, code="wallet_not_empty")
    await bank.to_customer("gaspard", "close")
    await bank.to_customer("gaspard", "close", {})
    for verb, body in (("verify", {"tier": "basic"}), ("suspend", {"reason": "?"}), ("reactivate", None)):
        await bank.to_customer("gaspard", verb, body, status=409, code="customer_not_active")
    await bank.register("hope", email="gaspard@example.com", external_id="crm-7")  # which are free again
    wallet = {"customer_id": bank.customers["emile"], "currency": "RWF"}
    await bank.post("/v1/wallets", wallet, status=409, code="customer_not_active")


async def update_customers(bank: Bank) -> None:
    """Change the details of a customer over HTTP, where no key is taken."""
    await bank.register("josiane", country="RW", external_id="crm-10", metadata={"a": 1})
    path = f"/v1/customers/{bank.customers['josiane']}"
    changes = {
        "full_name": "Josiane Ingabire",
        "email": "josiane.ingabire@example.com",
        "metadata": {"b": ALL_VALUES["text"]},
    }
    await bank.send("PATCH", path, changes, status=200, key=None, If_Match='"1"')
    await bank.send("PATCH", path, {"country": None, "external_id": None}, status=200, key=None, If_Match='"2"')
    await bank.send("PATCH", path, {"metadata": None}, status=412, code="concurrent_update", key=None, If_Match='"1"')
    await bank.send("PATCH", path, {"phone_number": "+250788123456"}, status=200, key=None, If_Match="*")


async def change_wallets(bank: Bank) -> None:
    """Freeze, unfreeze and close wallets, and have each refused."""
    debits, all_of_it = {"scope": "debits", "reason": "a lost phone"}, {"scope": "all", "reason": "an order — 李\n§ 5"}
    await bank.open("deo", "KWD", called="frozen", name="Frozen for debits")
    await bank.move("deposit", "7.5", "deo frozen", currency="KWD")
    await bank.to_wallet("deo frozen", "freeze", debits)
    await bank.to_wallet("louise JPY", "freeze", debits)
    await bank.to_wallet("louise JPY", "freeze", all_of_it)
    await bank.to_wallet("louise JPY", "freeze", all_of_it)
    await bank.to_wallet("chantal RWF", "freeze", all_of_it, key=None)
    await bank.to_wallet("chantal RWF", "unfreeze", {})
    await bank.to_wallet("chantal RWF", "unfreeze")
    await bank.to_wallet("louise spare", "freeze", debits)
    await bank.to_wallet("louise spare", "close")
    await bank.to_wallet("louise spare", "close", {})
    await bank.to_wallet("aline RWF", "close", status=409, code="wallet_not_empty")
    for verb, body in (("freeze", debits), ("unfreeze", None)):
        await bank.to_wallet("louise spare", verb, body, status=409, code="wallet_not_active")
    for verb, body in (("freeze", debits), ("unfreeze", {}), ("close", {})):
        await bank.to_wallet("nowhere", verb, body, status=404, code="not_found")


async def have_money_refused(bank: Bank) -> None:
    """Have deposits, withdrawals and transfers refused, for each reason."""
    stranger, house = str(STRANGER), str(tekana.house_wallet_id("settlement", tekana.Currency("RWF")))
    await bank.move("deposit", "5", "deo frozen", currency="KWD")  # frozen for debits: money may come in
    await bank.move("deposit", "5", stranger, currency="RWF", code="not_found")
    await bank.move("deposit", "5", stranger, currency="XOF", code="not_found", reference="no wallet in this currency")
    await bank.move("deposit", "5", house, currency="RWF", code="not_found")
    await bank.move("withdrawal", "5", house, currency="RWF", code="not_found")
    await bank.move("transfer", "5", stranger, "aline RWF", currency="RWF", code="not_found")
    await bank.move("transfer", "5", "aline RWF", stranger, code="not_found")
    for kind, names in (
        ("deposit", ["bosco USD"]),
        ("withdrawal", ["bosco USD"]),
        ("transfer", ["aline RWF", "bosco USD"]),
    ):
        await bank.move(kind, "5", *names, currency="RWF", code="currency_mismatch")
    await bank.move("deposit", "5", "louise JPY", code="wallet_not_active", effective_at="2026-01-31T12:00:00Z")
    await bank.move("deposit", "5", "louise spare", currency="RWF", code="wallet_not_active")
    await bank.move("withdrawal", "5", "deo frozen", currency="KWD", code="wallet_not_active")
    await bank.move("transfer", "5", "deo frozen", "bosco KWD", currency="KWD", code="wallet_not_active")
    await bank.move("transfer", "5", "chantal JPY", "louise JPY", code="wallet_not_active", description="into — 円")
    await bank.move("deposit", "5", "emile USD", code="customer_not_active")
    await bank.move("withdrawal", "5", "emile RWF", code="customer_not_active")
    await bank.move("transfer", "5", "emile RWF", "aline RWF", code="customer_not_active")
    await bank.move("transfer", "5", "bosco USD", "emile USD", code="customer_not_active")
    await bank.move("withdrawal", "1250.50", "bosco USD", code="insufficient_funds", metadata=ALL_VALUES)


async def reach_a_limit(bank: Bank) -> None:
    """Have money refused as a wallet cannot hold it.

    The limit is lowered for that moment: 9,223 deposits of the largest amount would be needed otherwise. What is
    refused, and what is kept of it, is the same.
    """
    limit = book.LARGEST_BALANCE
    book.LARGEST_BALANCE = 10**13  # type: ignore[misc]
    try:
        await bank.move("deposit", "1000000000000000", "aline RWF", code="limit_exceeded")
        await bank.move("transfer", "100000000000000", "louise RWF", "aline RWF", code="limit_exceeded")
    finally:
        book.LARGEST_BALANCE = limit  # type: ignore[misc]


async def move_in_batches(bank: Bank) -> None:
    """Have batches of both modes done, rolled back, refused, and in part refused."""
    deposit = bank.movement("deposit", "900", "aline RWF", reference="batch", metadata=ALL_VALUES)
    transfer = bank.movement("transfer", "600", "aline RWF", "louise RWF", description="in a batch")
    withdrawal = bank.movement("withdrawal", "0.25", "bosco USD")
    too_much = bank.movement("withdrawal", "10000", "chantal RWF", reference="too much")
    mismatch = bank.movement("transfer", "10", "bosco USD", "aline RWF")
    await bank.batch("atomic", deposit, transfer, withdrawal, status=201, key="batch-1")
    await bank.batch("atomic", deposit, transfer, too_much, withdrawal, status=422, key="batch-2")
    await bank.batch("atomic", mismatch, status=422)
    await bank.batch("atomic", withdrawal, status=201)
    await bank.batch("independent", deposit, too_much, transfer, mismatch, status=207, key="batch-3")
    await bank.batch("independent", too_much, mismatch, status=422)
    await bank.batch("independent", deposit, deposit, status=201)
    await bank.batch("atomic", deposit, status=422, code="idempotency_key_reused", key="batch-1")
    await bank.batch("atomic", deposit, status=422, code="idempotency_key_reused", key="order-1")
    await bank.move("deposit", "5", "aline RWF", code="idempotency_key_reused", key="batch-3")


async def ask_again_in_other_ways(bank: Bank) -> None:
    """Ask under keys that were used: for the same in other words, and for something else."""
    again = {"wallet_id": bank.wallets["aline RWF"], "currency": "RWF", "amount": "0100000", "type": "deposit"}
    await bank.post("/v1/transactions", json.dumps(again, indent=2), status=201, key="order-1")
    await bank.move("deposit", "100001", "aline RWF", code="idempotency_key_reused", key="order-1")
    await bank.move("withdrawal", "100000", "aline RWF", code="idempotency_key_reused", key="order-1")
    await bank.to_wallet("aline RWF", "unfreeze", status=422, code="idempotency_key_reused", key="order-1")
    await bank.move("deposit", "5", "aline RWF", code="idempotency_key_reused", key="1")
    endpoint = {"url": "http://127.0.0.1:9/hooks"}
    await bank.post("/v1/webhook-endpoints", endpoint, status=422, code="idempotency_key_reused", key="order-1")
    await bank.move("deposit", "5", "aline RWF", code="idempotency_key_reused", key="webhook-1")


async def call_the_core(bank: Bank) -> None:
    """Give commands to the core: what HTTP takes no keys for, and those of another caller."""
    made = {"full_name": "Patience Keza", "email": "patience@example.com", "phone_number": "+250788777777"}
    patience = await called(bank, tekana.RegisterCustomer(**made), key="1", caller=PARTNER, request_id="partner-1")
    wallet = tekana.WalletId(patience.wallets[0].id)
    bank.customers["patience"], bank.wallets["patience RWF"] = str(patience.customer.id), str(wallet)
    deposit = tekana.DepositFunds(wallet_id=wallet, amount="4000", currency="RWF", reference="order-1")
    await called(bank, deposit, key="order-1", caller=PARTNER)
    withdrawal = tekana.WithdrawFunds(wallet_id=wallet, amount="4001", currency="RWF")
    await called(bank, withdrawal, key="order-2", caller=PARTNER, request_id="partner-2")
    await called(
        bank, tekana.FreezeWallet(wallet_id=wallet, scope="all", reason="?"), key="clé 🗝", caller="appelant 李"
    )
    await called(bank, tekana.UnfreezeWallet(wallet_id=wallet), key="clé 🗝", caller=PARTNER)
    batch = tekana.Batch(mode="independent", transactions=(deposit, withdrawal))
    await called(bank, batch, key="batch-1", caller=PARTNER, request_id="partner-3")
    await bank.app.execute(tekana.DepositFunds(wallet_id=wallet, amount="1", currency="RWF"), caller=PARTNER)  # no key


async def update_under_keys(bank: Bank) -> None:
    """Change details of customers under keys, which HTTP does not take for that; and have it refused."""
    of = {name: tekana.CustomerId(_uuid(bank.customers[name])) for name in ("josiane", "gaspard")}
    josiane, update = of["josiane"], tekana.UpdateCustomer
    await called(bank, update(customer_id=josiane, external_id="crm-10", metadata=ALL_VALUES), key="update-1")
    await called(bank, update(customer_id=josiane, country="KE", expected_version=5), key="update-2", request_id="u-2")
    stale = update(customer_id=josiane, full_name="Too Late", expected_version=3)
    await called(bank, stale, key="update-3", request_id="u-3")
    await called(bank, update(customer_id=josiane, email="aline@example.com"), key="update-4")
    await called(bank, update(customer_id=of["gaspard"], full_name="Closed"), key="update-5")
    await called(bank, update(customer_id=tekana.CustomerId(STRANGER), full_name="None"), key="update-6")


async def refuse_without_a_request_id(bank: Bank) -> None:
    """Have a movement refused that came without a request id, to be repeated over HTTP."""
    body = bank.movement("withdrawal", "5000", "chantal RWF")
    wallet = tekana.WalletId(_uuid(body["wallet_id"]))
    await called(bank, tekana.WithdrawFunds(wallet_id=wallet, amount="5000", currency="RWF"), key="no request id")
    await bank.post("/v1/transactions", body, status=422, code="insufficient_funds", key="no request id")


async def leave(bank: Bank) -> None:
    """Have a suspended customer, whose money is gone, closed; and close a wallet that had money."""
    await bank.to_customer("innocent", "reactivate")
    await bank.move("withdrawal", "75.75", "innocent EUR")
    await bank.to_customer("innocent", "suspend", {"reason": "the same again"})
    await bank.to_customer("innocent", "close")
    await bank.move("transfer", "250", "aline pocket", "aline RWF", currency="RWF")
    await bank.to_wallet("aline pocket", "close")
    await bank.move("deposit", "5", "innocent EUR", code="customer_not_active")


async def called(bank: Bank, given: Any, *, key: str, caller: str = tekana.LOCAL_OPERATOR, **how: str) -> Any:
    """Give a command or a batch to the core; gives the customer with wallets if it led to one."""
    how = {**how, "key": key, "caller": caller}
    bank.note_call(type(given).__name__, given, **how)
    await perform(tekana, bank.app, bank.calls[-1])
    if isinstance(given, tekana.RegisterCustomer):
        return await bank.app.execute(given, **how)  # type: ignore[arg-type] # again: the same answer
    return None


def _uuid(text: str) -> Any:
    return type(STRANGER)(text)


async def until(condition: Any) -> None:
    """Wait until it is so; fails after a minute."""
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110 - what is waited for happens in the database
            await asyncio.sleep(0.05)
